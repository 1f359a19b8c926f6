"""Positions in a dataset: checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.errors import DataError


def as_indices(indices: Any, length: int) -> np.ndarray:
    """Indices as int64 (m,), each checked to lie in 0..length-1.

    Raises:
        DataError: not a list of integers, or one that is out of range.
    """
    chosen = np.asarray(indices)
    if chosen.size == 0:
        return np.empty(0, np.int64)
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
        raise DataError(f"indices must be integers (m,); got {chosen.dtype} {chosen.shape}")
    if chosen.min() < 0 or chosen.max() >= length:
        raise DataError(f"indices must lie in 0..{length - 1}; got {chosen.min()}..{chosen.max()}")
    return chosen.astype(np.int64)
