"""Unpack a tar or zip archive of data: plain files and folders only, within limits, all or nothing."""

from __future__ import annotations

import contextlib
import glob
import gzip
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from zoo.errors import OptionError, UnsafeFileError, WeightsError
from zoo.fetching.files import CHUNK, human, storing, sync_folder

HEADER_LIMIT = 1 << 20
"""Longest header record of a tar archive (extended headers hold long names), in bytes."""

ORPHAN_HOURS = 24


def extract(path: Path, destination: Path, *, max_files: int = 200_000, max_bytes: int = 8 * 1024**3) -> Path:
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


_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
)
"""What the standard library raises on damaged archives."""


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
        with self._making(name):
            self._root.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def file(self, name: str, size: int, read: Callable[[int], bytes]) -> None:
        """Write a file of exactly `size` bytes."""
        parts = self._admit(name, size)
        if not parts:
            raise self.refused(f"the member {name!r} has no name")
        target = self._root.joinpath(*parts)
        with self._making(name):
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

    @contextlib.contextmanager
    def _making(self, name: str) -> Iterator[None]:
        try:
            with storing(self._root):
                yield
        except WeightsError as error:
            if isinstance(error.__cause__, (FileExistsError, NotADirectoryError)):
                raise self.refused(f"{name!r} collides with another member") from error
            raise

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
        if _is_odd(name):
            raise self.refused(f"the path {name!r} is absolute or has odd characters")
        parts = tuple(part for part in PurePosixPath(name).parts if part != ".")
        if ".." in parts:
            raise self.refused(f"the path {name!r} leads out of the folder")
        if any(len(part.encode(errors="surrogateescape")) > 255 for part in parts) or len(name) > 2000:
            raise self.refused(f"the path {name[:60]!r}... is too long")
        return parts


def _is_odd(name: str) -> bool:
    """Whether a path is absolute on some system, or has characters that mean something else on another one."""
    odd = "\\" in name or any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    return odd or name.startswith("/") or re.match("[A-Za-z]:", name) is not None


def _unpack_tar(stream: IO[bytes] | gzip.GzipFile, members: _Members) -> None:
    forward = _Forward(stream, members)
    with tarfile.open(fileobj=cast("IO[bytes]", forward), mode="r:", encoding="utf-8") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else a record of each stays in memory
            if member.isdir():
                members.folder(member.name)
            elif member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and member.sparse is None:
                members.file(member.name, member.size, forward.data)
            else:
                raise members.refused(f"{member.name!r} is a link, a device or another special file")
            forward.header_bytes = 0
    if forward.last_block != bytes(tarfile.BLOCKSIZE):  # tarfile stops without a word at a damaged header
        raise members.refused("it is cut short or damaged: the mark at its end is missing")
    while forward.data(CHUNK):  # to the end, where gzip keeps its checksum
        pass


class _Forward:
    """A stream for tarfile that only goes forward and bounds what is unpacked and read as headers.

    tarfile trusts the sizes in extended headers, and a step back would unpack a gzip stream again from its start.
    """

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, members: _Members):
        self._stream, self._members = stream, members
        self._left = members.max_bytes + 4 * tarfile.BLOCKSIZE * members.max_files + HEADER_LIMIT
        self._position = 0
        self._last = b""
        self._stepped_back = False
        self.header_bytes = 0
        self.last_block = b""

    def data(self, size: int) -> bytes:
        """The next bytes, content or padding."""
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise self._members.refused("it unpacks to far more than its files hold")
        self._position += len(chunk)
        self._last = chunk[-1:] or self._last
        return chunk

    def read(self, size: int) -> bytes:
        """For tarfile: the next bytes of a header. Headers between two members may have 1 MiB in all."""
        if size == 1 and self._stepped_back:
            self._stepped_back = False
            return self._last
        self.header_bytes += max(size, 1)
        if size < 0 or self.header_bytes > HEADER_LIMIT:
            raise self._members.refused("it has a header of absurd size")
        chunk = self.data(size)
        if size == tarfile.BLOCKSIZE:
            self.last_block = chunk
        return chunk

    def tell(self) -> int:
        """Bytes read so far; a step back for one byte does not count."""
        return self._position

    def seek(self, position: int) -> None:
        """For tarfile: skip the padding. It then reads the byte before each header, so one step back is granted."""
        self._stepped_back = position == self._position - 1
        if self._stepped_back:
            return
        if position < self._position:
            raise self._members.refused("its headers contradict each other")
        if len(self.read(position - self._position)) and self._position < position:
            raise self._members.refused("it is cut short")


def _unpack_zip(file: IO[bytes], members: _Members) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _check_overlap(archive, members)
        for entry in entries:
            name, mode = entry.orig_filename, entry.external_attr >> 16
            if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise members.refused(f"{name!r} is a link, a device or another special file")
            if entry.flag_bits & 1:
                raise members.refused(f"{name!r} is encrypted")
            if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise members.refused(f"{name!r} is compressed in a way that zip archives of data do not use")
            if name.endswith("/") or stat.S_ISDIR(mode):
                members.folder(name)
                continue
            with archive.open(entry) as stream:
                members.file(name, entry.file_size, stream.read)


def _check_overlap(archive: zipfile.ZipFile, members: _Members) -> None:
    """Entries that share bytes are the trick of the smallest zip bombs; Python 3.11.7 reads them."""
    header, end = 30, archive.start_dir
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset, reverse=True):
        if entry.header_offset + header + len(entry.orig_filename) + entry.compress_size > end:
            raise members.refused(f"{entry.orig_filename!r} shares bytes with another member")
        end = entry.header_offset


def _settle(content: Path, destination: Path) -> None:
    os.sync()  # thousands of small files: one call for all of them is far faster than one for each
    try:
        os.rename(content, destination)
    except OSError:
        if not destination.is_dir():  # it is there when another process was faster
            raise
    sync_folder(destination.parent)


def _sweep(destination: Path) -> None:
    """Remove what killed processes left here long ago."""
    oldest = time.time() - ORPHAN_HOURS * 3600
    for leftover in destination.parent.glob(f".{glob.escape(destination.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < oldest:
                shutil.rmtree(leftover, ignore_errors=True)
