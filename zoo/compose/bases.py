"""The base of a model: a backbone of the registry with its weights, or the caller's Keras model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.catalogue import restricted
from zoo.compose.copies import copied
from zoo.compose.heads import activation_of
from zoo.compose.taps import MAP, tap
from zoo.errors import OptionError
from zoo.modality import Intake
from zoo.plugin import calling, load_target, manager, registry
from zoo.registry import Entry, ZooNotice
from zoo.scalars import plain
from zoo.specs import BackboneSpec, Preprocessing, ResizeRule, Size, as_size, sides, size_in_words
from zoo.weights import StoredFile, resolve
from zoo.weights.folders import is_folder_address

if TYPE_CHECKING:
    from zoo.architectures import Stage

IDENTITY = Preprocessing()
"""Values 0..255 as they are."""


@dataclass(frozen=True)
class BuildRequest:
    """What a model is asked for, as `zoo.build` takes it.

    Attributes:
        backbone: a name, or a Keras model.
        head: a name, what `zoo.classifier` and its like give, a Keras layer, a restriction; None: the pretrained
            classifier.
        weights: "pretrained", the id of a source, a path, or None for random ones.
        features: what the head reads; None: the pooling of the backbone.
        input_size: side of the square input, or (height, width), in px; None: that of the backbone.
        resize: how pictures become that size; None: by the kind of head.
        preprocessing: numbers to replace those of the backbone; "pretrained" or None.
        precision: dtype policy; None: Keras's global one.
        seed: of random weights.
        progress: called with (bytes done, bytes in all) while weights are fetched.
        labels: names of the outputs of a SavedModel's own classifier: a list, or the path of a file with one a line.
        trust: whether the code of a SavedModel may run here.
        options: of the backbone's builder and of its intake, by name, in place of those of its row.
        intake: what was fitted on training examples; None: one without any.
    """

    backbone: str | Any
    head: Any = None
    weights: str | os.PathLike[str] | None = "pretrained"
    features: str | None = None
    input_size: Size | None = None
    resize: ResizeRule | str | None = None
    preprocessing: Preprocessing | str | None = "pretrained"
    precision: str | None = None
    seed: int = 0
    progress: Any = None
    labels: Any = None
    trust: bool = False
    options: Mapping[str, Any] | None = None
    intake: Intake | None = None


@dataclass(frozen=True)
class Base:
    """A base network ready to be wired: what feeds it, what it gives, and who it is.

    Attributes:
        network: the Keras model, from preprocessed input to a map, tokens, vectors or logits.
        stages: from the input upward.
        preprocessing: numbers between the input and its input.
        pooling: how its map becomes a vector; "map": not at all.
        input_size: side of the square input, or (height, width), in px.
        channels: color channels.
        intake: how examples become inputs, where the modality is not that of images.
        options: of the network; of other modalities what was put in the place of options of its row.
        label_set: name of the classes of its own classifier; None without one.
        spec: its row; None for a Keras model of the caller.
        cuts: ends of its stages, of a model without a row; (): by structure.
        labels: of its own classifier, where the caller gave them.
        code: the SavedModel whose code it runs; None: Keras layers.
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
    input_size: Size
    channels: int
    backbone: str
    provider: str
    weights: str | None
    weights_sha256: str | None
    features: str
    portable: bool
    intake: Intake | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    label_set: str | None = None
    spec: BackboneSpec | None = None
    cuts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    code: str | None = None


def base_of(request: BuildRequest, *, reads: str | None) -> Base:
    """Return the base of images that is asked for.

    Args:
        request: what is asked for.
        reads: what the head reads, "vector", "map" or "either"; None: there is none, the pretrained classifier answers.

    Raises:
        OptionError: arguments that do not go together.
        WeightsError: weights that are missing, damaged or do not fit.
    """
    if not isinstance(request.backbone, str):
        if request.weights not in ("pretrained", None):
            raise OptionError(
                "weights= of a file or a source goes with the name of a backbone; a Keras model brings its own. None: "
                "they count as random, and all of it trains"
            )
        if request.options:
            raise OptionError("options= are those of a named backbone; a Keras model is what it is")
        return given_base(request, reads=reads)
    if is_folder_address(request.backbone):
        from zoo.compose.saved_models import saved_model_base  # here, not above: it needs the classes of this module

        return saved_model_base(request, reads=reads)
    entry = registry().get("backbones", request.backbone)
    if request.labels is not None:
        raise OptionError(
            "labels= names the outputs of a SavedModel's own classifier; for a head pass zoo.classifier(labels)"
        )
    base = _with_numbers(_named(request, entry, reads=reads), request)
    channels = {len(base.preprocessing.mean), len(base.preprocessing.std)}
    if base.preprocessing != IDENTITY and not channels <= {1, base.channels}:
        raise OptionError(
            f"preprocessing= has {max(channels)} numbers in mean or std, and {base.backbone} takes {base.channels} "
            f"channels: give one number for each, or a single one for all"
        )
    return base


def _with_numbers(base: Base, request: BuildRequest) -> Base:
    """The base with the numbers of preprocessing that were asked for."""
    if request.preprocessing == "pretrained":
        return base
    if not isinstance(request.preprocessing, Preprocessing | None):
        raise OptionError(f"preprocessing must be 'pretrained', None or a Preprocessing; got {request.preprocessing!r}")
    return replace(base, preprocessing=request.preprocessing or IDENTITY)


def _named(request: BuildRequest, entry: Entry, *, reads: str | None) -> Base:
    # here, not above: it loads Keras, which checks can do without
    from zoo.architectures import build_base, find_stages

    spec: BackboneSpec = entry.spec
    request = _with_weights(request, spec)
    options = _options(request, entry)
    size = _size(request.input_size, spec)
    classifier = reads is None
    include_top = classifier or (request.features is not None and request.features in spec.top_layers)
    _check_size(request, spec, size, classifier=classifier, include_top=include_top)
    _check_channels(entry)
    file: StoredFile | None = resolve(spec, request.weights, include_top=include_top, progress=request.progress)
    if file is not None and file.note:
        warnings.warn(file.note, ZooNotice, stacklevel=6)
    _notice_license(file, spec)
    load_target(entry, spec.builder)  # activates the plugin; whose code it is has been checked
    with calling(entry.provider, f"backbone {entry.id!r}", where=f" in {spec.builder}"):
        network = build_base(
            spec, weights=file, input_size=size, include_top=include_top, seed=request.seed, options=options
        )
    network, pooling = tap(network, request.features, spec, reads=reads or "vector")
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
        weights=None if file is None else _name_of(file),
        weights_sha256=None if file is None else file.sha256,
        features=features_read(request, spec, pooling),
        portable=spec.portable,
        options=options,
    )


def features_read(request: BuildRequest, spec: BackboneSpec, pooling: str) -> str:
    """Return the name of what the head reads: as asked for, else cells as they are, else as the backbone pools."""
    return request.features or (MAP if pooling == MAP else spec.pooling)


def _options(request: BuildRequest, entry: Entry) -> dict[str, Any]:
    """The options of the builder, checked."""
    given = request.options or {}
    return manager().options(entry, plain(given)) if given or entry.spec.options else {}


def _check_channels(entry: Entry) -> None:
    channels = entry.spec.input.channels
    if channels not in (1, 3):
        raise OptionError(
            f"backbone {entry.id!r} of {entry.provider} takes {channels} channels, and pictures are read "
            f"with 3 (RGB) or 1 (gray): it cannot be built. Its author can let the network begin with a layer that "
            f"takes 3"
        )


def _with_weights(request: BuildRequest, spec: BackboneSpec) -> BuildRequest:
    """The request; of a network that nobody has weights of, "pretrained" is from random ones."""
    if not spec.pretrained and request.weights == "pretrained":
        return replace(request, weights=None)
    return request


def _size(given: Any, spec: BackboneSpec) -> Size:
    """The size asked for, or that of the row; (h, w) as one number where it is a square."""
    if given is None:
        return spec.input.default_size
    pair = (given, given) if isinstance(given, int) else tuple(given) if isinstance(given, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in pair):
        raise OptionError(
            f"input_size={given!r} must be a whole number of px, or (height, width); {spec.name} takes "
            f"{size_in_words(spec.input.default_size)} by default"
        )
    return as_size(*pair)


def _notice_license(file: StoredFile | None, spec: BackboneSpec) -> None:
    """Say so where the license of the weights does not let everybody use them for everything."""
    words = restricted(file.source.license) if file is not None and file.source is not None else ""
    if words and file is not None and file.source is not None:
        warnings.warn(
            f"the weights of {spec.name} are under {words} ({file.source.license_source}). What is trained on them "
            f"inherits that",
            ZooNotice,
            stacklevel=6,
        )


def _name_of(file: StoredFile) -> str:
    """What a run says of a weight file: the id of its row, the address that was written, or the file's name."""
    return file.source.id if file.source else file.address or Path(file.path).name


def _check_size(request: BuildRequest, spec: BackboneSpec, size: Size, *, classifier: bool, include_top: bool) -> None:
    if min(sides(size)) < spec.input.min_size:
        raise OptionError(f"input_size={size} is too small for {spec.name}: at least {spec.input.min_size} px")
    if include_top and size != spec.input.default_size and request.weights is not None:
        what = (
            "the pretrained classifier"
            if classifier
            else f"features={request.features!r} (a layer of the pretrained top)"
        )
        needed = size_in_words(spec.input.default_size)
        raise OptionError(f"{what} of {spec.name} needs input_size={needed}; got {size_in_words(size)}")
    if classifier and request.weights is None:
        raise OptionError(f"{spec.name} without a head is its pretrained classifier, which random weights do not have")


def given_base(request: BuildRequest, *, reads: str | None) -> Base:
    """Return the caller's Keras model as a base: a copy, so that freezing and training do not change the original.

    Args:
        request: what is asked for; its backbone is the model.
        reads: as for `base_of`.

    Raises:
        OptionError: a model that cannot be a base; the message says what to do.
    """
    from zoo.architectures import find_stages

    model: Any = request.backbone
    network, size = copied(model, request.input_size)
    if request.preprocessing == "pretrained":
        raise OptionError(
            "a Keras model of your own needs preprocessing=: None when it takes values 0..255 as they are, "
            "else a zoo.specs.Preprocessing with channel order, scale, mean and std"
        )
    _notice_classifier(network)
    channels = int(network.inputs[0].shape[3])
    network, pooling = tap(network, request.features, model.name, reads=reads or "vector")
    return Base(
        network=network,
        stages=find_stages(network),
        preprocessing=IDENTITY if isinstance(request.preprocessing, str) else request.preprocessing or IDENTITY,
        pooling=pooling,
        input_size=size,
        channels=channels,
        **facts_of_given(request, pooling),
    )


def facts_of_given(request: BuildRequest, pooling: str) -> dict[str, Any]:
    """Return what a `Base` says of whose it is, where it is a Keras model of the caller's, whatever its examples are.

    Args:
        request: with the model.
        pooling: how its map becomes a vector.
    """
    model: Any = request.backbone
    return {
        "backbone": model.name,
        "provider": "the caller's Keras model",
        "weights": None if request.weights is None else "given",
        "weights_sha256": None,
        "features": request.features or pooling,
        "portable": all(type(layer).__module__.startswith("keras.") for layer in model.layers),
    }


def _notice_classifier(network: Any) -> None:
    """Say so where a base ends in probabilities: a head on them reads what another head decided."""
    final = activation_of(network)
    if final in ("softmax", "sigmoid") and len(network.output.shape) == 2:
        warnings.warn(
            f"the model {network.name!r} ends in {final}: a head on it reads {network.output.shape[-1]} probabilities "
            f"of another classifier. To use what is in front of it, pass keras.Model(model.input, "
            f"model.layers[-2].output), or features= with the name of a layer",
            ZooNotice,
            stacklevel=6,
        )
