"""Files on disk: hashing, change stamps, atomic JSON, and the record of a verified file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.errors import WeightsError
from zoo.specs import WeightSource
from zoo.whole_file import write_whole

Format = Literal["keras-h5", "torch-pth", "safetensors"]
"""How the bytes of a weight file are laid out."""

Progress = Callable[[int, int | None], None]
"""Called often while a file is fetched, with the bytes done and the bytes in all (None: unknown)."""

CHUNK = 1 << 20
"""Bytes read at a time."""

SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "keras-h5": (b"\x89HDF\r\n\x1a\n",),
    "torch-pth": (b"\x80", b"PK\x03\x04"),
}
"""The first bytes of a file of each format."""


@dataclass(frozen=True)
class StoredFile:
    """A weight file whose bytes were checked.

    Attributes:
        path: where it lies; a blob of the store has no suffix, `format` says what it is.
        sha256: of its bytes.
        format: how the bytes are laid out.
        includes_top: whether the classifier's weights are in it; None: not known (a file the user named).
        source: the row it came from; None: a file the user named.
        note: what the user should be told about its origin; empty when a published digest vouches for it.
    """

    path: Path
    sha256: str
    format: Format
    includes_top: bool | None
    source: WeightSource | None
    note: str = ""


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


def check_signature(path: Path, layout: Format, name: str) -> None:
    """Refuse a file whose first bytes are not those of its format.

    Raises:
        WeightsError: for instance when a web page was saved in place of the weights.
    """
    with path.open("rb") as file:
        head = file.read(16)
    # A safetensors file begins with the length of its header, in eight bytes, and the header is JSON.
    good = head[8:9] == b"{" if layout == "safetensors" else head.startswith(SIGNATURES[layout])
    if not good:
        what = {"keras-h5": "an HDF5 file", "torch-pth": "a PyTorch file"}.get(layout, "a safetensors file")
        raise WeightsError(f"{name} is not {what}: it starts with {head!r}. Get the file again, or name another one.")


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
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
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
