"""Reads NumPy's `.npz` files within limits: plain arrays of numbers and texts whose size is that of their bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UnsafeFileError
from zoo.untrusted.archives import opened_archive
from zoo.untrusted.documents import shown

MOST_BYTES = 8 << 30
"""Largest array that is read, unfolded."""

MOST_MEMBERS = 100_000

_HEADER = re.compile(
    rb"\{'descr': '([<|][fiubU]\d{1,7})', 'fortran_order': (True|False), 'shape': \(((?:\d{1,15},? ?)*)\), \} *\n"
)
"""What NumPy writes, letter by letter; everything else, objects and records above all, is refused."""


def read_npz(path: Path) -> Mapping[str, np.ndarray]:
    """Read all arrays of a `.npz` file.

    Args:
        path: a file as `numpy.savez` writes it.

    Returns:
        Name to array; numbers, booleans and texts only, writable, contiguous.

    Raises:
        UnsafeFileError: it is damaged, holds something else than arrays, or unfolds beyond reason.
    """
    with opened_archive(path, lambda name: MOST_BYTES if name.endswith(".npy") else None) as archive:
        if len(archive.names) > MOST_MEMBERS:
            raise UnsafeFileError(f"{path} is refused: it holds {len(archive.names)} arrays")
        return {name.removesuffix(".npy"): parse_npy(archive.read(name), f"{path}: {name}") for name in archive.names}


def parse_npy(data: bytes, name: str) -> np.ndarray:
    """Parse one array in NumPy's format.

    Raises:
        UnsafeFileError: the header is not one that NumPy writes, or does not fit the bytes behind it.
    """
    dtype, fortran, shape, end = _header(data, name)
    count = math.prod(shape)
    absurd = len(shape) > 8 or math.prod(max(side, 1) for side in shape) > 2**40  # an empty array has sides too
    if absurd or count * dtype.itemsize != len(data) - end:
        raise UnsafeFileError(f"{shown(name)} is damaged: its bytes do not fill the shape it says it has")
    if dtype.itemsize == 0:  # texts, all of them empty
        return np.zeros(shape, dtype) if count <= 1_000_000 else _too_many(name)
    values = np.frombuffer(data, dtype, count, end)
    _check_values(values, name)
    return values.reshape(shape, order="F" if fortran else "C").copy(order="C")


def _header(data: bytes, name: str) -> tuple[np.dtype[Any], bool, tuple[int, ...], int]:
    """Element type, order, shape, and where the numbers begin."""
    version = data[6:8]
    wide = version in {b"\x02\x00", b"\x03\x00"}
    if data[:6] != b"\x93NUMPY" or not (wide or version == b"\x01\x00"):
        raise UnsafeFileError(f"{shown(name)} is not a NumPy array")
    start = 12 if wide else 10
    end = start + int.from_bytes(data[8:start], "little")
    header = _HEADER.fullmatch(data[start:end]) if end - start <= 4096 else None
    if header is None:
        raise UnsafeFileError(f"{shown(name)} is not a plain array of numbers or texts")
    try:
        dtype = np.dtype(header[1].decode())
    except (TypeError, ValueError) as error:
        raise UnsafeFileError(f"{shown(name)} holds an unknown type of numbers") from error
    shape = tuple(int(part) for part in header[3].decode().replace(",", " ").split())
    return dtype, header[2] == b"True", shape, end


def _check_values(values: np.ndarray, name: str) -> None:
    """Bytes that no text and no boolean has."""
    if values.size and values.dtype.kind == "U" and values.view("<u4").max() > 0x10FFFF:
        raise UnsafeFileError(f"{shown(name)} is damaged: it holds texts with impossible letters")
    if values.size and values.dtype.kind == "b" and values.view("u1").max() > 1:
        raise UnsafeFileError(f"{shown(name)} is damaged: it holds booleans that are neither true nor false")


def _too_many(name: str) -> np.ndarray:
    raise UnsafeFileError(f"{shown(name)} is refused: it says it holds millions of empty texts")
