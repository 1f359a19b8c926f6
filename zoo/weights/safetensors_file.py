"""Read the tensors of a safetensors file as NumPy arrays: a JSON header and raw numbers, nothing executed."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from zoo.errors import WeightsError


def read(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Read all tensors.

    Returns:
        Name to array, shapes and element types as stored.

    Raises:
        WeightsError: it is not such a file, or it is damaged or cut off.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(path)
    try:
        return dict(load_file(path))
    except (SafetensorError, KeyError, TypeError) as error:
        raise WeightsError(f"cannot read {path} as a safetensors file: {error}; get it again") from error
    except OSError as error:
        raise WeightsError(f"cannot open {path}: {error.strerror or error}") from error
