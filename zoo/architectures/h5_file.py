"""Find the weights of a Keras model in an HDF5 file: legacy layer groups or the `.weights.h5` layout of Keras 3.

Nothing is instantiated from the file: names and shapes first, numbers only when everything fits. Links to other
files, external storage and virtual datasets are refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py

from zoo.errors import WeightsError
from zoo.untrusted import shown
from zoo.weights.formats.hdf5 import dataset, opened, subgroup

__all__ = ["SavedLayer", "opened", "saved_layers", "snake_case"]

_MOST_NAMES = 100_000


@dataclass(frozen=True)
class SavedLayer:
    """The weights of one layer of the saved model, still in the file.

    Attributes:
        name: of the layer, as the saved model called it.
        datasets: its weights.
        weight_names: what each is called, such as "gamma"; () where the file does not say.
    """

    name: str
    datasets: tuple[h5py.Dataset, ...]
    weight_names: tuple[str, ...] = ()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each weight."""
        return tuple(dataset.shape for dataset in self.datasets)


def saved_layers(file: h5py.File, layers: list[Any]) -> list[SavedLayer]:
    """Return the layers with weights, in the order of the saved model.

    Args:
        file: open HDF5 file.
        layers: the layers of the model that the weights are for, in order. The legacy layout has an order of
            its own; Keras 3 keys layers by class and count (`conv2d_12`), so these tell the order.

    Returns:
        One entry per layer of the saved model that has weights. In the layout of Keras 3, those that `layers`
        does not name come last; where the network is a part of the saved model, its layers alone.

    Raises:
        WeightsError: the file holds no weights of Keras, or its names contradict each other.
        UnsafeFileError: its weights lie elsewhere.
    """
    root = subgroup(file, "model_weights") if "model_weights" in file else file
    names = _strings(root, "layer_names")
    if names:
        saved = [_legacy_layer(root, name, set(names)) for name in names]
    elif "layers" in root:
        saved = _keras3(_fitting(subgroup(root, "layers"), layers), layers)
    else:
        raise WeightsError(
            f"{file.filename} holds no Keras weights: neither layer names (legacy .h5) nor a group 'layers' (Keras 3)"
        )
    return [layer for layer in saved if layer.datasets]


def _strings(group: h5py.Group, attribute: str) -> list[str]:
    """A list of strings, whole or in parts."""
    values = [value for name in _parts(group, attribute) for value in _array(group, name)]
    if len(values) > _MOST_NAMES:
        raise WeightsError(f"{group.file.filename} lists {len(values)} names; a network has far fewer")
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _parts(group: h5py.Group, attribute: str) -> list[str]:
    """The attributes that hold a list: it alone, or `name0`, `name1`, ..., over which Keras splits a long one."""
    if attribute in group.attrs:
        return [attribute]
    numbered = (f"{attribute}{index}" for index in range(len(group.attrs)))
    return [name for name in numbered if name in group.attrs]


def _array(group: h5py.Group, attribute: str) -> Any:
    values = group.attrs[attribute]
    if not getattr(values, "ndim", 0):
        raise WeightsError(f"{attribute!r} in {group.file.filename} is not a list of names")
    return values


def _legacy_layer(root: h5py.Group, name: str, names: set[str]) -> SavedLayer:
    group = subgroup(root, name)
    inside = _strings(group, "weight_names")
    for weight in inside:
        owner = weight.partition("/")[0]
        if owner != name and owner in names and not weight.startswith(f"{name}/"):
            raise WeightsError(
                f"{root.file.filename} contradicts itself: the layer {shown(name)} holds {shown(weight)}, a weight of "
                f"the layer {shown(owner)}; which of the two names is right cannot be told. Get the file again."
            )
    datasets = tuple(dataset(group, weight) for weight in inside)
    return SavedLayer(name, datasets, tuple(weight.rpartition("/")[2].partition(":")[0] for weight in inside))


def _fitting(group: h5py.Group, layers: list[Any]) -> h5py.Group:
    """The group that holds most layers of the network: itself, or that of a model in which it is nested."""
    keys = {key for key, _ in _keyed(layers)}
    candidates, level = [group], [group]
    for _ in range(3):
        level = [subgroup(outer[key], "layers") for outer in level for key in outer if _is_model(outer, key)]
        candidates += level
    return max(candidates, key=lambda candidate: len(keys & set(candidate)))


def _is_model(group: h5py.Group, key: str) -> bool:
    inner = subgroup(group, key)
    return "layers" in inner


def _keyed(layers: list[Any]) -> Iterator[tuple[str, Any]]:
    """The key that Keras 3 gives each layer: its class and how many of it came before."""
    counts: Counter[str] = Counter()
    for layer in layers:
        kind = snake_case(type(layer).__name__)
        yield (f"{kind}_{counts[kind]}" if counts[kind] else kind), layer
        counts[kind] += 1


def _keras3(group: h5py.Group, layers: list[Any]) -> list[SavedLayer]:
    saved, rest = [], set(group)
    for key, layer in _keyed(layers):
        if key in rest:
            rest.remove(key)
            saved.append(_keras3_layer(subgroup(group, key), key, getattr(layer, "layers", [])))
    return saved + [_keras3_layer(subgroup(group, key), key, []) for key in sorted(rest)]


def _keras3_layer(group: h5py.Group, key: str, inner: list[Any]) -> SavedLayer:
    variables = subgroup(group, "vars") if "vars" in group else None
    numbers = [] if variables is None else sorted(variables, key=_position)
    datasets = tuple(dataset(group, f"vars/{number}") for number in numbers)
    name = key if variables is None else str(variables.attrs.get("name", key))
    if "layers" in group:
        for layer in _keras3(subgroup(group, "layers"), inner):
            datasets += layer.datasets
    return SavedLayer(name, datasets)


def _position(number: str) -> int:
    if not number.isdecimal() or len(number) > 6:
        raise WeightsError(f"a weight is called {shown(number)}, and Keras counts them")
    return int(number)


def snake_case(name: str) -> str:
    """Return the name of a class as Keras makes names of layers of it: DepthwiseConv2D is depthwise_conv2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
