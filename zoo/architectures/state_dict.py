"""Put a PyTorch state dict into a network whose layers carry the names of its modules.

`blocks.0.attn.qkv.weight` is the kernel of the layer `blocks_0_attn_qkv`. Three things have no layer of their own:
LayerScale is folded into the Dense layer in front of it, free tokens are rows of an Embedding, and a table of
positions of another input size is resized.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.architectures.resampling import resized
from zoo.errors import WeightsError

CLASSIFIERS = frozenset({"pooler", "head", "head_fc", "fc", "classifier", "fc1", "fc2", "pre_logits"})
"""Modules that a network without its classifier leaves in the file; also those that a name of these begins."""

_FOLDED = (
    (re.compile(r"^(.*?)\.(?:ls1\.gamma|gamma_1)$"), r"\1.attn.proj"),
    (re.compile(r"^(.*?)\.(?:ls2\.gamma|gamma_2|gamma)$"), r"\1.mlp.fc2"),
)
"""LayerScale of a module -> the module whose output it multiplies."""

_ORDER = {"weight": 0, "bias": 1, "running_mean": 2, "running_var": 3}
"""The order in which Keras layers hold their weights."""

_UNUSED = ("num_batches_tracked", "mask_token", "position_ids")
"""Counters of BatchNorm, the token of pictures with holes, which is used in pretraining only, and 0, 1, 2, ..."""

_POSITIONS, _PATCHES = "pos_embed", "patch_embed_proj"

Hint = Callable[[], str]
"""What to add to a message about weights that do not fit: the nearest row that they do fit."""


def assign(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    path: Path,
    *,
    include_top: bool,
    hint: Hint = lambda: "",
) -> None:
    """Load a state dict by name.

    Args:
        model: the network proper.
        tensors: name of each tensor -> its values, as PyTorch lays them out.
        path: the file they came from, for messages.
        include_top: the model ends in logits. Without, the modules of a classifier in the file are left out.
        hint: gives the end of a message about a file that does not fit.

    Raises:
        WeightsError: a module is missing, too many or of another shape, or numbers are not finite. The model is then
            partly filled: drop it.
    """
    modules = _modules(_folded(tensors, path))
    layers = [layer for layer in model.layers if layer.weights]
    for layer in layers:
        if layer.name not in modules:
            raise WeightsError(_missing(model, layer, modules, layers, path, include_top) + hint())
        _fill(model, layer, modules.pop(layer.name), path, include_top and layer is layers[-1], hint)
    spare = [name for name in modules if include_top or not _of_classifier(name)]
    if spare:
        raise WeightsError(_superfluous(model, spare, path) + hint())


def layer_name(module: str) -> str:
    """The Keras layer of a module: `_blocks.0._bn1` is `blocks_0_bn1`."""
    return re.sub(r"[._]+", "_", module).strip("_")


def _folded(tensors: Mapping[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """The tensors without LayerScale: `gamma * (x W + b)` is `x (W gamma) + b gamma`."""
    plain = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in _UNUSED}
    for pattern, target in _FOLDED:
        for name in [name for name in plain if pattern.match(name)]:
            _fold(plain, name, pattern.sub(target, name), path)
    return plain


def _fold(tensors: dict[str, np.ndarray], name: str, module: str, path: Path) -> None:
    """Take the gamma of this name out, and scale weight and bias of its module by it."""
    gamma, weight, bias = tensors.pop(name), tensors.get(f"{module}.weight"), tensors.get(f"{module}.bias")
    if weight is None or gamma.shape != weight.shape[:1]:
        fault = "is not there" if weight is None else f"has shape {weight.shape}"
        raise WeightsError(f"{path} is not whole: {name} {gamma.shape} scales {module}.weight, which {fault}")
    tensors[f"{module}.weight"] = weight * gamma.reshape(-1, *[1] * (weight.ndim - 1))
    if bias is not None:
        tensors[f"{module}.bias"] = bias * gamma


def _modules(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Layer name -> its parameters; a tensor that is no parameter of a module is the `weight` of its own name."""
    modules: dict[str, dict[str, np.ndarray]] = {}
    for name, value in tensors.items():
        module, _, parameter = name.rpartition(".")
        if parameter in _ORDER:
            modules.setdefault(layer_name(module), {})[parameter] = value
        elif parameter in ("q_bias", "v_bias"):
            modules.setdefault(layer_name(f"{module}.qkv"), {})[parameter] = value
        else:
            modules.setdefault(layer_name(name), {})["weight"] = value
    for parameters in modules.values():
        if "q_bias" in parameters and "v_bias" in parameters:  # Eva: the keys have none
            query, value = parameters.pop("q_bias"), parameters.pop("v_bias")
            parameters["bias"] = np.concatenate([query, np.zeros_like(query), value])
    return modules


def _fill(
    model: keras.Model, layer: Any, parameters: dict[str, np.ndarray], path: Path, classifier: bool, hint: Hint
) -> None:
    variables = layer.trainable_weights + layer.non_trainable_weights
    needed = [tuple(variable.shape) for variable in variables]
    values = [_as_keras(layer, name, value) for name, value in sorted(parameters.items(), key=_place)]
    if layer.name == _POSITIONS and len(values) == 1:
        values = [_positions(model, layer, values[0])]
    shapes = [value.shape for value in values]
    if shapes != needed:
        raise WeightsError(_misfit(model, layer, needed, shapes, path, classifier, hint))
    for variable, value in zip(variables, values, strict=True):
        numbers = np.asarray(value, dtype=np.float32)
        if not np.isfinite(numbers).all():
            raise WeightsError(f"{path} holds NaN or infinite weights in {layer.name!r}")
        variable.assign(numbers)


def _misfit(
    model: keras.Model,
    layer: Any,
    needed: list[tuple[int, ...]],
    shapes: list[tuple[int, ...]],
    path: Path,
    classifier: bool,
    hint: Hint,
) -> str:
    if classifier and shapes and shapes[0][:1] == needed[0][:1]:
        return (
            f"the classifier in {path} has {shapes[-1][-1]} classes, {model.name} has {needed[-1][-1]}; "
            "use the file without its classifier (include_top=False)"
        )
    return (
        f"{path} does not fit {model.name}: layer {layer.name!r} needs {_shapes(needed)}, "
        f"the file has {_shapes(shapes)}{hint()}"
    )


def _place(item: tuple[str, np.ndarray]) -> tuple[int, str]:
    return _ORDER.get(item[0], len(_ORDER)), item[0]


def _as_keras(layer: Any, parameter: str, value: np.ndarray) -> np.ndarray:
    """One parameter in the axes of the Keras layer."""
    if parameter != "weight":
        return value
    if isinstance(layer, keras.layers.Embedding):
        return value.reshape(-1, value.shape[-1])
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        # Response normalization has a number for each channel: a kernel of one cell.
        return np.transpose(value, (2, 3, 0, 1)) if value.ndim == 4 else value.reshape(1, 1, -1, 1)
    if isinstance(layer, keras.layers.Conv2D):
        return np.transpose(value, (2, 3, 1, 0)) if value.ndim == 4 else value
    if isinstance(layer, keras.layers.Dense) and value.ndim > 1:
        # A convolution of one cell is a Dense layer (ConvNeXt of timm, classifiers).
        return value.reshape(value.shape[:2]).T if math.prod(value.shape[2:]) == 1 else value
    return value


def _positions(model: keras.Model, layer: Any, table: np.ndarray) -> np.ndarray:
    """The table (rows, width) for the side of this network; rows of prefix tokens come first and stay."""
    side = model.get_layer(_PATCHES).output.shape[1]
    prefix = layer.input_dim - side * side
    before = math.isqrt(max(len(table) - prefix, 0))
    if before in (0, side) or before * before + prefix != len(table):
        return table
    grid = table[prefix:].reshape(before, before, -1)
    return np.concatenate([table[:prefix], resized(grid, side).reshape(side * side, -1)])


def _missing(
    model: keras.Model, layer: Any, modules: Mapping[str, Any], layers: list[Any], path: Path, include_top: bool
) -> str:
    if include_top and layer is layers[-1]:
        return (
            f"{path} holds no classifier (nothing for {layer.name}); "
            "use a file that includes the top, or build with include_top=False"
        )
    names = ", ".join(list(modules)[:3])
    return f"{path} has no weights for layer {layer.name!r} of {model.name}; the file has {names or 'none'} and so on"


def _superfluous(model: keras.Model, spare: list[str], path: Path) -> str:
    return (
        f"{path} does not fit {model.name}: the file has {len(spare)} modules that the network does not have, "
        f"{', '.join(spare[:3])}{' and others' if len(spare) > 3 else ''}"
    )


def _of_classifier(name: str) -> bool:
    return name in CLASSIFIERS or any(name.startswith(f"{start}_") for start in CLASSIFIERS)


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return " ".join(str(tuple(shape)) for shape in shapes) or "no weights"
