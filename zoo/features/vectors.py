"""One vector an example, for whoever compares examples: of a map or of tokens the mean of their cells."""

from __future__ import annotations

import numpy as np

from zoo.features.extraction import Features

_BLOCK = 256
"""Examples whose maps are in memory at once."""


def vectors(features: Features, positions: np.ndarray | None = None, *, prefix: int = 0) -> np.ndarray:
    """Return one vector an example.

    Args:
        features: what was computed: vectors (n, d), maps (n, h, w, c) or tokens (n, t, c).
        positions: int64 (m,), which examples of the dataset; None: all that have a row, in order.
        prefix: number of tokens in front of those of the patches, which do not count.

    Returns:
        float32 (m, d): vectors as they are, else (m, c), the mean over the cells.

    Raises:
        KeyError: there is no row for one of the examples.
    """
    rows = np.arange(len(features)) if positions is None else features.rows_of(positions)
    if len(features.row_shape) == 1:
        return features.take(rows)
    pooled = np.empty((len(rows), features.row_shape[-1]), np.float32)
    for first in range(0, len(rows), _BLOCK):
        cells = features.take(rows[first : first + _BLOCK])
        cells = cells[:, prefix:] if cells.ndim == 3 else cells
        pooled[first : first + _BLOCK] = cells.mean(axis=tuple(range(1, cells.ndim - 1)))
    return pooled
