"""Resize a table of positions to another grid: bicubic, antialiased, as PyTorch's `interpolate` does it."""

from __future__ import annotations

import math

import numpy as np

_A = -0.5
"""Keys's parameter, which Pillow and PyTorch's antialiased bicubic take."""


def resized(grid: np.ndarray, side: int) -> np.ndarray:
    """A grid of vectors at another size.

    Args:
        grid: (before, before, width).
        side: the new number of rows and of columns.

    Returns:
        (side, side, width), float32.
    """
    weights = _matrix(grid.shape[0], side)
    return np.einsum("ia,jb,abc->ijc", weights, weights, grid.astype(np.float64), optimize=True).astype(np.float32)


def _matrix(before: int, after: int) -> np.ndarray:
    """(after, before): what each old cell counts for each new one; every row adds up to 1."""
    scale = before / after
    stretch = max(scale, 1.0)
    matrix = np.zeros((after, before))
    for row in range(after):
        center = scale * (row + 0.5)
        first = max(int(center - 2 * stretch + 0.5), 0)
        last = min(int(center + 2 * stretch + 0.5), before)
        for column in range(first, last):
            matrix[row, column] = _cubic((column - center + 0.5) / stretch)
    return matrix / matrix.sum(axis=1, keepdims=True)


def _cubic(x: float) -> float:
    x = math.fabs(x)
    if x < 1:
        return ((_A + 2) * x - (_A + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * _A if x < 2 else 0.0
