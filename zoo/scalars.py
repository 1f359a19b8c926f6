"""Numbers as they come out of NumPy, as plain Python ones: options are stored as JSON. Whole ones, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.errors import OptionError


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


def check_whole(name: str, number: Any, *, least: int) -> None:
    """Refuse an option that is no whole number of Python, or too small.

    Args:
        name: of the option.
        number: what was given for it.
        least: the smallest that is taken.

    Raises:
        OptionError: it is no such number.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise OptionError(f"{name}={number!r} must be a whole number from {least}")
