"""One convex problem, solved by L-BFGS until the gradient proves how near the minimum is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.features.probe.rows import Held, Streamed

_ITERATIONS = 500
_ROUNDS = 6


class Guess(NamedTuple):
    """Where to start.

    Attributes:
        weights: (r, k).
        bias: (k,).
    """

    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Solution:
    """Where the solver stopped.

    Attributes:
        weights: (r, k) on the axes.
        bias: (k,).
        objective: F there.
        converged: F is proven to be within the tolerance of its minimum.
        iterations: of L-BFGS, over all rounds.
    """

    weights: np.ndarray
    bias: np.ndarray
    objective: float
    converged: bool
    iterations: int


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log softmax over the columns of logits (n, k)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def solve(
    rows: Held | Streamed,
    targets: np.ndarray,
    weights: np.ndarray,
    c: float,
    squares: np.ndarray,
    guess: Guess | None,
    tolerance: float,
) -> Solution:
    """Minimize F by L-BFGS on axes divided by the root of their curvature.

    Args:
        rows: (n, r) coordinates.
        targets: (n,) class indices 0..k-1, every class present.
        weights: (n,) weight of each row.
        c: factor of the data term.
        squares: (r,) sum of squares of `rows` along each axis; only the speed depends on it.
        guess: where to start; zeros if None.
        tolerance: bound on (F - minimum) / F to stop at.
    """
    n, r = rows.shape
    k = int(targets.max()) + 1
    solution = guess if guess is not None else Guess(np.zeros((r, k)), np.zeros(k))
    problem = _Problem(rows, targets, (c * weights)[:, None], tolerance)
    iterations = 0
    for _ in range(_ROUNDS):
        curvature = problem.curvature(solution, k)
        scaled = _Scaled(problem, np.sqrt(1 + curvature * squares)[:, None], np.sqrt(curvature * n) or 1.0)
        solution, rounds = scaled.minimize(solution)
        iterations += rounds
        if problem.solved:
            break
    return Solution(solution.weights, solution.bias, problem.objective, problem.solved, iterations)


class _Problem:
    """F and its gradient on the principal axes, and how near the minimum the last point was proven to be.

    Args:
        rows: (n, r) coordinates.
        targets: (n,) class indices.
        factor: (n, 1), C times the weight of each row.
        tolerance: bound on (F - minimum) / F to stop at.
    """

    def __init__(self, rows: Held | Streamed, targets: np.ndarray, factor: np.ndarray, tolerance: float) -> None:
        self._rows, self._targets, self._factor, self._tolerance = rows, targets, factor, tolerance
        self.shape = rows.shape
        self.objective, self._gap = np.inf, np.inf

    @property
    def solved(self) -> bool:
        """F at the last point is proven to be within the tolerance of its minimum."""
        return bool(self._gap <= self._tolerance * self.objective)

    def curvature(self, at: Guess, k: int) -> float:
        """Return the mean of C * weight * p (1 - p) over rows and classes.

        The Hessian is rows' D rows + 1 with D about that: nearly diagonal on principal axes.
        """
        inner, bias, factor = self._rows.inward(at.weights), at.bias, self._factor

        def curve(where: slice, block: np.ndarray) -> float:
            p = np.exp(log_softmax(block @ inner + bias))
            return float((factor[where] * p * (1 - p)).sum())

        return sum(self._rows.sweep(curve)) / (self.shape[0] * k)

    def gradient(self, at: Guess) -> Guess:
        """Return the gradient of F by weights and bias; `objective` and `solved` are then those of the point."""
        inner, bias, factor, targets = self._rows.inward(at.weights), at.bias, self._factor, self._targets

        def one(where: slice, block: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            log_p = log_softmax(block @ inner + bias)
            true, each = targets[where], np.arange(len(block))
            loss = float(-(factor[where, 0] @ log_p[each, true]))
            residual = np.exp(log_p)
            residual[each, true] -= 1
            residual *= factor[where]
            return loss, (block.T @ residual.astype(block.dtype)).astype(np.float64), residual.sum(axis=0)

        losses, gradients, b_gradients = zip(*self._rows.sweep(one), strict=True)
        self.objective = sum(losses) + 0.5 * float(np.vdot(at.weights, at.weights))
        w_gradient = self._rows.outward(sum(gradients[1:], gradients[0])) + at.weights
        b_gradient = sum(b_gradients[1:], b_gradients[0])
        # F is 1-strongly convex in w; the biases are taken to be within 1 of where they belong.
        self._gap = float(0.5 * np.vdot(w_gradient, w_gradient) + np.abs(b_gradient).sum())
        return Guess(w_gradient, b_gradient)


class _Scaled:
    """A problem on stretched axes, as one vector: what L-BFGS works on.

    Args:
        problem: on the principal axes.
        stretch: (r, 1), the root of the curvature along each axis.
        bias_stretch: that of the biases.
    """

    def __init__(self, problem: _Problem, stretch: np.ndarray, bias_stretch: float) -> None:
        self._problem, self._stretch, self._bias_stretch = problem, stretch, bias_stretch

    def minimize(self, start: Guess) -> tuple[Guess, int]:
        """Return where L-BFGS stopped, and its iterations; it stops once the problem is solved."""
        from scipy.optimize import minimize

        result = minimize(
            self._evaluate,
            np.concatenate([(start.weights * self._stretch).ravel(), start.bias * self._bias_stretch]),
            jac=True,
            method="L-BFGS-B",
            callback=self._enough,
            options={"maxiter": _ITERATIONS, "maxcor": 10, "gtol": 0.0, "ftol": 0.0},
        )
        self._evaluate(result.x)
        return self._point(result.x), int(result.nit)

    def _point(self, x: np.ndarray) -> Guess:
        r = self._problem.shape[1]
        k = len(x) // (r + 1)
        return Guess(x[: r * k].reshape(r, k) / self._stretch, x[r * k :] / self._bias_stretch)

    def _evaluate(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = self._problem.gradient(self._point(x))
        return self._problem.objective, np.concatenate(
            [(gradient.weights / self._stretch).ravel(), gradient.bias / self._bias_stretch]
        )

    def _enough(self, _: np.ndarray) -> None:
        if self._problem.solved:
            raise StopIteration
