"""Pictures of a stream beyond what memory should hold: in a file without a name, read back one at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from zoo import settings
from zoo.errors import DataError

IN_MEMORY = 32 * 2**20
"""Bytes of pictures that stay in memory; of more than that all go to disk."""

LEFT_FREE = 2 * 2**30
"""Bytes of the disk that are left free."""

_LOOK_EVERY = 64 * 2**20  # bytes written between two looks at how much of the disk is free


class Spool(Sequence[np.ndarray]):
    """Pictures that are written once, in order, and read back by number from any thread.

    The file lies where the cache is (`ZOO_CACHE_DIR`) and has no name there: whatever ends the process, nothing of it
    is left.

    Args:
        name: of the stream, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._shapes = array("q")  # offset, height, width, channels of each
        self._size = 0
        self._looked = -_LOOK_EVERY
        self._lock = threading.Lock()
        folder = settings.cache_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(prefix="zoo-stream-", dir=folder)  # noqa: SIM115 - it lives as long as this
        except OSError as error:
            raise DataError(
                f"{name} is larger than memory should hold, and {folder} cannot be written to: {error}"
            ) from error

    def extend(self, pictures: Iterator[np.ndarray] | Sequence[np.ndarray]) -> None:
        """Write pictures, uint8 (height, width, channels), behind those that are there.

        Raises:
            DataError: the disk is full, or would be.
        """
        for picture in pictures:
            self._look()
            try:
                self._file.write(np.ascontiguousarray(picture).data)
            except OSError as error:
                raise self._full(error.strerror or str(error)) from error
            self._shapes.extend((self._size, *picture.shape))
            self._size += picture.nbytes
        try:
            self._file.flush()
        except OSError as error:
            raise self._full(error.strerror or str(error)) from error

    def __len__(self) -> int:
        return len(self._shapes) // 4

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...

    def __getitem__(self, number: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        place = range(len(self))[number]  # negative ones from the end; IndexError where there is none
        offset, *shape = self._shapes[4 * place : 4 * place + 4]
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(int(np.prod(shape)))
        return np.frombuffer(data, np.uint8).reshape(shape)

    def _look(self) -> None:
        if self._size - self._looked < _LOOK_EVERY:
            return
        self._looked = self._size
        if shutil.disk_usage(settings.cache_dir()).free < LEFT_FREE:
            raise self._full(f"less than {LEFT_FREE / 1e9:.0f} GB are free")

    def _full(self, reason: str) -> DataError:
        return DataError(
            f"{self._name} does not fit on the disk of {os.fspath(settings.cache_dir())}: {len(self):,} images were "
            f"read, {self._size / 1e9:.1f} GB, and {reason}. Take fewer (`.take(n)`), give smaller images, or let "
            "ZOO_CACHE_DIR name a larger disk"
        )


def kept(pictures: Iterator[np.ndarray], name: str) -> Sequence[np.ndarray]:
    """Return what an iterator of pictures gives: a list, or a `Spool` if it is more than `IN_MEMORY`.

    Args:
        pictures: uint8 (height, width, channels).
        name: what gives them, for errors.
    """
    few: list[np.ndarray] = []
    filled = 0
    for picture in pictures:
        few.append(picture)
        filled += picture.nbytes
        if filled > IN_MEMORY:
            break
    else:
        return few
    spool = Spool(name)
    spool.extend(few)
    few.clear()
    spool.extend(pictures)
    return spool
