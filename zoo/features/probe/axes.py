"""The coordinates that the probe is solved in: standardized features on their principal axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.features.probe.rows import Held, Matrix, Streamed, sweep

SMALL = 4_000_000
"""Features of fewer numbers are rotated in memory, in float64. They are worked on by one thread: on a busy machine more
of them wait for each other."""


@dataclass(frozen=True)
class Space:
    """Features on their principal axes.

    Attributes:
        rows: (n, r), r at most min(n, d).
        squares: (r,), the sum of squares along each axis.
        center: (d,), the mean feature.
        scale: (d,), what the centered features were divided by.
        unrotate: (r, k) weights on the axes -> (d, k) weights on the scaled features.
    """

    rows: Held | Streamed
    squares: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    unrotate: Callable[[np.ndarray], np.ndarray]

    def unfold(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same function as a kernel and a bias on the features as they come."""
        kernel = self.unrotate(weights) / self.scale[:, None]
        return kernel, bias - self.center @ kernel


def rotate(values: np.ndarray) -> Space:
    """The space of rows that fit into memory, in float64."""
    from scipy.linalg import eigh

    n, d = values.shape
    scaled = values.astype(np.float64)
    center = scaled.mean(axis=0)
    scaled -= center
    scale = _scale(np.einsum("ij,ij->j", scaled, scaled) / n)
    scaled /= scale
    # The smaller of the two Gram matrices has the same eigenvalues as the larger one, zeros aside.
    squares, axes = eigh(scaled @ scaled.T if n <= d else scaled.T @ scaled)
    kept = squares > squares[-1] * max(n, d) * np.finfo(np.float64).eps
    squares, axes = squares[kept], axes[:, kept]
    if n > d:
        return Space(Held(scaled @ axes), squares, center, scale, lambda weights: axes @ weights)
    lengths = np.sqrt(squares)
    rows = Held(axes * lengths)
    return Space(rows, squares, center, scale, lambda w: scaled.T @ (axes @ (w / lengths[:, None])))


def stream(values: Matrix) -> Space:
    """The space of rows that are read block by block."""
    from scipy.linalg import eigh

    n, d = values.shape
    center = np.zeros(d)
    for total in sweep(values, lambda _, block: block.sum(axis=0, dtype=np.float64)):
        center += total / n

    def squared(_: slice, block: np.ndarray) -> np.ndarray:
        centered = np.subtract(block, center, dtype=np.float64)
        return centered.T @ centered

    gram = np.zeros((d, d))
    for part in sweep(values, squared):
        gram += part
    scale = _scale(np.diagonal(gram) / n)
    squares, axes = eigh(gram / np.outer(scale, scale))
    kept = squares > squares[-1] * n * np.finfo(np.float64).eps
    squares, axes = squares[kept], axes[:, kept]
    return Space(Streamed(values, center, scale, axes), squares, center, scale, lambda weights: axes @ weights)


def _scale(variance: np.ndarray) -> np.ndarray:
    """What features are divided by, from their variances."""
    softened = variance + variance.mean()
    if not softened.any():
        return np.ones_like(variance)
    return np.sqrt(softened * (variance / softened).sum())


def is_small(size: int) -> bool:
    """Return whether features of so many numbers are rotated in memory."""
    return size < SMALL


def blas_threads(size: int, *, streamed: bool = False) -> Any:
    """A context in which matrices that are small, or worked on side by side, take one thread each."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1 if streamed or is_small(size) else None, user_api="blas")
