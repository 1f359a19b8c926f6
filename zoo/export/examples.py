"""Examples to compare a file on: those that are given, or drawn at random in the likeness of what the model takes."""

from __future__ import annotations

import numpy as np

MOST = 4
"""Examples that travel in a file."""


def drawn(shape: tuple[int, ...], dtype: str, count: int = MOST, *, seed: int = 0) -> np.ndarray:
    """Return random examples: smooth colors with some noise for pictures, small numbers for what is not uint8.

    Photos are smooth; answers to pure noise lie at the edge of what a network was made for.

    Args:
        shape: of one example.
        dtype: of the arrays.
        count: how many.
        seed: of the draw.

    Returns:
        dtype (count, *shape).
    """
    rng = np.random.default_rng(seed)
    if dtype != "uint8":
        if np.dtype(dtype).kind in "iu":
            return np.stack([np.full(shape, index % 2, dtype) for index in range(count)])
        return rng.normal(0, 0.1, (count, *shape)).astype(dtype)
    pictures = rng.normal(0, 12, (count, *shape))
    for picture in pictures:
        for axes in (shape[:-1],) if len(shape) > 1 else (shape,):
            picture += _smooth(rng, axes, shape[-1]) if len(shape) > 1 else rng.uniform(0, 255, axes)
    return np.clip(np.rint(pictures), 0, 255).astype("uint8")


def _smooth(rng: np.random.Generator, axes: tuple[int, ...], channels: int) -> np.ndarray:
    """Random colors on a coarse grid, blended linearly along each axis: float64 (*axes, channels)."""
    values = rng.uniform(0, 255, (*(min(6, length) for length in axes), channels))
    for axis, length in enumerate(axes):
        places = np.linspace(0, values.shape[axis] - 1, length)
        low = np.floor(places).astype(int)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = (places - low).reshape([-1 if index == axis else 1 for index in range(values.ndim)])
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values
