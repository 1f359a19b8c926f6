"""Read the tensors of an old-format PyTorch weight file as NumPy arrays: no torch, nothing executed.

Layout (`torch.save` before version 1.6): a pickle of a magic number, of the protocol version, of facts about the
machine that wrote it, of the state dict (tensors stand for themselves as references to storages), of the list
of storage keys; then each storage as an int64 count and its raw little-endian elements.
"""

from __future__ import annotations

import collections
import math
import pickle
import pickletools
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import UnsafeFileError, WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_ELEMENTS = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
}
_MAX_MEMO = 1_000_000
"""Largest memo index let through: the C unpickler allocates a table as long as the index it is told."""


@dataclass(frozen=True)
class _StorageType:
    """Stands for `torch.FloatStorage` and its like: only the element type."""

    dtype: str


@dataclass(frozen=True)
class _Storage:
    """A storage that the pickle refers to; its elements come later in the file."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage: what `_rebuild_tensor_v2` would make."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_unused: Any) -> _Tensor:
    """Stands for `torch._utils._rebuild_tensor_v2`; gradients and hooks are of no use here."""
    numbers = [offset, *shape, *strides]
    if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in numbers):
        raise UnsafeFileError("a tensor in the file is not described by a storage and whole numbers")
    if len(shape) != len(strides):
        raise UnsafeFileError(f"a tensor in the file has {len(shape)} dimensions and {len(strides)} strides")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows three harmless names and refuses every other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _ELEMENTS:
            return _StorageType(_ELEMENTS[name])
        raise UnsafeFileError(f"the file asks to run {module}.{name}; a weight file needs tensors only")

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", _StorageType(dtype=dtype), str(key), str(), int(count), None) if count >= 0:
                return _Storage(key, np.dtype(dtype), count)
        raise UnsafeFileError(f"the file refers to something that is not a tensor storage: {str(pid)[:80]}")


def read(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read a state dict.

    Args:
        path: a file written by `torch.save(state_dict)` in the format used before PyTorch 1.6.

    Returns:
        Name to array, in the order of the file; shapes and element types as stored.

    Raises:
        UnsafeFileError: the file names code, or describes tensors that do not lie inside their storage.
        WeightsError: it is not such a file, or it is damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"refused to read {path}: {error}") from error
    except WeightsError as error:
        raise WeightsError(f"cannot read {path} as an old-format PyTorch weight file: {error}") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    if file.read(2) == b"PK":
        raise WeightsError(
            "it is a zip archive, the format of PyTorch 1.6 and later; "
            "save it again with torch.save(state_dict, path, _use_new_zipfile_serialization=False)"
        )
    file.seek(0)
    if (found := _unpickle(file)) != MAGIC:
        raise WeightsError(f"it starts with {str(found)[:40]!r} instead of the magic number of torch.save")
    if (found := _unpickle(file)) != PROTOCOL:
        raise WeightsError(f"its protocol version is {str(found)[:40]!r}, known is {PROTOCOL}")
    machine = _unpickle(file)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError("it was not written on a little-endian machine")
    state = _unpickle(file)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in state.items()
    ):
        raise WeightsError("it does not hold a state dict, a flat table of names and tensors")
    keys = _unpickle(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise WeightsError("the list of storages is missing")
    storages = _read_storages(file, size, keys, {t.storage.key: t.storage for t in state.values()})
    return {name: _view(name, tensor, storages[tensor.storage.key]) for name, tensor in state.items()}


def _unpickle(file: BinaryIO) -> Any:
    """The next pickle of the file, after a look at its opcodes."""
    start = file.tell()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and (argument or 0) > _MAX_MEMO:
                raise UnsafeFileError(f"a pickle in the file asks for a table of {argument} entries")
        file.seek(start)
        return _Unpickler(file).load()
    except (UnsafeFileError, OSError):
        raise
    # What a damaged pickle makes the two parsers raise: every one of these was seen with flipped bytes.
    except (
        pickle.UnpicklingError,
        ValueError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise WeightsError(f"the pickle at byte {start} is damaged or cut off ({error})") from error


def _read_storages(file: BinaryIO, size: int, keys: list[str], expected: dict[str, _Storage]) -> dict[str, np.ndarray]:
    if sorted(keys) != sorted(expected):
        raise WeightsError(f"it lists {len(keys)} storages, its tensors refer to {len(expected)}")
    arrays = {}
    for key in keys:
        storage = expected[key]
        head = file.read(8)
        count = int.from_bytes(head, "little", signed=True)
        if len(head) == 8 and count != storage.count:
            raise WeightsError(f"storage {key} has {count} elements, its tensors were written for {storage.count}")
        if len(head) < 8 or count * storage.dtype.itemsize > size - file.tell():
            raise WeightsError(f"it is cut off after {size} bytes, inside storage {key}; get it again")
        arrays[key] = np.fromfile(file, storage.dtype, count)
    return arrays


def _view(name: str, tensor: _Tensor, elements: np.ndarray) -> np.ndarray:
    if 0 in tensor.shape:
        return np.empty(tensor.shape, elements.dtype)
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if last >= elements.size or math.prod(tensor.shape) > elements.size:
        raise UnsafeFileError(f"tensor {name!r} with shape {tensor.shape} does not lie inside its storage")
    steps = tuple(step * elements.itemsize for step in tensor.strides)
    # A copy: arrays are contiguous, writable, and no storage is kept alive for one small view.
    return np.lib.stride_tricks.as_strided(elements[tensor.offset :], tensor.shape, steps).copy()
