"""Which row a weight file that does not fit looks like: by how many numbers it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo.architectures import h5_file
from zoo.errors import WeightsError
from zoo.plugin import registry
from zoo.untrusted.arrays import read_npz
from zoo.weights.formats import keras_file, safetensors_file, torch_file

if TYPE_CHECKING:
    from zoo.weights import StoredFile

ALPHAS: dict[str, dict[float, tuple[int, int]]] = {
    "mobilenet": {0.5: (829536, 1342536), 0.75: (1832976, 2601976)},
    "mobilenet_v2": {
        0.35: (410208, 1691208),
        0.5: (706224, 1987224),
        0.75: (1382064, 2663064),
        1.3: (3766048, 5431048),
        1.4: (4363712, 6156712),
    },
    "mobilenet_v3_small": {0.75: (583160, 2051552)},
    "mobilenet_v3_large": {0.75: (1808736, 4012616)},
}
"""Widths of keras.applications that are no rows: alpha -> numbers without and with the classifier of 1,000 classes."""

_NORMALIZATION = 7
"""Numbers of the Normalization layer that official EfficientNet files hold and no row counts: mean, variance, count."""

_MOST = 3


def resembles(weights: StoredFile, model: keras.Model, name: str) -> str:
    """Return a sentence on what a file looks like, for the end of a message that it does not fit; "": not known.

    Args:
        weights: the file.
        model: the network it does not fit.
        name: the row of that network.
    """
    try:
        count = _count(weights, model)
    except (WeightsError, OSError, ValueError, KeyError):
        return ""
    similar = list(_similar({count, count - _NORMALIZATION}, name))
    if not similar:
        return f" It holds {count:,} numbers, as no row of the catalog does (`zoo list --sort params`)."
    more = f" and {len(similar) - _MOST} more" if len(similar) > _MOST else ""
    return f" With {count:,} numbers these look like weights of {' or '.join(similar[:_MOST])}{more}."


def _similar(counts: set[int], name: str) -> Iterator[str]:
    """Names of what has as many numbers, with or without classifier."""
    for entry in registry().entries("backbones"):
        if entry.name != name and counts & {entry.data.get("params"), entry.data.get("params_top")}:
            yield entry.name
    for row, widths in ALPHAS.items():
        for alpha, numbers in widths.items():
            if counts & set(numbers):
                yield f"{row} with alpha {alpha:g}"


def _count(weights: StoredFile, model: keras.Model) -> int:
    path = weights.path
    match weights.format:
        case "torch-pth" | "safetensors":
            read = safetensors_file.read if weights.format == "safetensors" else torch_file.read
            return _size(read(path).items())
        case "npz":
            return _size(read_npz(path).items())
        case "keras-file":
            with keras_file.weights_of(path) as unfolded:
                return _size_of_h5(unfolded, model)
        case _:
            return _size_of_h5(path, model)


def _size(arrays: Any) -> int:
    return sum(int(np.size(array)) for name, array in arrays if not name.endswith("num_batches_tracked"))


def _size_of_h5(path: Any, model: keras.Model) -> int:
    with h5_file.opened(path) as file:
        layers = h5_file.saved_layers(file, model.layers)
        return sum(int(np.prod(dataset.shape)) for layer in layers for dataset in layer.datasets)
