"""A file that is being fetched: bytes so far, their hashes, and what is needed to go on after a kill."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from zoo.fetching.files import CHUNK, read_json, storing, write_json


class Partial:
    """Bytes of a file that is not whole yet.

    Beside the bytes lies a small JSON file with the server's validator (ETag or date), so that another process can
    ask for the rest and be sure that it belongs to the same file. Use it under the lock of its file.

    Args:
        path: where the bytes go; the JSON file has the suffix `.json` in addition.
        origin: text that tells one address from another (it is hashed, not stored).
        algorithms: what to hash while writing.
    """

    def __init__(self, path: Path, *, origin: str, algorithms: tuple[str, ...]):
        self.path = path
        self._state = path.with_name(path.name + ".json")
        self._origin = hashlib.sha256(origin.encode()).hexdigest()
        self._algorithms = algorithms
        self._file: int | None = None
        self.validator: str | None = None
        self.total: int | None = None
        self.resumed = False
        self.size = 0
        self._hashers = self._fresh_hashers()
        self._take_up()

    def restart(self, *, validator: str | None = None, total: int | None = None) -> None:
        """Begin again with no bytes, of a file of `total` bytes that `validator` names."""
        self.validator, self.total, self.size, self.resumed = validator, total, 0, False
        self._hashers = self._fresh_hashers()
        with storing(self.path):
            # The old state goes first and the new one comes last: a kill in between must never
            # leave old bytes beside a new validator.
            self._state.unlink(missing_ok=True)
            os.ftruncate(self._open(), 0)
            if validator is not None:
                write_json(self._state, {"origin": self._origin, "validator": validator, "total": total})

    def append(self, chunk: bytes) -> None:
        """Write and hash the next bytes."""
        with storing(self.path):
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._open(), rest) :]
        for hasher in self._hashers.values():
            hasher.update(chunk)
        self.size += len(chunk)

    def hashes(self) -> dict[str, str]:
        """Hex digests of the bytes so far."""
        return {name: hasher.hexdigest() for name, hasher in self._hashers.items()}

    def publish(self, destination: Path) -> None:
        """Move the whole file to its place: on the disk first, read-only, under its final name last."""
        with storing(destination):
            handle = self._open()
            os.fsync(handle)
            os.chmod(self.path, 0o444)
            self.close()
            destination.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.path, destination)
            self._state.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove every trace."""
        self.close()
        for path in (self._state, self.path):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the file handle back; the bytes stay."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take_up(self) -> None:
        """Go on from what a killed process left, if it is clear which file that was."""
        state = read_json(self._state) or {}
        if state.get("origin") != self._origin or not state.get("validator") or not self.path.is_file():
            return
        with storing(self.path), open(self._open(), "rb", closefd=False) as file:
            while chunk := file.read(CHUNK):
                for hasher in self._hashers.values():
                    hasher.update(chunk)
                self.size += len(chunk)
        self.validator, self.total = state["validator"], state.get("total")
        self.resumed = self.size > 0

    def _open(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, 0o600)
        return self._file

    def _fresh_hashers(self) -> dict[str, hashlib._Hash]:
        return {name: hashlib.new(name, usedforsecurity=False) for name in self._algorithms}
