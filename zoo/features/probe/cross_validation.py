"""The choice of C: folds, the loss of rows left out, and out-of-fold probabilities."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from zoo.errors import DataError
from zoo.features.probe.axes import Space, blas_threads, rotate
from zoo.features.probe.inputs import checked, usable_cs
from zoo.features.probe.rows import Held, Matrix, blocks
from zoo.features.probe.solver import Guess, log_softmax, solve

USUAL_C = 100.0
"""What image sets choose most often (10 to 1000); taken as far as the data cannot tell otherwise."""

FOLDS = 3
FOLD_ROWS = 10_000
"""Rows used to choose C at most: beyond that the choice no longer changes, and the time would."""

FOLD_TOLERANCE = 3e-3
"""Bound on (F - minimum of F) / F at which the solver stops while values of C are compared."""


@dataclass(frozen=True)
class Candidate:
    """One value of C and how it did on examples left out.

    Attributes:
        c: the inverse of the strength of the regularization.
        accuracy: share right, over all folds.
        log_loss: mean negative log likelihood in nats, over all folds (weighted by class if weights were given).
    """

    c: float
    accuracy: float
    log_loss: float


class Fold:
    """One split into rows to fit and rows to judge by, with the solution for the last C as the next start.

    Args:
        rows: float32 (n, r) on the principal axes.
        targets: (n,).
        weights: (n,).
        squares: (r,) the sum of squares along each axis.
        fitted: which rows to fit: numbers, or slices, of which no copy is made.
        judged: which rows to judge by.
    """

    def __init__(
        self,
        rows: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray,
        squares: np.ndarray,
        fitted: np.ndarray | Sequence[slice],
        judged: np.ndarray | slice,
    ) -> None:
        places = [fitted] if isinstance(fitted, np.ndarray) else fitted
        self.fitted, self.judged = Held(*(rows[place] for place in places)), rows[judged]
        fitted_targets = np.concatenate([targets[place] for place in places])
        self.present, self.targets = np.unique(fitted_targets, return_inverse=True)
        self.weights = np.concatenate([weights[place] for place in places])
        self.judged_targets, self.judged_weights = targets[judged], weights[judged]
        self.squares = squares * (len(fitted_targets) / len(targets))
        self.classes = int(targets.max()) + 1
        self.guess: Guess | None = None

    def judge(self, c: float) -> tuple[np.ndarray, np.ndarray]:
        """For each row left out: whether it is right, and its weighted -log p of the true class."""
        log_p = self.log_probabilities(c)
        loss = -self.judged_weights * log_p[np.arange(len(log_p)), self.judged_targets]
        return log_p.argmax(axis=1) == self.judged_targets, loss

    def log_probabilities(self, c: float) -> np.ndarray:
        """log p (rows left out, classes) at this C."""
        log_p = np.full((len(self.judged), self.classes), -np.log(self.fitted.shape[0] + 1.0))
        if len(self.present) == 1:
            log_p[:, self.present] = 0.0
        else:
            solution = solve(self.fitted, self.targets, self.weights, c, self.squares, self.guess, FOLD_TOLERANCE)
            self.guess = Guess(solution.weights, solution.bias)
            log_p[:, self.present] = log_softmax(self.judged @ solution.weights + solution.bias)
        return log_p

    def solution(self) -> Guess:
        """The last solution over all classes; zeros for a class this fold never fitted."""
        weights, bias = np.zeros((self.fitted.shape[1], self.classes)), np.zeros(self.classes)
        if self.guess is not None:
            weights[:, self.present], bias[self.present] = self.guess
        return Guess(weights, bias)


def fold_numbers(values: Matrix, targets: np.ndarray, seed: int) -> np.ndarray:
    """A fold 0..2 for each image, -1 for images not used: stratified by class, rows that are the same together.

    Args:
        values: the first view of the images comes first.
        targets: (n,).
        seed: decides which image goes where.
    """
    n = len(targets)
    hashes = np.concatenate([[hash(row.tobytes()) for row in block] for _, block in blocks(values)])[:n]
    _, first, same = np.unique(hashes, return_index=True, return_inverse=True)
    leader = first[same]
    leaders = np.random.default_rng(seed).permutation(np.unique(leader))
    # Dealt out like cards, one class after the other: every fold gets its share of every class, and folds are even.
    leaders = leaders[np.argsort(targets[leaders], kind="stable")]
    if len(leaders) > FOLD_ROWS:
        leaders = leaders[np.linspace(0, len(leaders) - 1, FOLD_ROWS).astype(int)]
    fold_of_leader = np.full(n, -1)
    fold_of_leader[leaders] = np.arange(len(leaders)) % FOLDS
    return fold_of_leader[leader]


def _spread_classes(targets: np.ndarray, number: np.ndarray) -> int:
    """How many classes have rows in two folds or more."""
    return sum(len(np.unique(number[targets == label])) > 1 for label in np.unique(targets))


def cross_validate(
    space: Space,
    values: Matrix,
    targets: np.ndarray,
    weights: np.ndarray,
    grid: list[float],
    seed: int,
    *,
    stop_early: bool,
    views: int,
) -> tuple[list[Candidate], int, Guess | None]:
    """Judge values of C in rising order, each solve starting from the one before.

    Returns:
        The candidates (none if fewer than two classes have two different rows), which of them to take, and the mean
        of the folds' solutions for it, from where the solve on all rows is short.
    """
    number = fold_numbers(values, targets, seed)
    used = number >= 0
    if _spread_classes(targets[used], number[used]) < 2:
        return [], 0, None
    folds = _shared_folds(space, targets, weights, number, views)
    candidates: list[Candidate] = []
    losses: list[np.ndarray] = []
    guesses: list[list[Guess]] = []
    with ThreadPoolExecutor(max_workers=min(len(folds), os.cpu_count() or 1)) as pool:
        for c in grid:
            right, loss = zip(*pool.map(lambda fold, c=c: fold.judge(c), folds), strict=True)
            losses.append(np.concatenate(loss) / weights[used].mean())
            candidates.append(Candidate(c, float(np.concatenate(right).mean()), float(losses[-1].mean())))
            guesses.append([fold.solution() for fold in folds])
            if stop_early and turned([candidate.log_loss for candidate in candidates]):
                break
    chosen = choose(grid[: len(candidates)], np.stack(losses))
    weight, bias = (np.mean(part, axis=0) for part in zip(*guesses[chosen], strict=True))
    return candidates, chosen, Guess(weight, bias)


def _shared_folds(space: Space, targets: np.ndarray, weights: np.ndarray, number: np.ndarray, views: int) -> list[Fold]:
    """The splits; they share one copy of the rows, fold behind fold, in each the first view first."""
    n = len(targets)
    members = [np.flatnonzero(number == fold) for fold in range(FOLDS) if (number == fold).any()]
    everyone = np.concatenate([image + n * view for image in members for view in range(views)])
    rows = space.rows.part(everyone)
    of_rows = targets[everyone % n], weights[everyone % n] / views
    squares = space.squares * (len(everyone) / (n * views))
    folds, start = [], 0
    for images in members:
        end = start + views * len(images)
        fitted = [slice(0, start), slice(end, len(everyone))]
        fold = Fold(rows, *of_rows, squares, fitted, slice(start, start + len(images)))
        fold.judged_weights = weights[images]
        folds.append(fold)
        start = end
    return folds


def choose(cs: list[float], losses: np.ndarray) -> int:
    """Return the index of the value of C nearest to the usual one, among those as good as the best.

    Args:
        cs: values of C.
        losses: (len(cs), rows) loss of each row left out. As good as the best means that the mean difference
            from it is at most its own standard error.
    """
    difference = losses - losses[losses.mean(axis=1).argmin()]
    error = difference.std(axis=1) / np.sqrt(losses.shape[1])
    equal = np.flatnonzero(difference.mean(axis=1) <= error)
    return int(equal[np.abs(np.log(np.array(cs)[equal] / USUAL_C)).argmin()])


def turned(losses: list[float]) -> bool:
    """True when the last two steps brought nothing any more: neither 0.1 % nor 0.0001 nats below the best before."""
    if len(losses) < 3:
        return False
    before = min(losses[:-2])
    return before - min(losses[-2:]) < max(1e-3 * before, 1e-4)


@dataclass(frozen=True)
class OutOfFold:
    """What probes said of rows they were not fitted on.

    Attributes:
        probabilities: float32 (n, k); each row by the probe of the folds it is not in.
        c: the C that was taken for all folds.
        log_loss: mean -log p of the true class at that C, in nats.
    """

    probabilities: np.ndarray
    c: float
    log_loss: float


def out_of_fold(
    values: Matrix, targets: np.ndarray, folds: np.ndarray, *, n_classes: int, cs: Sequence[float] | None = None
) -> OutOfFold:
    """Cross-validated probabilities: every row judged by a probe fitted on the other folds.

    One C serves all folds, chosen by their log loss as in `fit_probe`. Choosing it inside each fold hardly
    moves the accuracy: by 0.03 points on average, 0.7 at most, over five backbones on flowers5, cats_vs_dogs and rsscn7
    (200 to 300 images each). Center and scale come from all rows; they see no target.

    Args:
        values: float32 (n, d), finite.
        targets: int64 (n,), class indices 0..n_classes-1, of at least two classes.
        folds: int64 (n,), the fold of each row; at least two folds.
        n_classes: columns of the probabilities. A class that a fold was not fitted on gets 1 / (rows fitted + 1).
        cs: values of C to compare; by default a path from 0.1 to 1e5 that ends where the log loss has turned.

    Raises:
        DataError: as for `fit_probe`; fewer than two folds.
    """
    values, targets = checked(values, targets, n_classes)
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise DataError(f"cross-validation needs at least two folds; all {len(values)} rows are in one")
    present, compact = np.unique(targets, return_inverse=True)
    everyone = np.arange(len(values))
    tried: list[np.ndarray] = []
    losses: list[np.ndarray] = []
    grid = usable_cs(cs)
    size = int(np.prod(values.shape))
    with blas_threads(size), ThreadPoolExecutor(max_workers=min(len(numbers), os.cpu_count() or 1)) as pool:
        space, weights = rotate(np.asarray(values[:])), np.ones(len(values))
        rows = space.rows.part(everyone)
        parts = [
            Fold(rows, compact, weights, space.squares, everyone[folds != f], everyone[folds == f]) for f in numbers
        ]
        for c in grid:
            log_p = np.empty((len(values), len(present)))
            for f, judged in zip(numbers, pool.map(lambda part, c=c: part.log_probabilities(c), parts), strict=True):
                log_p[folds == f] = judged
            tried.append(log_p)
            losses.append(-log_p[everyone, compact])
            if cs is None and turned([float(loss.mean()) for loss in losses]):
                break
    chosen = choose(grid[: len(tried)], np.stack(losses))
    probabilities = np.zeros((len(values), n_classes), np.float32)
    probabilities[:, present] = np.exp(tried[chosen])
    return OutOfFold(probabilities, grid[chosen], float(losses[chosen].mean()))
