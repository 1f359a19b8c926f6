"""The digest of an example in memory: equal content gives equal digits, in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any


def digest_of(example: Any) -> str:
    """Return the sha256 of an example, as 64 hexadecimal digits.

    Args:
        example: an array, a text, bytes, a number, None, or a sequence or mapping of these.

    Raises:
        TypeError: it is something else, which only its modality can digest.
    """
    total = hashlib.sha256()
    _add(total, example)
    return total.hexdigest()


def _add(total: Any, value: Any) -> None:
    if isinstance(value, bytes):
        total.update(b"b%d:" % len(value) + value)
    elif isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        total.update(b"s%d:" % len(text) + text)
    elif value is None or isinstance(value, bool | int | float):
        total.update(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, Mapping):
        total.update(b"m%d:" % len(value))
        for key in sorted(value):
            _add(total, key)
            _add(total, value[key])
    elif isinstance(value, list | tuple):
        total.update(b"l%d:" % len(value))
        for item in value:
            _add(total, item)
    elif hasattr(value, "tobytes") and hasattr(value, "dtype") and value.dtype.kind in "biufcSU":
        total.update(f"a{value.dtype.str}{value.shape}:".encode() + value.tobytes())
    else:
        raise TypeError(f"an example of {type(value).__name__} needs a digest of its modality")
