"""Find the weights of a Keras model in an HDF5 file: legacy layer groups or the `.weights.h5` layout of Keras 3.

Nothing is instantiated from the file: names and shapes first, numbers only when everything fits. Links to other
files, external storage and virtual datasets are refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from zoo.errors import UnsafeFileError, WeightsError


@dataclass(frozen=True)
class SavedLayer:
    """The weights of one layer of the saved model, still in the file."""

    name: str
    datasets: tuple[h5py.Dataset, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each weight."""
        return tuple(dataset.shape for dataset in self.datasets)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file.

    Raises:
        WeightsError: it is not one, or it is cut off; also when reading it fails later, inside the block.
    """
    if not h5py.is_hdf5(path):
        raise WeightsError(f"{path} is not an HDF5 file; expected the weights of a Keras model as .h5 or .weights.h5")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise WeightsError(f"{path} is damaged or was cut off while it was written or downloaded ({error})") from error


def saved_layers(file: h5py.File, layers: list[Any]) -> list[SavedLayer]:
    """The layers with weights, in the order of the saved model.

    Args:
        file: open HDF5 file.
        layers: the layers of the model that the weights are for, in order. The legacy layout has an order of
            its own; Keras 3 names layers by class and count (`conv2d_12`), so these tell the order.

    Returns:
        One entry per layer of the saved model that has weights. In the layout of Keras 3, those that `layers`
        does not name come last.
    """
    root = _group(file, "model_weights") if "model_weights" in file else file
    names = _strings(root, "layer_names")
    if names:
        saved = [SavedLayer(name, _named_weights(_group(root, name))) for name in names]
    elif "layers" in root:
        saved = _keras3(_group(root, "layers"), layers)
    else:
        raise WeightsError(
            f"{file.filename} holds no Keras weights: neither layer names (legacy .h5) nor a group 'layers' (Keras 3)"
        )
    return [layer for layer in saved if layer.datasets]


def _strings(group: h5py.Group, attribute: str) -> list[str]:
    """A list of strings, which Keras splits over `name0`, `name1`, ... when it is long."""
    attributes = [attribute] if attribute in group.attrs else []
    if not attributes:
        numbered = (f"{attribute}{index}" for index in range(len(group.attrs)))
        attributes = [name for name in numbered if name in group.attrs]
    values = [value for name in attributes for value in group.attrs[name]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _named_weights(group: h5py.Group) -> tuple[h5py.Dataset, ...]:
    return tuple(_dataset(group, name) for name in _strings(group, "weight_names"))


def _keras3(group: h5py.Group, layers: list[Any]) -> list[SavedLayer]:
    counts: Counter[str] = Counter()
    found, rest = [], set(group)
    for layer in layers:
        kind = _snake_case(type(layer).__name__)
        name = f"{kind}_{counts[kind]}" if counts[kind] else kind
        counts[kind] += 1
        if name in rest:
            rest.remove(name)
            found.append(_keras3_layer(_group(group, name), name, getattr(layer, "layers", [])))
    return found + [_keras3_layer(_group(group, name), name, []) for name in sorted(rest)]


def _keras3_layer(group: h5py.Group, name: str, inner: list[Any]) -> SavedLayer:
    variables = _group(group, "vars") if "vars" in group else {}
    datasets = tuple(_dataset(group, f"vars/{key}") for key in sorted(variables, key=int))
    if "layers" in group:
        for layer in _keras3(_group(group, "layers"), inner):
            datasets += layer.datasets
    return SavedLayer(name, datasets)


def _snake_case(name: str) -> str:
    """As Keras does it: DepthwiseConv2D is depthwise_conv2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


def _child(group: h5py.Group, path: str) -> Any:
    for name in path.split("/"):
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise WeightsError(f"{path!r} is listed in the file, but missing from it")
        if not isinstance(link, h5py.HardLink):
            raise UnsafeFileError(f"{path!r} is a link to somewhere else; a weight file must hold its weights")
        group = group[name]
    return group


def _group(parent: h5py.Group, path: str) -> h5py.Group:
    child = _child(parent, path)
    if not isinstance(child, h5py.Group):
        raise WeightsError(f"{path!r} in {parent.file.filename} is not a group of weights")
    return child


def _dataset(parent: h5py.Group, path: str) -> h5py.Dataset:
    child = _child(parent, path)
    if not isinstance(child, h5py.Dataset) or child.dtype.kind not in "fiu":
        raise WeightsError(f"{path!r} in {parent.file.filename} is not an array of numbers")
    if child.external or child.is_virtual:
        raise UnsafeFileError(f"{path!r} keeps its numbers in another file; a weight file must hold its weights")
    return child
