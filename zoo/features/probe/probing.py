"""The convex probe: multinomial logistic regression on fixed features, solved to convergence.

With a frozen base the best linear head is the solution of a convex problem: no learning rate, no number of epochs.
What is minimized over weights W and biases b is

    F(W, b) = C * sum_i weight_i * -log softmax(x_i @ W + b)[target_i]  +  ||W||^2 / 2

on standardized features: the problem of scikit-learn's `LogisticRegression`. Standardized means centered, divided by
sqrt(own variance + mean variance), then by one number that makes the variances add up to one, so that the same C
means the same for 256 features as for 4096. The mean variance in the divisor keeps features that hardly ever fire from
being blown up into noise: on the sets named in `fit_probe` it gave a mean accuracy of .899 (log loss .283) against
.895 (.296) for dividing by the standard deviation and .896 (.289) for one divisor for all; with 50 images .732 (.82)
against .707 (1.33) and .734 (.81). Center and scale are folded into the head that is returned.

How it is solved: the minimizer lies in the span of the rows, so the features are first rotated to their principal
axes (exact, at most min(n, d) of them), where the curvature of F is nearly diagonal. Dividing each axis by the root
of its curvature leaves L-BFGS little to do. F is 1-strongly convex in W, so the gradient bounds the distance to the
minimum; the solver stops on that bound, not on a guess.

Many rows are never copied: they are read block by block, wherever they lie, and the rotation goes into the weights
instead, which gives the same products. A block is worked on in float64: with products in float32 the loss is too rough
for the last steps of L-BFGS, which then took twice as long (100,000 rows of 512) and proved nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.features.probe.axes import blas_threads, is_small, rotate, stream
from zoo.features.probe.cross_validation import USUAL_C, Candidate, cross_validate
from zoo.features.probe.inputs import ClassWeight, checked, row_weights, usable_cs
from zoo.features.probe.rows import Matrix, sweep
from zoo.features.probe.solver import log_softmax, solve

TOLERANCE = 1e-6
"""Bound on (F - minimum of F) / F at which the solver stops in the end."""


@dataclass(frozen=True)
class Probe:
    """A solved linear head: `softmax(values @ kernel + bias)` are the probabilities.

    Attributes:
        kernel: float32 (d, k), as a Keras Dense layer keeps it.
        bias: float32 (k,).
        c: the C that was taken, on features divided by `scale`.
        cv_accuracy: cross-validated accuracy at `c`; NaN if there was too little data to cross-validate.
        cv_log_loss: cross-validated log loss at `c` in nats; NaN likewise.
        candidates: every C that was tried, in rising order.
        scale: (d,), what the centered features were divided by.
        objective: F at the solution.
        converged: F is proven to be within 1e-6 (relative) of its minimum.
        n_iter: iterations of the last solve.
        seconds: wall time, cross-validation included.
    """

    kernel: np.ndarray
    bias: np.ndarray
    c: float
    cv_accuracy: float
    cv_log_loss: float
    candidates: tuple[Candidate, ...]
    scale: np.ndarray
    objective: float
    converged: bool
    n_iter: int
    seconds: float

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (n, k), of features (n, d)."""
        return np.exp(log_softmax(values @ self.kernel + self.bias))


def fit_probe(
    values: Matrix,
    targets: np.ndarray,
    *,
    n_classes: int,
    seed: int = 0,
    class_weight: ClassWeight = None,
    cs: Sequence[float] | None = None,
    views: int = 1,
) -> Probe:
    """Solve a linear classifier on fixed features, the regularization chosen by cross-validation.

    Three stratified folds; rows that are the same never straddle them. Log loss decides, not accuracy: it also tells
    candidates apart that get the same images right. Among values of C whose log loss cannot be told from the lowest
    (paired difference within its standard error) the one nearest to 100 is taken, since a few images cannot tell.
    Measured on images left out, mean over six sets with efficientnet_lite0 features and digits as raw values, 5 or 8
    random choices each (accuracy / log loss):

        images per class           2              10             30             all of 80 % (318 to 1600)
        this rule                  .634 / 1.061   .789 / .581    .857 / .414    .898 / .283
        lowest log loss            .631 / 1.094   .789 / .588    .858 / .410    .898 / .284
        highest accuracy           .631 / 1.090   .789 / .665    .857 / .447    .897 / .297
        always C = 100             .633 / 1.033   .789 / .592    .857 / .416    .896 / .298

    Args:
        values: float32 (views * n, d), finite, view after view: row r shows image r % n. All are read many times, and
            those of more than 4 million numbers never copied.
        targets: int64 (n,), class indices 0..n_classes-1, of at least two classes.
        n_classes: outputs of the head. A class without any row gets a probability of at most 1 / (n + 1) on
            every training row.
        seed: decides the folds; the same seed gives the same result.
        class_weight: None, "balanced" (n / (classes present * rows of the class)), or class index -> weight (1 for
            classes not named).
        cs: values of C to compare; by default a path from 0.1 to 1e5 that ends where the log loss has turned.
        views: how often each image is there, changed at random. Each row then weighs 1 / views, so that the same C
            means the same; all views of an image are in one fold, which is judged by the first: the plain image.

    Returns:
        The head and how it was found.

    Raises:
        DataError: shapes or targets that do not fit, NaN or infinite features, fewer than two classes.
        OptionError: a class weight or a C that cannot be used.
    """
    start = time.perf_counter()
    values, targets = checked(values, targets, n_classes, views)
    present, compact = np.unique(targets, return_inverse=True)
    weights = row_weights(class_weight, targets, n_classes)
    grid = usable_cs(cs)
    n, d = values.shape
    streamed = n > d and not is_small(n * d)
    with blas_threads(n * d, streamed=streamed):
        space = stream(values) if streamed else rotate(np.asarray(values[:]))
        candidates, chosen, guess = cross_validate(
            space, values, compact, weights, grid, seed, stop_early=cs is None, views=views
        )
        best = candidates[chosen] if candidates else None
        c = best.c if best else min(grid, key=lambda value: abs(np.log(value / USUAL_C)))
        everyone = np.tile(compact, views), np.tile(weights / views, views)
        solution = solve(space.rows, *everyone, c, space.squares, guess, TOLERANCE)
        kernel, bias = space.unfold(solution.weights, solution.bias)
        kernel, bias = _with_absent(kernel, bias, values, present, n_classes)
    return Probe(
        kernel=kernel.astype(np.float32),
        bias=bias.astype(np.float32),
        c=c,
        cv_accuracy=best.accuracy if best else float("nan"),
        cv_log_loss=best.log_loss if best else float("nan"),
        candidates=tuple(candidates),
        scale=space.scale,
        objective=solution.objective,
        converged=solution.converged,
        n_iter=solution.iterations,
        seconds=time.perf_counter() - start,
    )


def _with_absent(
    kernel: np.ndarray, bias: np.ndarray, values: Matrix, present: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Add outputs for classes without any row: no weights, and a bias that keeps them at most 1 / (n + 1) on each row.

    Left to the optimizer, the bias of such a class would run to minus infinity.
    """
    if len(present) == n_classes:
        return kernel, bias

    def least(_: slice, block: np.ndarray) -> float:
        logits = block @ kernel + bias
        total = logits.max(axis=1) + np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1))
        return float(total.min())

    lowest = min(sweep(values, least))
    full_kernel, full_bias = np.zeros((len(kernel), n_classes)), np.full(n_classes, lowest - np.log(len(values)))
    full_kernel[:, present], full_bias[present] = kernel, bias
    return full_kernel, full_bias
