"""Answers as they are given, turned into arrays: numbers, or names of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.errors import DataError


def as_array(answers: Any, what: str) -> np.ndarray:
    """Return answers as an array with one entry an example.

    Raises:
        DataError: no list of answers, or answers of different shapes.
    """
    try:
        values = np.asarray(answers)
    except ValueError as error:
        raise DataError(f"{what}: the examples are not all of the same shape; give each as many values") from error
    if values.ndim == 0:
        raise DataError(f"{what} must be a list or an array, one for every example; got {type(answers).__name__}")
    return values


def as_float32(values: np.ndarray) -> np.ndarray | None:
    """Return numbers as float32, (n,) as (n, 1); None if they are no numbers, or not finite as float32."""
    if values.dtype.kind not in "uifb":
        return None
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        return None
    return numbers[:, None] if numbers.ndim == 1 else numbers


def class_names(values: np.ndarray, what: str) -> list[str]:
    """Return class names (n,) or (n, 1) as texts; TensorFlow and h5py give them as bytes.

    Raises:
        DataError: they are something else.
    """
    names = (values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values).tolist()
    try:
        names = [name.decode() if isinstance(name, bytes) else name for name in names]
    except UnicodeDecodeError as error:
        raise DataError(f"{what}: class names given as bytes must be text in UTF-8; these are not UTF-8") from error
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        raise DataError(f"{what} must be numbers, or text (n,); got {values.dtype} {values.shape} with {strange[0]!r}")
    return names
