"""Reads JSON within limits of size, number of values and depth, and shows foreign values in errors shortly."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import UnsafeFileError

_SHOWN = 60
"""Characters of a foreign value that an error shows."""


@dataclass(frozen=True)
class JsonLimits:
    """What a JSON text may hold.

    Attributes:
        bytes: size of the text.
        values: objects, arrays and items in all; each takes about 80 bytes of memory however short its text is.
        depth: of nesting.
    """

    bytes: int = 16 << 20
    values: int = 1_000_000
    depth: int = 100


DEFAULT_LIMITS = JsonLimits()


def regular_file(path: Path) -> bool:
    """Return whether a path is a regular file, links followed: a named pipe would keep the reader waiting."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def read_json(path: Path, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        limits: what it may hold.

    Returns:
        What it holds: plain dicts, lists, texts, numbers, booleans and None.

    Raises:
        UnsafeFileError: it is not a readable regular file, breaks a limit, or is not JSON in UTF-8.
    """
    if not regular_file(path):
        raise UnsafeFileError(f"{path} is not a file")
    try:
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
    except OSError as error:
        raise UnsafeFileError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_json(data, str(path), limits)


def parse_json(data: bytes, name: str, limits: JsonLimits = DEFAULT_LIMITS) -> Any:
    """Parse a JSON text.

    Args:
        data: the text in UTF-8.
        name: what the text is called in errors.
        limits: what it may hold.

    Returns:
        What it holds: plain dicts, lists, texts, numbers, booleans and None.

    Raises:
        UnsafeFileError: the text breaks a limit, or is not JSON in UTF-8.
    """
    if len(data) > limits.bytes:
        raise UnsafeFileError(f"{name} has more than {limits.bytes} bytes; no file of zoo has")
    # Counted in the text, where it is cheap and comes before any memory is taken; texts with commas count too much.
    if sum(data.count(mark) for mark in (b",", b"[", b"{")) > limits.values:
        raise UnsafeFileError(f"{name} holds more than {limits.values} values; no file of zoo does")
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UnsafeFileError(f"{name} is damaged: it is not JSON ({str(error)[:_SHOWN]})") from error
    _check_depth(value, name, limits.depth)
    return value


def _check_depth(value: Any, name: str, limit: int) -> None:
    """Refuse nesting that a recursive reader further on could not follow."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise UnsafeFileError(f"{name} is nested more than {limit} deep; no file of zoo is")


def shown(value: Any) -> str:
    """Return a foreign value for an error text: short, without control characters, never a whole structure."""
    if isinstance(value, str | bytes):
        cut = value[:_SHOWN]
        return ascii(cut) + ("..." if len(value) > len(cut) else "")
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 128):
        return repr(value)
    return f"a value of type {type(value).__name__}"
