"""Rows of features: read block by block, in memory or from where they lie, side by side on all processors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

Step = Callable[[slice, np.ndarray], Any]
"""What is done with a block of rows: (place of its rows, block) -> anything."""

BLOCK, BLOCK_ROWS = 250_000, 256
"""Numbers in one block of larger ones, and its fewest rows: 2 MB in float64 stay in a processor's cache."""


class Matrix(Protocol):
    """What is asked of features: an array, or rows that stay on disk until they are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, features)."""

    def __getitem__(self, chosen: Any, /) -> Any:
        """Some of the rows, by a slice or by their numbers."""

    def __len__(self) -> int:
        """Number of rows."""


def blocks(values: Matrix) -> Iterator[tuple[slice, np.ndarray]]:
    """Where, and the rows there: a few megabytes at a time."""
    n, d = values.shape
    step = block_rows(d)
    for start in range(0, n, step):
        where = slice(start, min(start + step, n))
        yield where, np.asarray(values[where])


def block_rows(d: int) -> int:
    """Rows in a block of so many features."""
    return max(BLOCK // max(d, 1), BLOCK_ROWS)


def sweep(values: Matrix, function: Step) -> Iterator[Any]:
    """What a function gives for every block, in order, with as many blocks in work as there are processors."""
    n, d = values.shape
    step = block_rows(d)
    workers = os.cpu_count() or 1

    def one(start: int) -> Any:
        where = slice(start, min(start + step, n))
        return function(where, np.asarray(values[where]))

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Any]] = deque()
        for start in range(0, n, step):
            waiting.append(pool.submit(one, start))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Held:
    """Rows on the principal axes, in memory: one array, or several behind one another."""

    def __init__(self, *parts: np.ndarray) -> None:
        self._parts = parts
        self.shape = sum(map(len, parts)), parts[0].shape[1]

    def inward(self, weights: np.ndarray) -> np.ndarray:
        """Weights on the axes -> weights on the columns of a block."""
        return weights.astype(self._parts[0].dtype)

    def outward(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient by the weights on a block's columns -> by those on the axes."""
        return gradient

    def sweep(self, function: Step) -> list[Any]:
        """What the function gives for each block: (place of its rows, block) -> anything; in order."""
        ends = np.cumsum([len(part) for part in self._parts]).tolist()
        return [
            function(slice(end - len(part), end), part)
            for end, part in zip(ends, self._parts, strict=True)
            if len(part)
        ]

    def part(self, chosen: np.ndarray) -> np.ndarray:
        """Some rows on the axes, float32."""
        (rows,) = self._parts
        return rows[chosen].astype(np.float32)


class Streamed:
    """Rows wherever they lie: a block is read and centered; what axes and scale do is done to the weights."""

    def __init__(self, values: Matrix, center: np.ndarray, scale: np.ndarray, axes: np.ndarray) -> None:
        self._values, self._center = values, center
        self._scaled_axes = axes / scale[:, None]
        self.shape = len(values), axes.shape[1]

    def inward(self, weights: np.ndarray) -> np.ndarray:
        """As for `Held`."""
        return self._scaled_axes @ weights

    def outward(self, gradient: np.ndarray) -> np.ndarray:
        """As for `Held`."""
        return self._scaled_axes.T @ gradient

    def sweep(self, function: Step) -> list[Any]:
        """As for `Held`; blocks side by side, one a processor."""
        return list(sweep(self._values, lambda where, block: function(where, self._centered(block))))

    def part(self, chosen: np.ndarray) -> np.ndarray:
        """As for `Held`."""
        rows = np.empty((len(chosen), self.shape[1]), np.float32)
        step = block_rows(self.shape[1])
        for start in range(0, len(chosen), step):
            block = self._centered(np.asarray(self._values[chosen[start : start + step]]))
            rows[start : start + step] = block @ self._scaled_axes
        return rows

    def _centered(self, block: np.ndarray) -> np.ndarray:
        return np.subtract(block, self._center, dtype=np.float64)
