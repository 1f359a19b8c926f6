"""Read the tensors of a PyTorch weight file as NumPy arrays: no torch, nothing executed.

Layout since PyTorch 1.6: a zip archive with one pickle, `NAME/data.pkl`, of the state dict, and the raw little-endian
elements of each storage as `NAME/data/KEY`.

Layout before: a pickle of a magic number, of the protocol version, of facts about the machine that wrote it, of the
state dict (tensors stand for themselves as references to storages), of the list of storage keys; then each storage as
an int64 count and its raw little-endian elements.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import opened_archive, regular_file, shown
from zoo.weights.formats.pickles import MOST_BYTES, Box, Reader, Storage, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

_MOST_STORAGE = 1 << 36

SHARED = 4
"""Tensors may use a storage together; what they hold in all is at most so many times what the storages hold."""


def read(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read a state dict.

    Args:
        path: a file written by `torch.save(state_dict)`, in either format.

    Returns:
        Name to array, in the order of the file; shapes and element types as stored.

    Raises:
        UnsafeFileError: the file names code, or describes tensors that do not lie inside their storage.
        WeightsError: it is not such a file, or it is damaged.
    """
    path = Path(path)
    if path.exists() and not regular_file(path):
        raise WeightsError(f"cannot read {path}: it is not a file")
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _read_archive(path)
            return _read(file, path.stat().st_size)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"refused to read {path}: {error}") from error
    except WeightsError as error:
        raise WeightsError(f"cannot read {path} as a PyTorch weight file: {error}") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    file.seek(0)
    reader = Reader(file)
    magic = reader.read()
    if type(magic) is not int or magic != MAGIC:
        raise WeightsError(f"it starts with {shown(magic)} instead of the magic number of torch.save")
    version = reader.read()
    if type(version) is not int or version != PROTOCOL:
        raise WeightsError(f"its protocol version is {shown(version)}, known is {PROTOCOL}")
    machine = reader.read()
    if not isinstance(machine, Box) or machine.table.get("little_endian") is not True:
        raise WeightsError("it was not written on a little-endian machine")
    tensors = state_dict(reader.read())
    keys = reader.read()
    if not isinstance(keys, Box) or not all(isinstance(key, str) for key in keys.items):
        raise WeightsError("the list of storages is missing")
    elements = _read_storages(file, size, keys.items, reader.storages)
    return views(tensors, elements)


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    with opened_archive(path, lambda name: _MOST_STORAGE) as archive:
        pickles = [name for name in archive.names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise WeightsError("it is a zip archive, and not one that torch.save writes")
        root = pickles[0].removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in archive.names and archive.read(order) != b"little":
            raise WeightsError("it was not written on a little-endian machine")
        if archive.size(pickles[0]) > MOST_BYTES:
            raise UnsafeFileError(f"its pickle has {archive.size(pickles[0])} bytes")
        reader = Reader(io.BytesIO(archive.read(pickles[0])))
        tensors = state_dict(reader.read())
        elements = {}
        for key, storage in reader.storages.items():
            dtype = np.dtype(storage.dtype)
            data = archive.read(f"{root}data/{key}")
            if len(data) != storage.size * dtype.itemsize:
                raise WeightsError(f"storage {shown(key)} has {len(data)} bytes, its tensors were written for others")
            elements[key] = np.frombuffer(data, dtype)
        return views(tensors, elements)


def state_dict(value: Any) -> dict[str, Tensor]:
    """Return the tensors of a state dict.

    Args:
        value: what the pickle of a file holds.

    Raises:
        WeightsError: it is something else than a flat table of names and tensors.
    """
    table = value.table if isinstance(value, Box) and value.kind != "list" else None
    if table is None or not all(isinstance(name, str) and isinstance(item, Tensor) for name, item in table.items()):
        raise WeightsError("it does not hold a state dict, a flat table of names and tensors")
    return table


def _read_storages(
    file: BinaryIO, size: int, keys: list[str], expected: Mapping[str, Storage]
) -> dict[str, np.ndarray]:
    if sorted(keys) != sorted(expected):
        raise WeightsError(f"it lists {len(keys)} storages, its tensors refer to {len(expected)}")
    arrays = {}
    for key in keys:
        storage = expected[key]
        dtype = np.dtype(storage.dtype)
        head = file.read(8)
        count = int.from_bytes(head, "little", signed=True)
        if len(head) == 8 and count != storage.size:
            raise WeightsError(
                f"storage {shown(key)} has {count} elements, its tensors were written for {storage.size}"
            )
        if len(head) < 8 or count * dtype.itemsize > size - file.tell():
            raise WeightsError(f"it is cut off after {size} bytes, inside storage {shown(key)}; get it again")
        arrays[key] = np.fromfile(file, dtype, count)
    return arrays


def views(tensors: Mapping[str, Tensor], storages: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of tensors.

    Args:
        tensors: name to tensor, each checked to lie inside its storage.
        storages: key to elements, as many as the tensors say.

    Raises:
        UnsafeFileError: the tensors share storages so much that they would fill the memory.
    """
    held = sum(array.nbytes for array in storages.values())
    needed = sum(math.prod(tensor.shape) * storages[tensor.storage.key].itemsize for tensor in tensors.values())
    if needed > SHARED * held:
        raise UnsafeFileError(f"its tensors would take {needed} bytes, and its storages have {held}")
    return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(tensor: Tensor, elements: np.ndarray) -> np.ndarray:
    if 0 in tensor.shape:
        return np.empty(tensor.shape, elements.dtype)
    steps = tuple(step * elements.itemsize for step in tensor.strides)
    # A copy: arrays are contiguous, writable, and no storage is kept alive for one small view.
    return np.lib.stride_tricks.as_strided(elements[tensor.offset :], tensor.shape, steps).copy()
