"""The folders of the store: blobs by sha256, an index by source, locks, and the memory of hashes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from zoo.fetching import links
from zoo.fetching.files import hash_file, read_json, settled, stamp, storing, write_json
from zoo.weights.wanted import Wanted

log = logging.getLogger("zoo.weights")

ORPHAN_DAYS = 7
"""Leftovers of killed processes that nobody took up for so long are removed."""


class Shelf:
    """`blobs/sha256/ab/<sha256>` holds the bytes, read-only; `index/` a small JSON file for each source.

    Args:
        root: folder of the store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def hashes(self, path: Path, algorithms: tuple[str, ...]) -> dict[str, str]:
        """Hashes of a file that is not in the store, remembered until its size, times or inode change."""
        memory = self.root / "files" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"
        before = stamp(path)
        known = read_json(memory) or {}
        if known.get("stamp") == before and set(algorithms) <= set(known.get("hashes", {})):
            return dict(known["hashes"])
        hashes = hash_file(path, algorithms)
        if settled(path):
            with contextlib.suppress(OSError):  # a store that cannot be written costs a hash each time, no more
                write_json(memory, {"path": str(path), "stamp": before, "hashes": hashes})
        return hashes

    def blob(self, sha256: str) -> Path:
        """Return the place of a blob."""
        return self.root / "blobs" / "sha256" / sha256[:2] / sha256

    def entry_path(self, wanted: Wanted) -> Path:
        """Return the index file of a source."""
        return self.root / "index" / f"{wanted.key}.json"

    def entry(self, wanted: Wanted) -> dict[str, object]:
        """Return what the index says of a source; empty: nothing."""
        return read_json(self.entry_path(wanted)) or {}

    def record(self, wanted: Wanted, sha256: str, blob_stamp: list[int] | None) -> None:
        """Remember the sha256 of a source, and the state of its blob when it was last hashed."""
        self.folder("index")
        with storing(self.root):
            write_json(
                self.entry_path(wanted),
                {
                    "filename": wanted.filename,
                    "url": links.redact(wanted.url) if wanted.url else None,
                    "digest": wanted.digest.model_dump() if wanted.digest else None,
                    "sha256": sha256,
                    "stamp": blob_stamp,
                },
            )

    def folder(self, name: str) -> Path:
        """Return a folder of the store, made when missing."""
        folder = self.root / name
        with storing(self.root):
            if not self.root.exists():
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
        return folder

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One process and thread at a time for each name; a killed holder frees it."""
        path = self.folder("locks") / f"{name}.lock"
        lock = filelock.FileLock(path)
        with storing(path):
            try:
                lock.acquire(timeout=1)
            except filelock.Timeout:  # the holder's transfer has bounds of its own, so this ends
                log.info("waiting for another process that has %s", path)
                lock.acquire()
        try:
            yield
        finally:
            # Removed while held: whoever waits for it sees that its inode is gone and opens the new one.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()

    def damaged(self) -> list[str]:
        """Hash every blob again; a line for each that is damaged, with what it is used for."""
        names = {entry.get("sha256"): entry.get("filename") for entry in self.entries()}
        damaged = []
        for blob in self.blobs():
            used_for = f"{blob} ({names.get(blob.name) or 'used by no source'})"
            try:
                actual = hash_file(blob)["sha256"]
            except OSError as error:
                damaged.append(f"{used_for}: cannot be read: {error.strerror or error}")
                continue
            if actual != blob.name:
                damaged.append(f"{used_for}: its sha256 is {actual}")
        return damaged

    def sweep(self) -> None:
        """Remove what killed processes left here long ago."""
        oldest = time.time() - ORPHAN_DAYS * 24 * 3600
        for pattern in ("partials/*", "index/.*.tmp", "files/.*.tmp"):
            for path in self.root.glob(pattern):
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < oldest:
                        path.unlink()

    def blobs(self) -> list[Path]:
        """Return all blobs, sorted by sha256."""
        return sorted((self.root / "blobs" / "sha256").glob("*/*"))

    def entries(self) -> list[dict[str, object]]:
        """Return what the index says of every source that was used."""
        entries = [read_json(path) for path in sorted((self.root / "index").glob("*.json"))]
        return [entry for entry in entries if entry is not None]


@functools.cache
def warn_of_strangers(root: Path) -> None:
    """Say once when other users can write to the store: they could plant files that look verified."""
    with contextlib.suppress(OSError):
        status = root.stat()
        if hasattr(os, "getuid") and (status.st_uid not in {os.getuid(), 0} or status.st_mode & stat.S_IWOTH):
            log.warning("%s can be written by other users, who could plant files in it.", root)
