"""Reads zip archives: sizes are checked against the central directory and enforced while members are unfolded."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from zoo.errors import UnsafeFileError
from zoo.untrusted.documents import regular_file, shown

CHUNK = 1 << 20

FLOOR = 64 << 20
"""A member up to this size may be compressed as well as it can be."""

RATIO = 60
"""A larger member may unfold to so many times its size; ids of a million pictures, the best case, unfold to 35."""

_DIRECTORY_BYTES = 1 << 20
"""Most bytes of the central directory; an entry takes 46 bytes and its name, and an object of 600 bytes in memory."""

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
)
"""What the standard library raises on damaged archives."""


class Archive:
    """An open zip archive with checked members; made by `opened_archive`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limit: Callable[[str], int | None]) -> None:
        self.path = path
        self._archive = archive
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._check_overlap()
        for entry in archive.infolist():
            self._check(entry, limit(entry.filename))
            self._entries[entry.filename] = entry

    @property
    def names(self) -> list[str]:
        """The names of the members, in the order of the central directory."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """Return the unfolded size of a member in bytes."""
        return self._entries[name].file_size

    def read(self, name: str) -> bytes:
        """Return a whole member; its checksum is checked.

        Raises:
            UnsafeFileError: the member is missing or damaged.
        """
        return b"".join(self._chunks(name))

    def copy(self, name: str, target: IO[bytes]) -> None:
        """Write a whole member to an open file; its checksum is checked at the end.

        Raises:
            UnsafeFileError: the member is missing or damaged.
        """
        for chunk in self._chunks(name):
            target.write(chunk)

    def _chunks(self, name: str) -> Iterator[bytes]:
        entry = self._entries.get(name)
        if entry is None:
            raise UnsafeFileError(f"{self.path} is damaged: it has no member {shown(name)}")
        left = entry.file_size
        try:
            with self._archive.open(entry) as stream:
                while chunk := stream.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except _DAMAGED as error:
            raise self._damaged(error, name) from error
        if left:
            raise UnsafeFileError(f"{self.path} is damaged: its member {shown(name)} has not the size it should have")

    def _damaged(self, error: BaseException, name: str) -> UnsafeFileError:
        return UnsafeFileError(f"{self.path} is damaged: its member {shown(name)} cannot be read ({error!s:.100})")

    def _check(self, entry: zipfile.ZipInfo, limit: int | None) -> None:
        name = shown(entry.filename)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        problem = None
        if limit is None:
            problem = f"it holds {name}, which does not belong there"
        elif entry.filename in self._entries:
            problem = f"it holds {name} twice"
        elif kind not in {0, stat.S_IFREG} or entry.is_dir():
            problem = f"its member {name} is not a plain file"
        elif entry.flag_bits & 1:
            problem = f"its member {name} is encrypted"
        elif entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            problem = f"its member {name} is compressed in an unusual way"
        elif entry.file_size > limit:
            problem = f"its member {name} unfolds to {entry.file_size} bytes, and at most {limit} are read"
        elif entry.file_size > max(FLOOR, RATIO * entry.compress_size):
            problem = f"its member {name} unfolds from {entry.compress_size} to {entry.file_size} bytes"
        if problem:
            raise UnsafeFileError(f"{self.path} is refused: {problem}")

    def _check_overlap(self) -> None:
        """Entries that share bytes are the trick of the smallest zip bombs; Python 3.11.7 reads them."""
        header, end = 30, self._archive.start_dir
        for entry in sorted(self._archive.infolist(), key=lambda entry: entry.header_offset, reverse=True):
            if entry.header_offset + header + len(entry.orig_filename) + entry.compress_size > end:
                raise UnsafeFileError(f"{self.path} is refused: its members share bytes or overrun its end")
            end = entry.header_offset


@contextmanager
def opened_archive(path: Path, limit: Callable[[str], int | None]) -> Iterator[Archive]:
    """Open a zip archive whose every member is allowed.

    Args:
        path: the file.
        limit: name of a member -> the most bytes it may unfold to; None: there may be no member of that name.

    Raises:
        UnsafeFileError: it is not a zip archive, is damaged, or has a member that is unknown, twice, encrypted, a
            link, too large or compressed beyond reason; also when a member cannot be read inside the block.
    """
    if not regular_file(path):
        raise UnsafeFileError(f"{path} is not a file")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            _check_directory(path, file)
            archive = Archive(path, stack.enter_context(zipfile.ZipFile(file)), limit)
        except _DAMAGED as error:
            raise UnsafeFileError(f"{path} is damaged or not a zip archive: {error!s:.100}") from error
        yield archive


def _check_directory(path: Path, file: IO[bytes]) -> None:
    """Refuse a central directory that would fill the memory, before the standard library reads it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 65_557))  # the record at the end: 22 bytes and a comment
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise zipfile.BadZipFile("the record at its end is missing")
    length = int.from_bytes(tail[place + 12 : place + 16], "little")
    if tail[place - 20 : place - 16] == b"PK\x06\x07" and place >= 76:  # the sizes of large archives lie before it
        length = int.from_bytes(tail[place - 76 + 40 : place - 76 + 48], "little")
    if length > _DIRECTORY_BYTES:
        raise UnsafeFileError(f"{path} is refused: its list of members has {length} bytes")
    file.seek(0)
