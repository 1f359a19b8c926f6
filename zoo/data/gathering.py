"""What users hand over as many pictures or answers, made a list: series, generators, patterns; endless ones refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.paths import matching
from zoo.pictures.forms import is_path, is_picture

MEMORY_LIMIT = 4 * 2**30
"""Most bytes of uint8 values that are read into memory: 4 GiB, 28,000 images of 224 x 224."""

ITEMS_LIMIT = 1_000_000
"""Most paths that are taken from what does not say how many it has (a generator)."""

IMAGES_LIMIT = 100_000
"""Most pictures that are read from what does not say how many it has: a generator, a stream of unknown length."""


def is_array(item: Any) -> bool:
    """Return whether something is an array (or tensor) of numbers."""
    return hasattr(item, "shape") and hasattr(item, "dtype") and getattr(item.dtype, "kind", "f") not in "OUS"


def gathered(source: Any) -> list[Any] | None:
    """Return the members of a collection as a list; None of what is none: a path, a picture, numbers, a mapping.

    A pattern such as `photos/*.jpg` is the collection of the files it matches.

    Raises:
        DataError: it does not end within `ITEMS_LIMIT` paths or `IMAGES_LIMIT` pictures; a pattern matches nothing.
    """
    if isinstance(source, str):
        return matching(source)
    if isinstance(source, list | tuple):
        return list(source)
    if isinstance(source, os.PathLike | Mapping) or is_picture(source) or is_array(source):
        return None
    if hasattr(source, "shape") and hasattr(source, "dtype"):  # names in an array, a column of a table
        return list(np.asarray(source).reshape(-1)) if np.ndim(source) == 1 else None
    if isinstance(source, Iterator):
        return list(_within_memory(limited(source), type(source).__name__))
    if isinstance(source, Iterable) and hasattr(source, "__len__"):
        return list(source)
    return None


def limited(source: Iterable[Any]) -> Iterator[Any]:
    """Yield what an iterator gives, as long as it can be thought to end.

    Raises:
        DataError: more than `ITEMS_LIMIT` paths, or `IMAGES_LIMIT` of anything else; the limit is named.
    """
    others = 0
    for number, item in enumerate(islice(source, ITEMS_LIMIT + 1)):
        others += not is_path(item)
        if others > IMAGES_LIMIT:
            raise endless(type(source).__name__, IMAGES_LIMIT, "a list of them")
        if number == ITEMS_LIMIT:
            raise endless(type(source).__name__, ITEMS_LIMIT, "a list of them")
        yield item


def _within_memory(items: Iterable[Any], name: str) -> Iterator[Any]:
    filled = 0
    for item in items:
        filled += getattr(item, "nbytes", 0) or (len(item) if isinstance(item, bytes) else 0)
        if filled > MEMORY_LIMIT:
            raise too_large(name)
        yield item


def endless(name: str, limit: int, instead: str) -> DataError:
    """Return the error for what does not say how many pictures it has and gives more than a limit."""
    return DataError(
        f"{name} does not say where it ends, and {limit:,} were read: zoo stops there. If it has an end, give {instead}"
    )


def too_large(name: str) -> DataError:
    """Return the error for pictures that do not fit within `MEMORY_LIMIT`."""
    return DataError(
        f"{name} holds more than {MEMORY_LIMIT / 2**30:.0f} GiB of uint8, and zoo reads it into memory: write the "
        "images into class folders and give the folder, or take fewer (`.take(n)`)"
    )
