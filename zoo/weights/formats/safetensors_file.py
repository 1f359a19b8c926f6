"""Read the tensors of a safetensors file as NumPy arrays: a JSON header and raw numbers, nothing executed."""

from __future__ import annotations

import json
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UnsafeFileError, WeightsError
from zoo.untrusted import JsonLimits, parse_json, regular_file, shown

_HEADER = JsonLimits(bytes=16 << 20, values=1_000_000, depth=4)


def read(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read all tensors.

    Returns:
        Name to array, shapes and element types as stored; bfloat16 as float32.

    Raises:
        UnsafeFileError: its header is of absurd size, or has a tensor twice.
        WeightsError: it is not such a file, or it is damaged or cut off.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    if path.exists() and not regular_file(path):
        raise WeightsError(f"cannot read {path}: it is not a file")
    try:
        _check_header(path)
        return {name: _plain(array) for name, array in load_file(path).items()}
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"cannot read {path} as a safetensors file: {error!s:.200}; get it again") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error


def _plain(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind in "fiub" else array.astype(np.float32)


def _check_header(path: Path) -> None:
    """Refuse what the library lets through: a tensor that stands twice, and a header beyond reason."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > _HEADER.bytes:
            raise UnsafeFileError(f"{path} is refused: its header says it has {size} bytes")
        text = file.read(size)
    parse_json(text, str(path), _HEADER)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        name, count = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 0)
        if count > 1:
            raise UnsafeFileError(f"{path} is refused: {shown(name)} stands twice in its header")
        return dict(pairs)

    json.loads(text.decode("utf-8"), object_pairs_hook=once)
