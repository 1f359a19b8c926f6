"""Files on disk: hashing, change stamps, atomic JSON, sizes for people."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import read_json as read_foreign_json
from zoo.whole_file import write_whole

Progress = Callable[[int, int | None], None]
"""Called often while a file is fetched, with the bytes done and the bytes in all (None: unknown)."""

CHUNK = 1 << 20
"""Bytes read at a time."""


def hash_file(path: Path, algorithms: Iterable[str] = ("sha256",)) -> dict[str, str]:
    """Hex digests of a file, one for each algorithm, in one pass."""
    hashers = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}


def stamp(path: Path) -> list[int]:
    """What changes when a file is written to: size, mtime, ctime (both in ns) and inode."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def settled(path: Path) -> bool:
    """True when the last change is so long ago that the next one is sure to get another time stamp."""
    return abs(time.time() - path.stat().st_mtime) > 2


def human(size: int | None) -> str:
    """A size in bytes for people: `"2.1 MB (2108140 bytes)"`; "unknown size" for None."""
    if size is None:
        return "unknown size"
    return f"{size / 1e6:.1f} MB ({size} bytes)" if size >= 100_000 else f"{size} bytes"


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a failing disk into one clear error: read-only folder, full disk, damaged disk."""
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot use {path}: {error.strerror or error}. Make the folder writable, free some space, "
            "or set ZOO_CACHE_DIR (for data sets ZOO_DATA_DIR) to another folder."
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object; None when the file is missing or damaged."""
    try:
        content = read_foreign_json(path)
    except UnsafeFileError:
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=1, sort_keys=True).encode())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
