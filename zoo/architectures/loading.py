"""Put pretrained weights into a network: check that all of them fit, then assign."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo.architectures import h5_file, state_dict
from zoo.architectures.pairing import Saved, ordered, paired
from zoo.errors import UnsafeFileError, WeightsError
from zoo.specs import Preprocessing
from zoo.untrusted import shown
from zoo.untrusted.archives import FLOOR, RATIO
from zoo.untrusted.arrays import read_npz
from zoo.weights.formats import keras_file, onnx_file, safetensors_file, torch_file

if TYPE_CHECKING:
    from zoo.weights import StoredFile

_MOST_TOP_LAYERS = 3
"""No classifier of a known backbone has more layers with weights (VGG: fc1, fc2, predictions)."""

_SHAPES_SHOWN = 6

FromOnnx = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
"""Name of each initializer -> its values, to a state dict."""

FromKeras = Callable[[Sequence[tuple[str, Sequence[np.ndarray]]]], dict[str, np.ndarray] | None]
"""Name and weights of each saved layer -> a state dict, or None."""


def load(
    model: keras.Model,
    weights: StoredFile,
    *,
    include_top: bool,
    preprocessing: Preprocessing,
    from_keras: FromKeras | None = None,
    from_onnx: FromOnnx | None = None,
) -> None:
    """Load a weight file of any format that zoo reads.

    Args:
        model: the network proper.
        weights: the checked file.
        include_top: the model ends in logits. Without, the layers of a classifier in the file are left out.
        preprocessing: the row's numbers.
        from_keras: makes a state dict of the layers of a network of Keras that zoo builds otherwise; None when they
            are not its.
        from_onnx: makes a state dict of the initializers of an ONNX file; None: they have the names of one already.

    Raises:
        WeightsError: the file does not fit or is damaged. The model is then partly filled: drop it.
        UnsafeFileError: it holds something else than weights.
    """
    path = weights.path
    keras_h5 = partial(load_h5, model, include_top=include_top, preprocessing=preprocessing, from_keras=from_keras)
    match weights.format:
        case "torch-pth" | "safetensors":
            load_torch(model, path, weights.format, include_top=include_top)
        case "onnx":
            tensors = onnx_file.read(path)
            named = tensors if from_onnx is None else from_onnx(tensors)
            state_dict.assign(model, named, path, include_top=include_top)
        case "npz":
            load_arrays(model, read_npz(path), path, include_top=include_top)
        case "keras-file":
            with keras_file.weights_of(path) as unfolded:
                keras_h5(unfolded, name=path)
        case _:
            keras_h5(path)


def load_arrays(model: keras.Model, arrays: Mapping[str, np.ndarray], path: Path, *, include_top: bool) -> None:
    """Load named arrays: `conv1/kernel` as Keras names weights, or `conv1.weight` as PyTorch does.

    Args:
        model: the network proper.
        arrays: name of each weight -> its values.
        path: the file they came from, for messages.
        include_top: the model ends in logits.

    Raises:
        WeightsError: the arrays do not fit. The model is then partly filled: drop it.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, _, weight = name.partition(":")[0].rpartition("/")
        layers.setdefault(layer, {})[weight] = array
    if set(layers) == {""}:
        state_dict.assign(model, arrays, path, include_top=include_top)
        return
    saved = [Saved(name, tuple(parts.values()), tuple(parts)) for name, parts in layers.items()]
    _assign(_matched(model, saved, path, include_top), path)


def load_h5(
    model: keras.Model,
    path: Path,
    *,
    include_top: bool,
    preprocessing: Preprocessing,
    from_keras: FromKeras | None = None,
    name: Path | None = None,
) -> None:
    """Load a Keras weight file, in the order of the layers as Keras does.

    Args:
        model: the network proper.
        path: legacy `.h5` (weights, or a full model) or `.weights.h5`.
        include_top: the model ends in logits. Without, the layers of a classifier in the file are left out.
        preprocessing: the row's numbers, to compare with those that EfficientNet B0 to B7 keep in the file.
        name: what the file is called in messages; None: its path.
        from_keras: makes a state dict of the layers of a network of Keras that zoo builds otherwise; None when they
            are not its.

    Raises:
        WeightsError: the file does not fit or is damaged. The model is then partly filled: drop it.
    """
    name = name or path
    with h5_file.opened(path) as file:
        saved = [
            Saved(layer.name, layer.datasets, layer.weight_names) for layer in h5_file.saved_layers(file, model.layers)
        ]
        if from_keras is not None and (tensors := from_keras(_read(saved, path))) is not None:
            state_dict.assign(model, tensors, name, include_top=include_top)
            return
        saved = _checked_normalization(saved, name, preprocessing)
        _assign(_matched(model, saved, name, include_top), name)


def _read(saved: list[Saved], path: Path) -> list[tuple[str, list[np.ndarray]]]:
    """All numbers of a file, whose shapes nothing was compared with yet: no more of them than it can hold."""
    size = sum(weight.nbytes for layer in saved for weight in layer.weights)
    held = path.stat().st_size
    if size > max(FLOOR, RATIO * held):
        raise UnsafeFileError(f"{path} is refused: it says that it holds {size} bytes of weights, and it has {held}")
    return [(layer.name, [np.asarray(weight[()]) for weight in layer.weights]) for layer in saved]


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
    _check_count(model, layers, len(saved), path, include_top)
    return matched


def _check_count(model: keras.Model, layers: list[Any], saved: int, path: Path, include_top: bool) -> None:
    """Refuse a file whose layers with weights are more or fewer than the network's."""
    spare = saved - len(layers)
    if include_top and -_MOST_TOP_LAYERS <= spare < 0:
        missing = ", ".join(layer.name for layer in layers[spare:])
        raise WeightsError(
            f"{path} holds no classifier (nothing for {missing}); "
            "use a file that includes the top, or build with include_top=False"
        )
    if spare < 0 or spare > (0 if include_top else _MOST_TOP_LAYERS):
        counts = f"the file has {saved} layers with weights, the network {len(layers)}"
        raise WeightsError(f"{path} does not fit {model.name}: {counts}")


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
