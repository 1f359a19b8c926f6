"""The base of a model: a backbone of the registry with its weights, or the caller's Keras model."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.compose.taps import tap
from zoo.errors import OptionError
from zoo.plugin import calling, load_target, registry
from zoo.registry import ZooNotice
from zoo.specs import BackboneSpec, Preprocessing, ResizeRule
from zoo.weights import StoredFile, resolve

if TYPE_CHECKING:
    from zoo.architectures import Stage

IDENTITY = Preprocessing()
"""Pixels 0..255 as they are."""


@dataclass(frozen=True)
class BuildRequest:
    """What a model is asked for, as `zoo.build` takes it.

    Attributes:
        backbone: a name, or a Keras model.
        head: a name, what `zoo.classifier` and its like give, a Keras layer, a restriction; None: the pretrained
            classifier.
        weights: "pretrained", the id of a source, a path, or None for random ones.
        features: what the head reads; None: the pooling of the backbone.
        input_size: side of the square input in pixels; None: that of the backbone.
        resize: how pictures become squares; None: by the kind of head.
        preprocessing: numbers to replace those of the backbone; "pretrained" or None.
        precision: dtype policy; None: Keras's global one.
        seed: of random weights.
        progress: called with (bytes done, bytes in all) while weights are fetched.
    """

    backbone: str | Any
    head: Any = None
    weights: str | os.PathLike[str] | None = "pretrained"
    features: str | None = None
    input_size: int | None = None
    resize: ResizeRule | str | None = None
    preprocessing: Preprocessing | str | None = "pretrained"
    precision: str | None = None
    seed: int = 0
    progress: Any = None


@dataclass(frozen=True)
class Base:
    """A base network ready to be wired: what feeds it, what it gives, and who it is.

    Attributes:
        network: the Keras model, from preprocessed input to a map, tokens, vectors or logits.
        stages: from the input upward.
        preprocessing: numbers between pixels and its input.
        pooling: how its map becomes a vector.
        input_size: side of the square input in pixels.
        channels: color channels.
        label_set: name of the classes of its own classifier; None without one.
        spec: its row; None for a Keras model of the caller.
        backbone: `plugin:name`, or the name of the caller's model.
        provider: distribution and version, in words.
        weights: id of the source, file name or `given`; None: random.
        weights_sha256: of the file.
        features: what the head reads, as asked for.
        portable: Keras layers and ops only.
    """

    network: Any
    stages: list[Stage]
    preprocessing: Preprocessing
    pooling: str
    input_size: int
    channels: int
    backbone: str
    provider: str
    weights: str | None
    weights_sha256: str | None
    features: str
    portable: bool
    label_set: str | None = None
    spec: BackboneSpec | None = None


def base_of(request: BuildRequest, *, classifier: bool) -> Base:
    """Return the base that is asked for.

    Args:
        request: what is asked for.
        classifier: whether the pretrained classifier is wanted, and no head of the user's.

    Raises:
        OptionError: arguments that do not go together.
        WeightsError: weights that are missing, damaged or do not fit.
    """
    if not isinstance(request.backbone, str):
        if request.weights != "pretrained":
            raise OptionError("weights= goes with the name of a backbone; a Keras model brings its own")
        return _given(request)
    base = _named(request, classifier=classifier)
    if request.preprocessing == "pretrained":
        return base
    if not isinstance(request.preprocessing, Preprocessing | None):
        raise OptionError(f"preprocessing must be 'pretrained', None or a Preprocessing; got {request.preprocessing!r}")
    return replace(base, preprocessing=request.preprocessing or IDENTITY)


def _named(request: BuildRequest, *, classifier: bool) -> Base:
    # here, not above: it loads Keras, which checks can do without
    from zoo.architectures import build_base, find_stages

    entry = registry().get("backbones", request.backbone)
    spec: BackboneSpec = entry.spec
    size = request.input_size or spec.input.default_size
    include_top = classifier or (request.features is not None and request.features in spec.top_layers)
    _check_size(request, spec, size, classifier=classifier, include_top=include_top)
    if spec.input.channels != 3:
        raise OptionError(
            f"backbone {entry.id!r} of {entry.provider} takes {spec.input.channels} channels, and pictures are read "
            f"with 3 (RGB): it cannot be built. Its author can let the network begin with a layer that takes 3"
        )
    file: StoredFile | None = resolve(spec, request.weights, include_top=include_top, progress=request.progress)
    if file is not None and file.note:
        warnings.warn(file.note, ZooNotice, stacklevel=6)
    load_target(entry, spec.builder)  # activates the plugin; whose code it is has been checked
    with calling(entry.provider, f"backbone {entry.id!r}", where=f" in {spec.builder}"):
        network = build_base(spec, weights=file, input_size=size, include_top=include_top, seed=request.seed)
    network, pooling = tap(network, request.features, spec)
    return Base(
        network=network,
        stages=find_stages(network, spec.cuts),
        preprocessing=spec.preprocessing,
        pooling=pooling,
        input_size=size,
        channels=spec.input.channels,
        label_set=spec.label_set,
        spec=spec,
        backbone=entry.id,
        provider=str(entry.provider),
        weights=None if file is None else (file.source.id if file.source else Path(file.path).name),
        weights_sha256=None if file is None else file.sha256,
        features=request.features or spec.pooling,
        portable=spec.portable,
    )


def _check_size(request: BuildRequest, spec: BackboneSpec, size: int, *, classifier: bool, include_top: bool) -> None:
    if size < spec.input.min_size:
        raise OptionError(f"input_size={size} is too small for {spec.name}: at least {spec.input.min_size} pixels")
    if include_top and size != spec.input.default_size and request.weights is not None:
        what = (
            "the pretrained classifier"
            if classifier
            else f"features={request.features!r} (a layer of the pretrained top)"
        )
        raise OptionError(f"{what} of {spec.name} needs input_size={spec.input.default_size}; got {size}")
    if classifier and request.weights is None:
        raise OptionError(f"{spec.name} without a head is its pretrained classifier, which random weights do not have")


def _given(request: BuildRequest) -> Base:
    import keras

    from zoo.architectures import find_stages

    model = request.backbone
    if not isinstance(model, keras.Model):
        raise OptionError(f"a backbone is a name or a Keras model; got {type(model).__name__}")
    if request.preprocessing == "pretrained":
        raise OptionError(
            "a Keras model of your own needs preprocessing=: None when it takes pixels 0..255 as they are, "
            "else a zoo.specs.Preprocessing with channel order, scale, mean and std"
        )
    if len(getattr(model, "inputs", None) or ()) != 1 or len(getattr(model, "outputs", None) or ()) != 1:
        raise OptionError(
            f"{type(model).__name__} {model.name!r} must be a functional or sequential model with one input and one "
            f"output: inside a subclassed model zoo can neither find nor freeze the stages"
        )
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[3] not in (None, 3):
        raise OptionError(f"the model must take color images (n, height, width, 3); its input is {shape}")
    size = request.input_size or shape[1]
    if size is None or (shape[1] not in (None, size)) or (shape[2] not in (None, size)):
        raise OptionError(f"the model's input is {shape}: pass the side of its square input as input_size=")
    # A copy: freezing and training must not change the caller's object. Rebuilt first, since a subclass of Model made
    # with inputs and outputs would not be copied layer by layer.
    network = keras.models.clone_model(keras.Model(model.inputs[0], model.outputs[0], name=model.name))
    network.set_weights(model.get_weights())
    network, pooling = tap(network, request.features, model.name)
    return Base(
        network=network,
        stages=find_stages(network),
        preprocessing=IDENTITY if isinstance(request.preprocessing, str) else request.preprocessing or IDENTITY,
        pooling=pooling,
        input_size=size,
        channels=3,
        backbone=model.name,
        provider="the caller's Keras model",
        weights="given",
        weights_sha256=None,
        features=request.features or "avg",
        portable=all(type(layer).__module__.startswith("keras.") for layer in model.layers),
    )
