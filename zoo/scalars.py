"""Numbers as they come out of NumPy, as plain Python ones: options are stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return a value with NumPy numbers and arrays in it replaced by Python numbers and lists.

    Args:
        value: anything; mappings, lists and tuples are looked into. What is no number of NumPy comes back as it is.
    """
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value) if type(value) in (list, tuple) else value
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    return value
