"""What the probe takes: features, targets, class weights and values of C, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.features.probe.rows import Matrix, blocks

ClassWeight = Literal["balanced"] | Mapping[int, float] | None
"""Weights of classes: none, by their shares, or class index -> weight."""

PATH = (0.1, 1.0, *(10.0 ** (step / 2) for step in range(1, 11)))
"""Values of C that are tried when none are given, from strong to weak regularization (0.1 to 1e5)."""


def checked(values: Matrix, targets: np.ndarray, n_classes: int, views: int = 1) -> tuple[Matrix, np.ndarray]:
    """Return the features and int64 targets (n,) of a probe.

    Raises:
        DataError: shapes or targets that do not fit, NaN or infinite features, fewer than two classes.
    """
    values, targets = values if hasattr(values, "shape") else np.asarray(values), np.asarray(targets)
    if len(values.shape) != 2 or 0 in values.shape:
        raise DataError(f"the probe takes features of shape (n, d); got {values.shape}")
    if (views * len(targets), *targets.shape[1:]) != values.shape[:1] or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(
            f"the probe takes one class index for each of the {len(values) // views} feature rows; "
            f"got targets of shape {targets.shape} and type {targets.dtype}"
        )
    _check_finite(values)
    _check_classes(targets, n_classes)
    return values, targets.astype(np.int64)


def _check_finite(values: Matrix) -> None:
    bad = [where.start + np.flatnonzero(~np.isfinite(block).all(axis=1)) for where, block in blocks(values)]
    if any(map(len, bad)):
        rows = np.concatenate(bad)
        raise DataError(
            f"{len(rows)} of {len(values)} feature rows hold NaN or infinite values (the first is row {rows[0]}): "
            "look at the weights and the preprocessing of the base"
        )


def _check_classes(targets: np.ndarray, n_classes: int) -> None:
    if targets.min() < 0 or targets.max() >= n_classes:
        raise DataError(
            f"class indices must lie in 0..{n_classes - 1}; found {int(targets.min())}..{int(targets.max())}"
        )
    if len(np.unique(targets)) < 2:
        raise DataError(
            f"all {len(targets)} rows are of class {int(targets[0])}: a classifier needs at least two classes"
        )


def row_weights(class_weight: ClassWeight, targets: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the weight of each row, float64 (n,).

    Raises:
        OptionError: a class weight that cannot be used.
    """
    per_class = np.ones(n_classes)
    if isinstance(class_weight, Mapping):
        for index, weight in class_weight.items():
            if not (isinstance(index, int | np.integer) and 0 <= index < n_classes):
                raise OptionError(f"class_weight names class {index!r}; classes are 0..{n_classes - 1}")
            if not (np.isfinite(weight) and weight > 0):
                raise OptionError(f"class_weight of class {index} is {weight!r}; it must be a positive number")
            per_class[index] = weight
    elif class_weight == "balanced":
        counts = np.bincount(targets, minlength=n_classes)
        per_class = len(targets) / ((counts > 0).sum() * np.maximum(counts, 1))
    elif class_weight is not None:
        raise OptionError(
            f"class_weight takes None, 'balanced' or a dict of class index to weight; got {class_weight!r}"
        )
    return per_class[targets]


def usable_cs(cs: Sequence[float] | None) -> list[float]:
    """Return the values of C to compare, in rising order.

    Raises:
        OptionError: none, or one that is not a positive number.
    """
    if cs is None:
        return list(PATH)
    grid = sorted({float(c) for c in cs})
    if not grid or not all(np.isfinite(c) and c > 0 for c in grid):
        raise OptionError(f"cs takes at least one positive number; got {list(cs)!r}")
    return grid
