"""The base of a model whose examples are no images: built for an intake, by the row of its backbone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from zoo.compose.bases import Base, BuildRequest, facts_of_given, features_read
from zoo.compose.copies import copied_for_arrays
from zoo.compose.taps import tap
from zoo.data.modalities import Kind, kind_of, kind_of_arrays
from zoo.errors import OptionError, PluginError, did_you_mean
from zoo.modality import Intake
from zoo.plugin import calling, load_target, registry
from zoo.registry import Entry, ZooNotice
from zoo.specs import BackboneSpec, Preprocessing
from zoo.weights import StoredFile, resolve

FIXED = "fixed"
"""What `Identity.weights` says of a base without weights that could train: it gives what it is meant to give."""


def base_of_modality(request: BuildRequest, entry: Entry, *, reads: str | None) -> Base:
    """Return the base that is asked for.

    Args:
        request: what is asked for.
        entry: of its backbone.
        reads: what the head reads, "vector", "map" or "either"; None: no head of the user's is wanted.

    Raises:
        OptionError: arguments that do not go together.
        WeightsError: weights that are missing, damaged or do not fit.
        PluginError: the builder failed, or built something else.
    """
    from zoo.architectures import find_stages
    from zoo.architectures.loading import load

    spec: BackboneSpec = entry.spec
    _check(request, spec, classifier=reads is None)
    of_intake, of_builder = _options(request, entry)
    intake = request.intake or kind_of(spec.modality).fit((), of_intake)
    weights = None if request.weights == "pretrained" and not spec.weights else request.weights
    file: StoredFile | None = resolve(spec, weights, include_top=False, progress=request.progress)
    if file is not None and file.note:
        warnings.warn(file.note, ZooNotice, stacklevel=6)
    network = build_other_base(entry, intake, of_builder, request.seed)
    if file is not None:
        module = import_module(spec.builder.partition(":")[0])
        from_onnx = getattr(module, "from_onnx", None)
        load(network, file, include_top=False, preprocessing=Preprocessing(), from_onnx=from_onnx)
    # Asked of the network as the builder left it; wiring freezes it later.
    fixed = not network.trainable_weights and not network.losses
    network, pooling = tap(network, request.features, spec, reads=reads or "vector")
    return Base(
        network=network,
        stages=find_stages(network, spec.cuts),
        preprocessing=Preprocessing(),
        pooling=pooling,
        input_size=0,
        channels=0,
        intake=intake,
        spec=spec,
        backbone=entry.id,
        provider=str(entry.provider),
        weights=_weights(file, fixed=fixed),
        weights_sha256=None if file is None else file.sha256,
        features=features_read(request, spec, pooling),
        portable=spec.portable,
        options=dict(request.options or {}),
    )


def own_kind(request: BuildRequest) -> Kind | None:
    """Return the modality whose examples the caller's Keras model takes as they are; None of one that takes images."""
    inputs = getattr(request.backbone, "inputs", None)
    return kind_of_arrays(len(inputs[0].shape) - 1) if inputs else None


def own_base_of_modality(request: BuildRequest, kind: Kind, *, reads: str | None) -> Base:
    """Return the caller's Keras model as a base that takes arrays as they are: a copy, as of one that takes images.

    Args:
        request: what is asked for; its backbone is the model.
        kind: whose examples it takes.
        reads: as for `base_of_modality`.

    Raises:
        OptionError: a model that cannot be a base, or arguments that do not go together.
    """
    from zoo.architectures import find_stages
    from zoo.architectures.stages import cuts_by_layer

    model: Any = request.backbone
    for name, value in (("input_size", request.input_size), ("resize", request.resize), ("options", request.options)):
        if value is not None:
            raise OptionError(f"{name}= is not for a Keras model of your own that takes {kind.name}")
    if request.preprocessing not in (None, "pretrained"):
        raise OptionError(f"preprocessing= is for images; begin {model.name!r} with a keras.layers.Normalization")
    if reads is None:
        raise OptionError(f"{model.name!r} has no classifier of its own: give head=, such as zoo.classifier(labels)")
    network, pooling = tap(copied_for_arrays(model), request.features, model.name, reads=reads)
    cuts = cuts_by_layer(network)
    return Base(
        network=network,
        stages=find_stages(network, cuts),
        preprocessing=Preprocessing(),
        pooling=pooling,
        input_size=0,
        channels=0,
        intake=kind.fit((), intake_options(request)),
        cuts=cuts,
        **facts_of_given(request, pooling),
    )


def build_other_base(entry: Entry, intake: Intake, options: Mapping[str, Any], seed: int) -> Any:
    """Return the network of a row of another modality, with random weights or those that its builder gives it.

    Args:
        entry: of the backbone.
        intake: what it is built for.
        options: of its builder.
        seed: of random weights.

    Raises:
        PluginError: the builder failed, or built something else.
    """
    from zoo.architectures.base import seeded

    spec: BackboneSpec = entry.spec
    builder = load_target(entry, spec.builder)
    where = f" in {spec.builder} with options {options}"
    with calling(entry.provider, f"backbone {entry.id!r}", where=where), seeded(seed):
        network = builder(intake=intake, **options)
        _check_network(entry, network, intake)
    return network


def _weights(file: StoredFile | None, *, fixed: bool) -> str | None:
    """Where the weights come from, as the identity of a model says it."""
    if file is None:
        return FIXED if fixed else None
    return file.source.id if file.source else Path(file.path).name


def _check(request: BuildRequest, spec: BackboneSpec, *, classifier: bool) -> None:
    for name, value, usual in (
        ("input_size", request.input_size, None),
        ("resize", request.resize, None),
        ("preprocessing", request.preprocessing, "pretrained"),
    ):
        if value != usual:
            options = ", ".join({**spec.intake_options, **spec.builder_options}) or "none"
            raise OptionError(
                f"{name}= is for images, and {spec.name} takes examples of {spec.modality!r}; what it can be told "
                f"goes into options= ({options})"
            )
    if classifier:
        raise OptionError(f"{spec.name} has no classifier of its own: give head=, such as zoo.classifier(labels)")


def intake_options(request: BuildRequest) -> dict[str, Any]:
    """Return the options that the modality of a request fits its intake with."""
    if not isinstance(request.backbone, str):
        return {"shape": list(request.backbone.inputs[0].shape[1:])}
    return _options(request, registry().get("backbones", str(request.backbone)))[0]


def _options(request: BuildRequest, entry: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the intake and of the builder: those of the row, with what the caller put in their place."""
    spec: BackboneSpec = entry.spec
    given: Mapping[str, Any] = request.options or {}
    known = {**spec.intake_options, **spec.builder_options}
    for name in given:
        if name not in known:
            raise OptionError(
                f"backbone {entry.id!r} has no option {name!r}.{did_you_mean(str(name), known)} Options: "
                f"{', '.join(f'{key}={value!r}' for key, value in known.items()) or 'none'}"
            )
    of_intake, of_builder = (
        {name: given.get(name, value) for name, value in options.items()}
        for options in (spec.intake_options, spec.builder_options)
    )
    return of_intake, of_builder


def _check_network(entry: Entry, network: Any, intake: Intake) -> None:
    """A builder's answer must be one tensor in, what the front of the intake gives, and one out."""
    import keras

    builder = f"the builder {entry.spec.builder!r}"
    if not isinstance(network, keras.Model) or len(network.inputs) != 1 or len(network.outputs) != 1:
        raise PluginError(f"{builder} must return a keras.Model, one in, one out; got {type(network).__name__}")
    given = intake.front(intake.inputs())
    if tuple(network.inputs[0].shape[1:]) != tuple(given.shape[1:]):
        raise PluginError(
            f"{builder} returned a network that takes {tuple(network.inputs[0].shape[1:])}; the front of its intake "
            f"gives {tuple(given.shape[1:])}"
        )
    if len(network.output.shape) not in (2, 3, 4):
        raise PluginError(
            f"{builder} returned a network that gives {tuple(network.output.shape)}: expected a vector (n, d), a "
            f"sequence (n, t, d) or a map (n, h, w, d)"
        )
