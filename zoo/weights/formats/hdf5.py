"""Opens HDF5 files of weights: groups and arrays that lie in the file itself; links to elsewhere are refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import regular_file, shown

MOST_OBJECTS = 200_000
"""Groups and arrays of a file; the largest networks have 10,000."""

MOST_DEPTH = 64


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file.

    Raises:
        WeightsError: it is not one, or it is cut off; also when reading it fails later, inside the block.
    """
    if not regular_file(path) or not h5py.is_hdf5(path):
        raise WeightsError(f"{path} is not an HDF5 file; expected the weights of a Keras model as .h5 or .weights.h5")
    try:
        with h5py.File(path, "r") as file:
            yield file
    # What h5py makes of the errors of the HDF5 library differs by the place of the damage.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, RecursionError):
            raise
        raise WeightsError(
            f"{path} is damaged or was cut off while it was written or downloaded ({error!s:.200})"
        ) from error


def child(group: Any, path: str) -> Any:
    """Return what lies at a path below a group.

    Raises:
        WeightsError: there is nothing.
        UnsafeFileError: it is a link to somewhere else.
    """
    for name in path.split("/"):
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) and name else None
        if link is None:
            raise WeightsError(f"{shown(path)} is listed in the file, but missing from it")
        if not isinstance(link, h5py.HardLink):
            raise UnsafeFileError(f"{shown(path)} is a link to somewhere else; a weight file must hold its weights")
        group = group[name]
    return group


def subgroup(parent: Any, path: str) -> Any:
    """Return the group at a path.

    Raises:
        WeightsError: there is none.
        UnsafeFileError: it is a link to somewhere else.
    """
    group = child(parent, path)
    if not isinstance(group, h5py.Group):
        raise WeightsError(f"{shown(path)} in {parent.file.filename} is not a group of weights")
    return group


def dataset(parent: Any, path: str) -> Any:
    """Return the array at a path, its numbers not read yet.

    Raises:
        WeightsError: there is none, or it holds no numbers.
        UnsafeFileError: it is a link, or its numbers lie in another file.
    """
    array = child(parent, path)
    if not isinstance(array, h5py.Dataset) or array.dtype.kind not in "fiu" or array.shape is None:
        raise WeightsError(f"{shown(path)} in {parent.file.filename} is not an array of numbers")
    if array.external or array.is_virtual:
        raise UnsafeFileError(f"{shown(path)} keeps its numbers in another file; a weight file must hold its weights")
    return array


def arrays(file: h5py.File) -> Iterator[tuple[str, Any]]:
    """Walk over all arrays of a file as Keras 3 writes it: plain, uncompressed, each in one place.

    Yields:
        Path and array, its numbers not read yet.

    Raises:
        UnsafeFileError: a link to elsewhere, an array or group in two places, an array whose numbers are not all in the
            file, or more of them than the file has bytes.
        WeightsError: something that is no array of numbers.
    """
    left = Path(file.filename).stat().st_size
    seen: set[int] = set()
    todo: list[tuple[str, Any, int]] = [("", file, 0)]
    while todo:
        path, group, depth = todo.pop()
        for name in group:
            place = f"{path}/{name}".lstrip("/")
            item = child(group, name)
            address = h5py.h5o.get_info(item.id).addr
            if address in seen or len(seen) >= MOST_OBJECTS or depth >= MOST_DEPTH:
                raise UnsafeFileError(f"{shown(place)} stands twice in {file.filename}, or it holds far too much")
            seen.add(address)
            if isinstance(item, h5py.Group):
                todo.append((place, item, depth + 1))
                continue
            array = dataset(group, name)
            size = math.prod(array.shape) * array.dtype.itemsize
            left -= size
            if left < 0 or array.chunks is not None or array.id.get_storage_size() != size:
                raise UnsafeFileError(
                    f"{shown(place)} in {file.filename} says it has the shape {array.shape}, and the file does not "
                    f"hold so many numbers"
                )
            yield place, array
