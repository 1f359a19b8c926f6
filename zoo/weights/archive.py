"""Unpack a tar or zip archive of data: plain files and folders only, within limits, all or nothing."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from zoo.errors import OptionError, UnsafeFileError
from zoo.weights.files import CHUNK, human, storing, sync_folder

HEADER_LIMIT = 1 << 20
"""Longest header record of a tar archive (extended headers hold long names), in bytes."""

ORPHAN_HOURS = 24


def extract(
    path: Path, destination: Path, *, max_files: int = 200_000, max_bytes: int = 8 * 1024**3
) -> Path:
    """Unpack an archive into a new folder.

    The kind is told by the content, not by the name. Everything is written to a fresh folder beside the destination,
    which is renamed at the end: the destination has all files or does not exist. Modes, owners and times of the
    archive are not used.

    Args:
        path: a tar, tar.gz or zip archive.
        destination: the folder to make; must not exist.
        max_files: most files and folders.
        max_bytes: most unpacked bytes in all.

    Returns:
        The destination.

    Raises:
        UnsafeFileError: the archive is damaged, or has an absolute path, `..`, a link, a device, a name twice, or
            more than the limits. Nothing of it is kept.
        OptionError: the destination exists.
        WeightsError: the disk cannot be written.
    """
    destination = Path(destination)
    if destination.exists() or destination.is_symlink():
        raise OptionError(f"{destination} exists already. Remove it, or unpack {path} somewhere else.")
    with storing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        _sweep(destination)
        work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=destination.parent))
    try:
        content = work / "content"  # made with the user's usual mode; mkdtemp's is private
        content.mkdir()
        members = _Members(content, path, max_files, max_bytes)
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            try:
                if head[:2] == b"PK":
                    _unpack_zip(file, members)
                elif head[:2] == b"\x1f\x8b":
                    with gzip.GzipFile(fileobj=file) as unpacked:
                        _unpack_tar(unpacked, members)
                else:
                    _unpack_tar(file, members)
            except _DAMAGED as error:
                raise members.refused(f"it is damaged or not a tar, tar.gz or zip archive ({error})") from error
        with storing(destination):
            _settle(content, destination)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return destination


_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError, NotImplementedError,
            ValueError, struct.error)  # fmt: skip


class _Members:
    """Checks and writes the members of one archive, one after the other."""

    def __init__(self, root: Path, archive: Path, max_files: int, max_bytes: int):
        self.max_files, self.max_bytes = max_files, max_bytes
        self._root, self._archive = root, archive
        self._seen: set[tuple[str, ...]] = set()
        self._bytes = 0

    def refused(self, reason: str) -> UnsafeFileError:
        """The error for the whole archive."""
        return UnsafeFileError(f"{self._archive} is refused: {reason}. Nothing was unpacked; get it from its source.")

    def folder(self, name: str) -> None:
        """Make a folder."""
        parts = self._admit(name, 0)
        with storing(self._root):
            self._root.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def file(self, name: str, size: int, read: Callable[[int], bytes]) -> None:
        """Write a file of exactly `size` bytes."""
        parts = self._admit(name, size)
        if not parts:
            raise self.refused(f"the member {name!r} has no name")
        target = self._root.joinpath(*parts)
        with storing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        with file:
            left = size
            while left:
                chunk = read(min(left, CHUNK))
                if not chunk:
                    raise self.refused(f"it ends in the middle of {name!r}")
                with storing(target):
                    file.write(chunk)
                left -= len(chunk)

    def _admit(self, name: str, size: int) -> tuple[str, ...]:
        parts = self._parts(name)
        if parts in self._seen:
            raise self.refused(f"it has {name!r} twice")
        self._seen.add(parts)
        if len(self._seen) > self.max_files:
            raise self.refused(f"it has more than {self.max_files} files and folders")
        if size < 0:
            raise self.refused(f"the size of {name!r} is negative")
        self._bytes += size
        if self._bytes > self.max_bytes:
            raise self.refused(f"it unpacks to more than {human(self.max_bytes)}")
        return parts

    def _parts(self, name: str) -> tuple[str, ...]:
        """The path of a member below the destination; `.` parts are dropped, anything odd is refused."""
        if name.startswith("/") or "\\" in name or ":" in name.split("/")[0] or not name.isprintable():
            raise self.refused(f"the path {name!r} is absolute or has odd characters")
        parts = tuple(part for part in PurePosixPath(name).parts if part != ".")
        if ".." in parts:
            raise self.refused(f"the path {name!r} leads out of the folder")
        if any(len(part.encode(errors="surrogateescape")) > 255 for part in parts) or len(name) > 2000:
            raise self.refused(f"the path {name[:60]!r}... is too long")
        return parts


def _unpack_tar(stream: IO[bytes] | gzip.GzipFile, members: _Members) -> None:
    forward = _Forward(stream, members)
    with tarfile.open(fileobj=forward, mode="r:", encoding="utf-8") as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            archive.members = []  # else a record of each member stays in memory
            if member.isdir():
                members.folder(member.name)
            elif member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and member.sparse is None:
                members.file(member.name, member.size, forward.read)
            else:
                raise members.refused(f"{member.name!r} is a link, a device or another special file")
    if forward.last_block.strip(b"\0") or len(forward.last_block) != tarfile.BLOCKSIZE:
        raise members.refused("it is cut short: the mark at its end is missing")
    while forward.read(HEADER_LIMIT):  # to the end, where gzip keeps its checksum
        pass


class _Forward:
    """A stream for tarfile that only goes forward, counts what it unpacks, and reads no giant headers.

    tarfile itself trusts the sizes in extended headers, and a step back would unpack a gzip stream from its start.
    """

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, members: _Members):
        self._stream, self._members = stream, members
        self._position = 0
        self._last = b""
        self._limit = members.max_bytes + 4 * tarfile.BLOCKSIZE * members.max_files + HEADER_LIMIT
        self.last_block = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        """Go forward. One byte back is granted: tarfile reads the last byte before each header to see if it is there."""
        if position == self._position - 1 and self._last:
            self._position = position
            return
        if position < self._position:
            raise self._members.refused("its headers contradict each other")
        while self._position < position:
            if not self.read(min(CHUNK, position - self._position)):
                raise self._members.refused("it is cut short")

    def read(self, size: int) -> bytes:
        if not 0 <= size <= HEADER_LIMIT:
            raise self._members.refused("it has a header of absurd size")
        ...


def _unpack_zip(file: IO[bytes], members: _Members) -> None: ...
