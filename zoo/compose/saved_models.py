"""A SavedModel as a base: code of somebody else's, run only where the user trusts it; one opaque stage, frozen."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.compose.bases import IDENTITY, Base, BuildRequest
from zoo.compose.taps import MAP, tap
from zoo.errors import OptionError, WeightsError, did_you_mean
from zoo.registry import ZooNotice
from zoo.specs import Preprocessing, Size
from zoo.weights.folders import MARK, ModelFolder, model_folder, require_saved_model

COMMON = Preprocessing(scale=1 / 255)
"""What TensorFlow Hub's common signature for images takes: RGB in 0..1."""

SIDE = 224
"""Side of the input where the SavedModel takes any, in px."""

_BACKGROUND = "background"
_ENDPOINTS = ("serving_default", "serve", "__call__")


def saved_model_base(request: BuildRequest, *, reads: str | None) -> Base:
    """Return a SavedModel as a base.

    Args:
        request: what is asked for; its backbone is a handle or a folder.
        reads: what the head reads; None: there is none, the model's own answers are used.

    Raises:
        OptionError: it is not trusted, or does not fit what is asked for.
        WeightsError: it is not to be had, or cannot be read.
    """
    import keras

    from zoo.architectures.stages import Stage

    _check(request)
    folder = model_folder(str(request.backbone), progress=request.progress)
    require_saved_model(folder)
    if folder.note:
        warnings.warn(folder.note, ZooNotice, stacklevel=7)
    signature = _read_signature(folder)
    size = _size(signature, request.input_size, folder)
    start = keras.Input((size, size, signature.channels), name="input_of_base")
    layer, outputs = _call(folder, signature, start)
    end, rest = _pick(outputs, request.features, folder)
    network = keras.Model(start, end, name="saved_model")
    labels: tuple[str, ...] = ()
    if reads is None:
        labels, network = _classifier(network, request.labels, folder)
    network, pooling = tap(network, rest, folder.name, reads=reads or "vector")
    network.trainable = False
    return Base(
        network=network,
        stages=[Stage("all", 1, int(network.output.shape[-1]), (layer,), None)],
        preprocessing=_preprocessing(request, folder),
        pooling=pooling,
        input_size=size,
        channels=signature.channels,
        backbone=folder.name,
        provider="a SavedModel that the user trusts",
        weights="given",
        weights_sha256=folder.sha256,
        features=request.features or (MAP if pooling == MAP else "avg"),
        portable=False,
        labels=labels,
        code=folder.name,
    )


def _check(request: BuildRequest) -> None:
    """What can be refused before anything is fetched or run."""
    import keras

    name = request.backbone
    if not request.trust:
        raise OptionError(
            f"{name!r} is a SavedModel: its graph is code, which runs on this machine with your rights and can read "
            f"and write files. If you trust where it comes from, pass trust=True"
        )
    if keras.config.backend() != "tensorflow":
        raise OptionError(
            f"{name!r} is a SavedModel, which runs on TensorFlow only; Keras computes with {keras.config.backend()}: "
            f"set KERAS_BACKEND=tensorflow"
        )
    if request.weights != "pretrained":
        raise OptionError(f"weights= goes with the name of a backbone; the SavedModel {name!r} brings its own")
    if request.labels is not None and request.head is not None:
        raise OptionError("labels= names the outputs of the SavedModel's own classifier: it goes with head=None")


@dataclass(frozen=True)
class _Signature:
    """How a SavedModel is called.

    Attributes:
        endpoint: what `TFSMLayer` calls.
        size: side of the input it was made for; None: any, or not said.
        channels: of the input.
        dtype: of the input.
    """

    endpoint: str
    size: int | None = None
    channels: int = 3
    dtype: str = "float32"


def _read_signature(folder: ModelFolder) -> _Signature:
    """What the file says of its endpoints; nothing is run."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString((folder.path / MARK).read_bytes())
    except Exception as error:  # the parser of protobuf raises a class of its own
        raise WeightsError(f"{folder.name} is damaged: {MARK} cannot be read ({type(error).__name__})") from error
    graphs = [graph for graph in content.meta_graphs if "serve" in graph.meta_info_def.tags]
    if not graphs:
        raise WeightsError(f"{folder.name} is no SavedModel to serve: it has no graph with the tag 'serve'")
    signatures = graphs[0].signature_def
    name = next((name for name in _ENDPOINTS if name in signatures), None)
    if name is None:
        return _Signature("__call__")
    inputs = list(signatures[name].inputs.values())
    if len(inputs) != 1:
        raise OptionError(f"{folder.name} takes {len(inputs)} inputs; a base for pictures takes one")
    size, channels = _sides([dim.size for dim in inputs[0].tensor_shape.dim], folder)
    return _Signature(name, size, channels, tf.dtypes.as_dtype(inputs[0].dtype).name)


def _sides(dims: Sequence[int], folder: ModelFolder) -> tuple[int | None, int]:
    """Side in px (None: any) and channels of an input of this shape, where -1 is any length."""
    if len(dims) != 4 or dims[3] not in (1, 3, -1):
        raise OptionError(
            f"{folder.name} takes an input of shape {tuple(None if dim < 0 else dim for dim in dims)}; a base for "
            f"pictures takes (n, height, width, 3)"
        )
    if dims[1] != dims[2]:
        raise OptionError(f"{folder.name} takes pictures of {dims[2]} x {dims[1]} px; zoo makes squares")
    return dims[1] if dims[1] > 0 else None, dims[3] if dims[3] > 0 else 3


def _size(signature: _Signature, size: Size | None, folder: ModelFolder) -> int:
    if size is not None and not isinstance(size, int):
        raise OptionError(f"{folder.name} is given square pictures: input_size= is a number of px; got {size}")
    if signature.size is not None and size not in (None, signature.size):
        raise OptionError(f"{folder.name} takes pictures of {signature.size} x {signature.size}; got input_size={size}")
    return signature.size or size or SIDE


def _call(folder: ModelFolder, signature: _Signature, start: Any) -> tuple[Any, dict[str, Any]]:
    """The layer that runs it, and its outputs by name."""
    import keras

    try:
        layer = keras.layers.TFSMLayer(
            str(folder.path), call_endpoint=signature.endpoint, trainable=False, name="saved_model_code"
        )
        given = start if signature.dtype == "float32" else keras.ops.cast(start, signature.dtype)
        outputs = layer(given)
    except Exception as error:  # code of whoever made it: anything may come
        raise WeightsError(
            f"{folder.name} cannot be run (endpoint {signature.endpoint!r}): {type(error).__name__}: "
            f"{str(error).splitlines()[0][:200] if str(error) else ''}"
        ) from error
    if isinstance(outputs, dict):
        return layer, outputs
    if isinstance(outputs, list | tuple):
        return layer, {f"output_{number}": output for number, output in enumerate(outputs)}
    return layer, {"output_0": outputs}


def _pick(outputs: dict[str, Any], features: str | None, folder: ModelFolder) -> tuple[Any, str | None]:
    """The output that is meant, and what is left of `features`."""
    source, _, pooling = (features or "").partition(":")
    if source in outputs:
        name, rest = source, pooling or None
    elif len(outputs) == 1 or "default" in outputs:
        name, rest = ("default" if "default" in outputs else next(iter(outputs))), features
    else:
        shapes = ", ".join(f"{name} {tuple(output.shape)}" for name, output in outputs.items())
        near = did_you_mean(source, outputs) if source else ""
        raise OptionError(f"{folder.name} has several outputs: say which with features=.{near} There are {shapes}")
    _check_shape(name, tuple(outputs[name].shape), folder)
    return outputs[name], rest


def _check_shape(name: str, shape: tuple[int | None, ...], folder: ModelFolder) -> None:
    if len(shape) not in (2, 3, 4) or None in shape[1:]:
        raise OptionError(
            f"the output {name!r} of {folder.name} has shape {shape}; features are (n, d), (n, t, c) or "
            f"(n, h, w, c) of known size"
        )


def _preprocessing(request: BuildRequest, folder: ModelFolder) -> Preprocessing:
    if isinstance(request.preprocessing, Preprocessing):
        return request.preprocessing
    if request.preprocessing not in (None, "pretrained"):
        raise OptionError(f"preprocessing must be 'pretrained', None or a Preprocessing; got {request.preprocessing!r}")
    if request.preprocessing is None:
        return IDENTITY
    if folder.name.startswith(("tfhub:", "kaggle:")):
        return COMMON
    warnings.warn(
        f"{folder.name} does not say what it takes: it gets values 0..255 as they are. If it takes others, pass "
        f"preprocessing=, such as zoo.specs.Preprocessing(scale=1 / 255)",
        ZooNotice,
        stacklevel=8,
    )
    return IDENTITY


# -- its own classifier -----------------------------------------------------------------------------------------------


def _classifier(network: Any, labels: Any, folder: ModelFolder) -> tuple[tuple[str, ...], Any]:
    """The names of its outputs, and the network with logits at its end."""
    import keras

    if len(network.output.shape) != 2:
        raise OptionError(
            f"{folder.name} gives {tuple(network.output.shape)} and no classes: build it with head=, or say with "
            f"features= which of its outputs are the classes"
        )
    width = int(network.output.shape[-1])
    if labels is None:
        raise OptionError(f"{folder.name} gives {width} outputs without names: pass labels= (a list, or a text file)")
    names = _fitting(_read_labels(labels), width, folder)
    if _gives_probabilities(network):
        logits = keras.ops.log(keras.ops.maximum(network.output, 1e-30))
        network = keras.Model(network.input, logits, name=network.name)
    return names, network


def _read_labels(labels: Sequence[str] | str | os.PathLike[str]) -> tuple[str, ...]:
    if not isinstance(labels, str | os.PathLike):
        return tuple(str(label) for label in labels)
    path = Path(labels).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the names of the classes cannot be read from {path}: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def _fitting(names: tuple[str, ...], width: int, folder: ModelFolder) -> tuple[str, ...]:
    """The names, with or without that of the background class in front, as the outputs need them."""
    said = f"{len(names):,} names for the {width:,} outputs of {folder.name}"
    if len(names) == width - 1:
        said += f": the first output is taken for the class {_BACKGROUND!r}"
        names = (_BACKGROUND, *names)
    elif len(names) == width + 1 and names[0].lower() in (_BACKGROUND, "dummy", "none"):
        said += f": the first name, {names[0]!r}, is left out"
        names = names[1:]
    elif len(names) != width:
        raise OptionError(f"labels= has {said}: there must be {width:,}, or one less without a background class")
    warnings.warn(said, ZooNotice, stacklevel=9)
    return _distinct(names)


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that are there twice (ImageNet has two cranes and two maillots) with the number of their output."""
    return tuple(f"{name} ({number})" if names.count(name) > 1 else name for number, name in enumerate(names))


def _gives_probabilities(network: Any) -> bool:
    """Whether its outputs are probabilities already: of noise, they lie in 0..1 and add up to 1."""
    side, channels = network.input_shape[1], network.input_shape[3]
    noise = np.random.default_rng(0).uniform(0, 1, (2, side, side, channels)).astype(np.float32)
    values = np.asarray(network(noise, training=False))
    return bool((values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3))
