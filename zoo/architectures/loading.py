"""Put pretrained weights into a network: check that all of them fit, then assign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.architectures import h5_file, state_dict
from zoo.architectures.pairing import Saved, ordered, paired
from zoo.errors import WeightsError
from zoo.specs import Preprocessing
from zoo.untrusted import shown
from zoo.weights import safetensors_file
from zoo.weights.formats import torch_file

_MOST_TOP_LAYERS = 3
"""No classifier of a known backbone has more layers with weights (VGG: fc1, fc2, predictions)."""

_SHAPES_SHOWN = 6

FromKeras = Callable[[Sequence[tuple[str, Sequence[np.ndarray]]]], dict[str, np.ndarray] | None]
"""Name and weights of each saved layer -> a state dict, or None."""


def load_h5(
    model: keras.Model,
    path: Path,
    *,
    include_top: bool,
    preprocessing: Preprocessing,
    from_keras: FromKeras | None = None,
) -> None:
    """Load a Keras weight file, in the order of the layers as Keras does.

    Args:
        model: the network proper.
        path: legacy `.h5` (weights, or a full model) or `.weights.h5`.
        include_top: the model ends in logits. Without, the layers of a classifier in the file are left out.
        preprocessing: the row's numbers, to compare with those that EfficientNet B0 to B7 keep in the file.
        from_keras: makes a state dict of the layers of a network of Keras that zoo builds otherwise; None when they
            are not its.

    Raises:
        WeightsError: the file does not fit or is damaged. The model is then partly filled: drop it.
    """
    with h5_file.opened(path) as file:
        saved = [
            Saved(layer.name, layer.datasets, layer.weight_names) for layer in h5_file.saved_layers(file, model.layers)
        ]
        if from_keras is not None:
            arrays = [(layer.name, [np.asarray(weight[()]) for weight in layer.weights]) for layer in saved]
            if (tensors := from_keras(arrays)) is not None:
                state_dict.assign(model, tensors, path, include_top=include_top)
                return
        saved = _checked_normalization(saved, path, preprocessing)
        _assign(_matched(model, saved, path, include_top), path)


def load_torch(model: keras.Model, path: Path, layout: str, *, include_top: bool) -> None:
    """Load a PyTorch state dict into Keras layers that carry the names of its modules.

    Args:
        model: the network proper.
        path: the file.
        layout: `torch-pth` or `safetensors`.
        include_top: the model ends in logits.

    Raises:
        WeightsError: the file does not fit or is damaged. The model is then partly filled: drop it.
    """
    read = safetensors_file.read if layout == "safetensors" else torch_file.read
    state_dict.assign(model, read(path), path, include_top=include_top)


def _weighted(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def _variables(layer: Any) -> list[Any]:
    """In the order of the files: what trains, then moving statistics; a nested Sequential is one layer."""
    return layer.trainable_weights + layer.non_trainable_weights


def _checked_normalization(saved: list[Saved], path: Path, preprocessing: Preprocessing) -> list[Saved]:
    """Without the Normalization layer that official EfficientNet B0 to B7 files hold, once it is right.

    Those files hold the standard deviation where the variance belongs; `weights="imagenet"` repairs it with a
    further Rescaling(1 / sqrt(std)), so that the network sees (x / 255 - mean) / std: the row's numbers.
    """
    layer = next((layer for layer in saved if layer.shapes == [(3,), (3,), ()]), None)
    if layer is None:
        return saved
    mean, variance = (np.ravel(weight[()]) for weight in layer.weights[:2])
    if not (np.allclose(mean, preprocessing.mean, atol=1e-4) and np.allclose(variance, preprocessing.std, atol=1e-4)):
        raise WeightsError(
            f"{path} was trained on other inputs than the official weights: its Normalization layer holds "
            f"mean {_numbers(mean)} and variance {_numbers(variance)}, official files hold mean "
            f"{_numbers(preprocessing.mean)} and (by a known slip) variance {_numbers(preprocessing.std)}. "
            "Build that model with Keras and pass it to zoo.build with its own preprocessing numbers."
        )
    return [other for other in saved if other is not layer]


def _numbers(values: Any) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


def _matched(model: keras.Model, saved: list[Saved], path: Path, include_top: bool) -> list[tuple[str, Any, Any]]:
    """(layer name, variable, weight in the file) for every variable, or the error that says what does not fit."""
    layers = _weighted(model)
    spare = len(saved) - len(layers)
    pairs = paired(layers, saved, path)
    matched = []
    for layer, entry in pairs:
        variables = _variables(layer)
        weights = ordered(layer, variables, entry, path)
        expected, shapes = [tuple(variable.shape) for variable in variables], [tuple(w.shape) for w in weights]
        if expected != shapes:
            if include_top and layer is layers[-1] and spare == 0:
                raise WeightsError(
                    f"the classifier in {path} has {_classes(shapes)} classes, {model.name} has {expected[-1][-1]}; "
                    "use the file without its classifier (include_top=False)"
                )
            raise WeightsError(
                f"{path} does not fit {model.name}: layer {layer.name!r} needs {_shapes(expected)}, "
                f"the file has {_shapes(shapes)} in {shown(entry.name)}" + _size_hint(layer, expected, shapes)
            )
        matched += [(entry.name, variable, weight) for variable, weight in zip(variables, weights, strict=True)]
    if include_top and -_MOST_TOP_LAYERS <= spare < 0:
        missing = ", ".join(layer.name for layer in layers[spare:])
        raise WeightsError(
            f"{path} holds no classifier (nothing for {missing}); "
            "use a file that includes the top, or build with include_top=False"
        )
    if spare < 0 or spare > (0 if include_top else _MOST_TOP_LAYERS):
        counts = f"the file has {len(saved)} layers with weights, the network {len(layers)}"
        raise WeightsError(f"{path} does not fit {model.name}: {counts}")
    return matched


def _classes(shapes: list[tuple[int, ...]]) -> int | str:
    return shapes[-1][-1] if shapes and shapes[-1] else "unknown"


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    more = f" and {len(shapes) - _SHAPES_SHOWN} more" if len(shapes) > _SHAPES_SHOWN else ""
    return " ".join(str(shape) for shape in shapes[:_SHAPES_SHOWN]) + more or "no weights"


def _size_hint(layer: Any, wanted: list[tuple[int, ...]], found: list[tuple[int, ...]]) -> str:
    """A Dense layer behind Flatten depends on the input size."""
    flat = isinstance(layer, keras.layers.Dense) and len(wanted) == len(found) and wanted[1:] == found[1:]
    return "; with its classifier this network works at the size it was trained on only" if flat else ""


def _assign(matched: list[tuple[str, Any, Any]], path: Path) -> None:
    for name, variable, weight in matched:
        values = np.asarray(weight[()], dtype=np.float32)
        if not np.isfinite(values).all():
            raise WeightsError(f"{path} holds NaN or infinite weights in {shown(name)}")
        variable.assign(values)
