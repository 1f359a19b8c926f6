"""The feature cache: entries found by what they were computed from, in verified shards, resumable, never half-read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo import settings
from zoo.errors import OptionError
from zoo.features.engines import Answer
from zoo.whole_file import write_whole

FORMAT = 1
"""Version of the layout; part of every key, so that an entry of another version is never read."""

MANIFEST = "entry.json"
_LOCK = "lock"
_SHARD_BYTES = 16 * 2**20
_MOST_ROWS = 256


@dataclass(frozen=True)
class Shard:
    """The receipt of a finished shard.

    Attributes:
        file: name of its safetensors file: `values` (rows, ...) and `positions` int64 (rows,).
        rows: rows in it; fewer than images where some could not be read.
        sha256: of the file.
        skipped: (position, reason) of images that could not be read.
    """

    file: str
    rows: int
    sha256: str
    skipped: tuple[tuple[int, str], ...] = ()


def shard_rows(row_bytes: int) -> int:
    """How many images make a shard, a multiple of 32: at most 256, and about 16 MB.

    Args:
        row_bytes: bytes of the values of one image.
    """
    return max(32, min(_MOST_ROWS, _SHARD_BYTES // max(row_bytes, 1) // 32 * 32))


class Entry:
    """Features of some images by one model, on disk.

    `key` says what they depend on, in words; the sha256 of it names the folder. Images are numbered 0..count-1 in the
    order of the key; shard i holds images i * shard_rows and on. A shard is written under another name, synced,
    renamed, and then gets its receipt; the manifest comes last. What has no receipt, or not its digest, is computed
    again.

    Args:
        root: folder of all entries.
        key: JSON-ready description of everything the values depend on.
        count: number of images.
        row_bytes: bytes of one row, which decides how many go into a shard.
    """

    def __init__(self, root: Path, key: Mapping[str, Any], *, count: int, row_bytes: int) -> None:
        self.key = {"format": FORMAT, **key}
        self.name = hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()
        self.folder = root / self.name
        self.count = count
        self.shard_rows = shard_rows(row_bytes)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.shard_rows)

    def members(self, shard: int) -> range:
        """The numbers of the images of a shard."""
        return range(shard * self.shard_rows, min((shard + 1) * self.shard_rows, self.count))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time fills an entry; one that is killed lets go of it."""
        from filelock import FileLock

        with _clear(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / _LOCK)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @property
    def started(self) -> int:
        """How far it is, at a glance and unverified: 2 whole, 1 with finished shards, 0 nothing."""
        return 2 if (self.folder / MANIFEST).is_file() else int(any(self.folder.glob("[0-9]*.json")))

    def missing(self) -> list[int]:
        """The shards still to compute; damaged ones are taken away first."""
        return [shard for shard in range(self.shards) if not self._has(shard)]

    def write(
        self, shard: int, values: np.ndarray, positions: Sequence[int], skipped: Sequence[tuple[int, str]]
    ) -> None:
        """Write a shard whole, then its receipt.

        Raises:
            OptionError: the disk is full or cannot be written.
        """
        from safetensors.numpy import save

        data = save({"values": np.ascontiguousarray(values), "positions": np.asarray(positions, np.int64)})
        name = f"{shard:05d}.safetensors"
        receipt = Shard(name, len(positions), hashlib.sha256(data).hexdigest(), tuple(skipped))
        with _clear(self.folder):
            write_whole(self.folder / name, data)
            write_whole(self._receipt_path(shard), json.dumps(receipt.__dict__).encode())

    def finish(self) -> None:
        """Write the manifest: the entry is whole."""
        receipts = [_receipt(self._receipt_path(shard)) for shard in range(self.shards)]  # verified when read
        assert None not in receipts
        manifest = {
            "key": self.key,
            "count": self.count,
            "shard_rows": self.shard_rows,
            "shards": [receipt.__dict__ for receipt in receipts if receipt],
        }
        with _clear(self.folder):
            write_whole(self.folder / MANIFEST, json.dumps(manifest, indent=1).encode())

    def read(self) -> list[Answer] | None:
        """All shards in order, memory-mapped and verified; None if the entry is not whole."""
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            shards = [_shard(data) for data in manifest["shards"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if (
            not isinstance(manifest, dict)
            or manifest.get("key") != json.loads(json.dumps(self.key))
            or len(shards) != self.shards
        ):
            return None
        if not all(_verified(self.folder / shard.file, shard.sha256) for shard in shards):
            return None
        with suppress(OSError):  # a cache that is read-only can be read
            os.utime(self.folder / MANIFEST)  # last used
        return [
            Answer(number, *_mapped(self.folder / shard.file), shard.skipped) for number, shard in enumerate(shards)
        ]

    def _has(self, shard: int) -> bool:
        receipt = _receipt(self._receipt_path(shard))
        if receipt is None or _verified(self.folder / receipt.file, receipt.sha256):
            return receipt is not None
        self._receipt_path(shard).unlink(missing_ok=True)
        return False

    def _receipt_path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.json"


@contextmanager
def _clear(folder: Path) -> Iterator[None]:
    """What the disk refuses, as one clear error."""
    try:
        yield
    except OSError as error:
        raise OptionError(
            f"features cannot be written to {folder}: {error.strerror or error}. Make room there, point ZOO_CACHE_DIR "
            f"to another disk, or fit with cache=False; what is finished is kept"
        ) from error


def _shard(data: Mapping[str, Any]) -> Shard:
    return Shard(
        str(data["file"]), int(data["rows"]), str(data["sha256"]), tuple((int(p), str(r)) for p, r in data["skipped"])
    )


def _receipt(path: Path) -> Shard | None:
    """The receipt in a file; None if there is none, or it cannot be read."""
    try:
        return _shard(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _verified(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _mapped(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays of a shard without reading them: a safetensors file is a length, a JSON header, and the bytes."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    arrays = []
    for name in ("values", "positions"):
        info = header[name]
        dtype = {"F32": np.float32, "F16": np.float16, "I64": np.int64}[info["dtype"]]
        start = 8 + length + info["data_offsets"][0]
        shape = tuple(info["shape"])
        empty = 0 in shape
        arrays.append(np.zeros(shape, dtype) if empty else np.memmap(path, dtype, "r", start, shape))
    return arrays[0], arrays[1]


# -- looking after all entries ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """One entry in a listing.

    Attributes:
        name: sha256 of its key.
        folder: where it lies.
        key: what its values depend on; {} while it is not whole.
        whole: whether its manifest is there.
        bytes: size on disk.
        used: seconds since the epoch of the last use.
    """

    name: str
    folder: Path
    key: Mapping[str, Any]
    whole: bool
    bytes: int
    used: float


def features_root() -> Path:
    """The folder of all entries."""
    return settings.cache_dir() / "features"


def free_disk() -> int:
    """Bytes that are free where entries are kept; the folder need not exist yet."""
    root = features_root()
    while not root.exists():
        root = root.parent
    return shutil.disk_usage(root).free


def entries(root: Path | None = None) -> list[Listed]:
    """All entries, the least recently used first."""
    folder = root or features_root()
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return sorted(map(_listed, filter(Path.is_dir, paths)), key=lambda entry: (entry.used, entry.name))


def _listed(path: Path) -> Listed:
    """What the folder of an entry says of it; a damaged one is not whole."""
    try:
        manifest = path / MANIFEST
        whole = manifest.is_file()
        key = dict(json.loads(manifest.read_text(encoding="utf-8"))["key"]) if whole else {}
        sizes = [file.stat() for file in path.iterdir() if file.is_file()]
        used = manifest.stat().st_mtime if whole else max((s.st_mtime for s in sizes), default=0.0)
    except (OSError, ValueError, KeyError, TypeError):
        key, whole, used, sizes = {}, False, 0.0, []
    return Listed(path.name, path, key, whole, sum(size.st_size for size in sizes), used)


def damaged(entry: Listed) -> list[str]:
    """The files of an entry that do not have the digest of their receipt."""
    bad = []
    for path in sorted(entry.folder.glob("[0-9]*.json")):
        receipt = _receipt(path)
        if receipt is None:
            bad.append(path.name)
        elif not _verified(entry.folder / receipt.file, receipt.sha256):
            bad.append(receipt.file)
    return bad


def evict(limit: int, *, keep: str = "", root: Path | None = None) -> list[Listed]:
    """Delete the least recently used entries until all together are no larger than the limit.

    Args:
        limit: bytes.
        keep: name of an entry that stays whatever happens: the one just used.
        root: folder of all entries.

    Returns:
        What was deleted. An entry that a process is filling stays.
    """
    listed = entries(root)
    total = sum(entry.bytes for entry in listed)
    gone = []
    for entry in listed:
        if total <= limit:
            break
        if entry.name != keep and remove(entry):
            total -= entry.bytes
            gone.append(entry)
    return gone


def remove(entry: Listed) -> bool:
    """Delete an entry, its manifest first; False if a process is filling it."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(entry.folder / _LOCK, timeout=0):
            (entry.folder / MANIFEST).unlink(missing_ok=True)
            for path in entry.folder.iterdir():
                if path.name != _LOCK:
                    path.unlink(missing_ok=True)
        shutil.rmtree(entry.folder, ignore_errors=True)
    except (Timeout, OSError):
        return False
    return True
