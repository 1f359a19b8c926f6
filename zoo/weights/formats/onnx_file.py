"""Read the initializers of an ONNX file as NumPy arrays: data only, nothing executed and no other file opened."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import regular_file, shown

_LARGEST = 1 << 30
"""Bytes of the largest file that is read; a protocol buffer ends at twice as many."""

_MOST = 100_000
"""Most initializers."""


def read(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read all initializers of numbers.

    Returns:
        Name to array, shapes and element types as stored.

    Raises:
        UnsafeFileError: the file is too large, has a tensor twice, keeps tensors in other files, or says that they are
            larger than they are.
        WeightsError: it is no ONNX file, or it is damaged or cut off.
    """
    import onnx
    from google.protobuf.message import DecodeError

    path = Path(path)
    if path.exists() and not regular_file(path):
        raise WeightsError(f"cannot read {path}: it is not a file")
    try:
        if path.stat().st_size > _LARGEST:
            raise UnsafeFileError(f"{path} is refused: it has {path.stat().st_size} bytes")
        model = onnx.load_model_from_string(path.read_bytes())
    except DecodeError as error:
        raise WeightsError(f"cannot read {path} as an ONNX file: {error!s:.200}; get it again") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error
    tensors = model.graph.initializer
    if len(tensors) > _MOST:
        raise UnsafeFileError(f"{path} is refused: it says that it holds {len(tensors)} tensors")
    arrays: dict[str, np.ndarray] = {}
    for tensor in tensors:
        if tensor.name in arrays:
            raise UnsafeFileError(f"{path} is refused: {shown(tensor.name)} stands twice in it")
        arrays[tensor.name] = _array(tensor, path)
    return arrays


def _array(tensor: Any, path: Path) -> np.ndarray:
    """One tensor, once its shape is what its numbers fill."""
    from onnx import TensorProto, helper, numpy_helper

    name = shown(tensor.name)
    if tensor.data_location == TensorProto.EXTERNAL:
        raise UnsafeFileError(f"{path} is refused: {name} lies in another file")
    try:
        width = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        count = math.prod(tensor.dims)
        if any(size < 0 for size in tensor.dims) or count * width > max(len(tensor.raw_data), tensor.ByteSize() * 8):
            raise UnsafeFileError(f"{path} is refused: {name} says its shape is {tuple(tensor.dims)}, with less data")
        array: np.ndarray = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        if isinstance(error, UnsafeFileError):
            raise
        raise WeightsError(f"cannot read {name} of {path}: {error!s:.200}; get the file again") from error
    if array.dtype.kind not in "iufb":
        raise WeightsError(f"cannot read {name} of {path}: it holds no numbers")
    return array
