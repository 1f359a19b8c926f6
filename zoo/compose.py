"""Composes preprocessing, base and head into the graphs that train and serve; holds no verbs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import OptionError, WeightsError, did_you_mean
from zoo.head_request import BACKBONE, FEATURES, HEAD, OUTPUT, PREPROCESSING, UNITS, Head, Restriction
from zoo.plugin import call_factory, load_target, registry
from zoo.registry import ZooNotice
from zoo.specs import BackboneSpec, HeadSpec, Output, Preprocessing, ResizeRule, Task, TrainedHead
from zoo.tasks import columns, parts, task_of
from zoo.weights import StoredFile, resolve

if TYPE_CHECKING:
    import keras

    from zoo.architectures import Stage


@dataclass
class Composition:
    """The graphs of one model, which share their layers, and everything needed to feed and read them.

    `serving`: float32 pixels 0..255 (n, size, size, channels) -> probabilities or values, float32; with several
    answers a dict of them.
    `scoring`: the same, all answers side by side (n, columns); `serving` itself for a single answer.
    `training`: pixels -> what the loss is computed of: logits (unless a Keras layer with its own activation is given)
    and values in the unit of the targets. `rows`: the same from features.
    `features`: pixels -> features (n, d). `head`: features -> the head's own output; None for the pretrained
    classifier, as are `features` and `rows`.
    `units`: for each regression its layer `value = z * scale + mean` behind the head; set once by a fit.
    """

    serving: keras.Model
    scoring: keras.Model
    training: keras.Model
    rows: keras.Model | None
    features: keras.Model | None
    backbone: Any
    head: keras.Model | None
    units: dict[str, Any]
    stages: list[Stage]
    outputs: tuple[Output, ...]
    from_logits: bool
    input_size: int
    channels: int
    resize: ResizeRule
    identity: dict[str, Any]

    @property
    def task(self) -> Task:
        """What the model answers."""
        return task_of(self.outputs)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all answers, in the order of the columns of `scoring`."""
        return tuple(label for output in self.outputs for label in output.labels)

    @property
    def width(self) -> int:
        """Number of columns: classes, labels and values."""
        return int(self.scoring.output_shape[-1])

    def take_labels(self, labels: Sequence[str]) -> None:
        """Name the columns of a single answer."""
        (output,) = self.outputs
        self.outputs = (output.model_copy(update={"labels": tuple(labels)}),)

    def head_weights(self) -> list[np.ndarray]:
        """The weights behind the features: of the head, and the units of its values."""
        assert self.head is not None
        return [*self.head.get_weights(), *(w for layer in self.units.values() for w in layer.get_weights())]

    def fresh_head_weights(self) -> list[np.ndarray]:
        """What `head_weights` gave when the head was new: its layers say how they are initialized."""
        import keras

        assert self.head is not None
        plain = [
            same
            for layer in self.units.values()
            for scale in layer.get_weights()[:1]
            for same in (np.ones_like(scale), np.zeros_like(scale))
        ]
        return [*keras.models.clone_model(self.head).get_weights(), *plain]

    def set_head_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Put back what `head_weights` gave."""
        assert self.head is not None
        count = len(self.head.weights)
        self.head.set_weights(list(weights[:count]))
        for index, layer in enumerate(self.units.values()):
            layer.set_weights(list(weights[count + 2 * index : count + 2 * index + 2]))

    def set_units(self, targets: np.ndarray) -> None:
        """Mean and standard deviation of the targets as the units of the values: the head itself gives numbers near 0.

        Args:
            targets: (n, columns) of the training examples.
        """
        for output, _, true in parts(self.outputs, None, targets):
            if output.name in self.units:
                scale = true.std(axis=0)
                self.units[output.name].set_weights([np.where(scale > 0, scale, 1.0), true.mean(axis=0)])

    def scales(self) -> dict[str, np.ndarray]:
        """Name of each regression -> the unit of each of its values, in which its error counts."""
        return {name: layer.get_weights()[0] for name, layer in self.units.items()}

    def linear_layer(self) -> Any | None:
        """The one Dense layer of a linear head, or None when the head is something else.

        A Dropout in front of it does not count: it is the identity when the probe's features are read.
        """
        import keras

        if self.head is None:
            return None
        layers = [
            layer for layer in self.head.layers if not isinstance(layer, keras.layers.InputLayer | keras.layers.Dropout)
        ]
        linear = len(layers) == 1 and isinstance(layers[0], keras.layers.Dense) and layers[0].use_bias
        return layers[0] if linear and _activation(layers[0]) in {"linear", "softmax"} else None


def compose(
    backbone: str | Any,
    head: str | Head | Any | None,
    *,
    weights: str | os.PathLike[str] | None = "pretrained",
    features: str | None = None,
    input_size: int | None = None,
    resize: ResizeRule | str | None = None,
    preprocessing: Preprocessing | str | None = "pretrained",
    precision: str | None = None,
    seed: int = 0,
    progress: Any = None,
) -> tuple[Composition, TrainedHead | None]:
    """Build base and head and wire them up.

    Args: see `zoo.build`.

    Returns:
        The composition with a fresh head, and the record of the head's shipped weights if some fit this base.
    """
    from zoo.architectures.backends import check_backend
    from zoo.architectures.precision import check_precision, policy

    check_backend()
    only = head if isinstance(head, Restriction) else None
    wanted = None if only is not None else _wanted_head(head)
    with policy(precision) as computes:
        if isinstance(backbone, str):
            source = _named(
                backbone,
                wanted,
                weights=weights,
                features=features,
                input_size=input_size,
                seed=seed,
                progress=progress,
            )
            if preprocessing != "pretrained":
                if not isinstance(preprocessing, Preprocessing | None):
                    raise OptionError(
                        f"preprocessing must be 'pretrained', None or a Preprocessing; got {preprocessing!r}"
                    )
                source.preprocessing = preprocessing or IDENTITY
        else:
            if weights != "pretrained":
                raise OptionError("weights= goes with the name of a backbone; a Keras model brings its own")
            source = _given(backbone, features=features, input_size=input_size, preprocessing=preprocessing)
            if precision is not None:
                check_precision(source.network, precision)
        source.identity["precision"] = computes
        trained = _trained_record(wanted, source) if resize is None else None
        rule = _resize_rule(resize, source.preprocessing, trained, wanted)
        return _wire(source, wanted, rule, seed, only), trained


# -- the base ----------------------------------------------------------------------------------------------------


@dataclass
class _Source:
    """A base network ready to be wired: what feeds it, what it gives, and who it is."""

    network: Any
    stages: list[Stage]
    preprocessing: Preprocessing
    pooling: str
    input_size: int
    channels: int
    label_set: str | None
    spec: BackboneSpec | None
    identity: dict[str, Any]


IDENTITY = Preprocessing()
"""Pixels 0..255 as they are."""


def _named(
    name: str,
    wanted: _Wanted | None,
    *,
    weights: str | os.PathLike[str] | None,
    features: str | None,
    input_size: int | None,
    seed: int,
    progress: Any,
) -> _Source:
    from zoo.architectures import (
        build_base,
        find_stages,
    )  # here, not above: it loads Keras, which checks can do without

    entry = registry().get("backbones", name)
    spec: BackboneSpec = entry.spec
    size = input_size or spec.input.default_size
    top_tap = features is not None and features in spec.top_layers
    include_top = wanted is None or top_tap
    if size < spec.input.min_size:
        raise OptionError(f"input_size={size} is too small for {spec.name}: at least {spec.input.min_size} pixels")
    if include_top and size != spec.input.default_size and weights is not None:
        what = (
            "the pretrained classifier" if wanted is None else f"features={features!r} (a layer of the pretrained top)"
        )
        raise OptionError(f"{what} of {spec.name} needs input_size={spec.input.default_size}; got {size}")
    if wanted is None and weights is None:
        raise OptionError(f"{spec.name} without a head is its pretrained classifier, which random weights do not have")
    file: StoredFile | None = resolve(spec, weights, include_top=include_top, progress=progress)
    if file is not None and file.note:
        warnings.warn(file.note, ZooNotice, stacklevel=5)
    load_target(entry, spec.builder)  # activates the plugin; whose code it is has been checked
    network = build_base(spec, weights=file, input_size=size, include_top=include_top, seed=seed)
    network, pooling = _tap(network, features, spec)
    return _Source(
        network=network,
        stages=find_stages(network, spec.cuts),
        preprocessing=spec.preprocessing,
        pooling=pooling,
        input_size=size,
        channels=spec.input.channels,
        label_set=spec.label_set,
        spec=spec,
        identity={
            "backbone": entry.id,
            "provider": str(entry.provider),
            "weights": None if file is None else (file.source.id if file.source else Path(file.path).name),
            "weights_sha256": None if file is None else file.sha256,
            "features": features or spec.pooling,
            "portable": spec.portable,
            "cuts": list(spec.cuts),
        },
    )


def _given(model: Any, *, features: str | None, input_size: int | None, preprocessing: Any) -> _Source:
    import keras

    from zoo.architectures import find_stages

    if not isinstance(model, keras.Model):
        raise OptionError(f"a backbone is a name or a Keras model; got {type(model).__name__}")
    if preprocessing == "pretrained":
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
    size = input_size or shape[1]
    if size is None or (shape[1] not in (None, size)) or (shape[2] not in (None, size)):
        raise OptionError(f"the model's input is {shape}: pass the side of its square input as input_size=")
    # A copy: freezing and training must not change the caller's object. Rebuilt first, since a subclass of Model made
    # with inputs and outputs would not be copied layer by layer.
    network = keras.models.clone_model(keras.Model(model.inputs[0], model.outputs[0], name=model.name))
    network.set_weights(model.get_weights())
    network, pooling = _tap(network, features, model.name)
    stages = find_stages(network)
    return _Source(
        network=network,
        stages=stages,
        preprocessing=preprocessing or IDENTITY,
        pooling=pooling,
        input_size=size,
        channels=3,
        label_set=None,
        spec=None,
        identity={
            "backbone": model.name,
            "provider": "the caller's Keras model",
            "weights": "given",
            "weights_sha256": None,
            "features": features or "avg",
            "portable": all(type(layer).__module__.startswith("keras.") for layer in model.layers),
        },
    )


def _tap(network: Any, features: str | None, of: BackboneSpec | str) -> tuple[Any, str]:
    """The network up to the features asked for, and how its cells are pooled.

    Args:
        network: the base.
        features: a pooling, a stage or a layer, the last two with a pooling after a colon if any; None: what the
            pretrained classifier reads.
        of: the row of the network, or the name of a Keras model that has none.
    """
    import keras

    from zoo.architectures import find_stages
    from zoo.architectures.pooling import MAP_POOLINGS, cells, poolings

    spec = None if isinstance(of, str) else of
    name = of if spec is None else spec.name
    cuts, pooling = ((), "avg") if spec is None else (spec.cuts, str(spec.pooling))
    if features is None:
        return network, pooling
    known = MAP_POOLINGS if spec is None else poolings(spec.output, spec.prefix_tokens)
    pooling = "avg" if pooling == "own" else pooling
    if len(cells(network, cuts).output.shape) not in (3, 4) and features in known:
        raise OptionError(
            f"features={features!r}: the output of {name} has shape {tuple(network.output.shape)} and not that of a "
            f"feature map, so there is nothing to pool"
        )
    tap, _, asked = features.rpartition(":") if ":" in features else (features, "", "")
    if tap in known and not asked:
        return cells(network, cuts), tap
    if asked:
        if asked not in known:
            raise OptionError(f"features={features!r}: poolings of {name} are {', '.join(known)}")
        pooling, features = asked, tap
    names = [layer.name for layer in network.layers]
    stages = {stage.name: stage for stage in find_stages(network, cuts)}
    if features in stages:
        cut = stages[features].cut
        if cut is None and stages[features] is not list(stages.values())[-1]:
            raise OptionError(f"no single tensor ends {features!r} of {name}: take another stage or a layer")
        tensor = cut.output if cut is not None else network.output
    elif features in names:
        tensor = network.get_layer(features).output
    else:
        raise OptionError(
            f"{name} has no features {features!r}.{did_you_mean(str(features), [*known, *stages, *names])} "
            f"Stages: {', '.join(stages)}; poolings: {', '.join(known)}; or a layer of `zoo show {name} --layers`. "
            f"A stage or layer takes a pooling after a colon: 'stage3:max'."
        )
    if asked and len(tensor.shape) not in (3, 4):
        raise OptionError(
            f"{features!r} of {name} has shape {tuple(tensor.shape)} and is no feature map: leave {asked!r}"
        )
    return keras.Model(network.input, tensor, name=network.name), pooling


# -- the head ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Wanted:
    """A head resolved: its answers, its spec and entry, or the layer given."""

    outputs: tuple[Output, ...]
    spec: HeadSpec | None = None
    entry: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: Any = None

    @property
    def width(self) -> int:
        """Columns asked for; 0: as many as the layer gives."""
        return sum(output.width for output in self.outputs)


def _wanted_head(asked: Any) -> _Wanted | None:
    if asked is None:
        return None
    if isinstance(asked, str):
        asked = Head(name=asked)
    if not isinstance(asked, Head):
        if not callable(asked):
            raise OptionError(f"head= takes a name, zoo.classifier(...), zoo.head(...) or a Keras layer; got {asked!r}")
        return _Wanted(outputs=(Output(),), layer=asked)
    if asked.layer is not None:
        return _Wanted(outputs=asked.outputs or (Output(),), layer=asked.layer)
    assert asked.name is not None
    entry = registry().get("heads", asked.name)
    spec: HeadSpec = entry.spec
    own = spec.outputs
    if spec.labels and spec.task != "any":
        own = (Output.model_validate({"task": spec.task, "labels": spec.labels}),)
    outputs = asked.outputs
    if own and outputs and [(o.task, o.labels) for o in own] != [(o.task, o.labels) for o in outputs]:
        raise OptionError(
            f"head {spec.name!r} answers {_in_words(own)}, which cannot be replaced by {_in_words(outputs)}; "
            f"use zoo.classifier(...) for labels of your own"
        )
    outputs = own or outputs
    if not outputs or not all(output.labels for output in outputs):
        raise OptionError(
            f"head {spec.name!r} brings no labels: use head=zoo.classifier(folder_or_labels, head={spec.name!r})"
        )
    if spec.task not in ("any", task_of(outputs)):
        raise OptionError(f"head {spec.name!r} is for {spec.task}; asked of it is {_in_words(outputs)}")
    return _Wanted(outputs=outputs, spec=spec, entry=entry, options=asked.options)


def _in_words(outputs: Sequence[Output]) -> str:
    return "; ".join(f"{output.task} of {list(output.labels)}" for output in outputs)


def _trained_record(wanted: _Wanted | None, source: _Source) -> TrainedHead | None:
    """The shipped weights of the head that fit exactly this base, if there are any."""
    if wanted is None or wanted.spec is None or source.spec is None or wanted.options:
        return None
    if source.preprocessing != source.spec.preprocessing:
        return None  # trained on other inputs
    for record in wanted.spec.trained:
        if (
            record.backbone == source.spec.name
            and record.weights_sha256 == source.identity["weights_sha256"]
            and record.features == source.identity["features"]
            and record.input_size == source.input_size
        ):
            return record
    return None


def _resize_rule(
    asked: ResizeRule | str | None, preprocessing: Preprocessing, trained: TrainedHead | None, wanted: _Wanted | None
) -> ResizeRule:
    """The rule that turns pictures into inputs.

    The published rule of a backbone cuts off the borders (crop fraction 0.875), which suits its own classifier and
    the photos it was measured on; a new head sees the whole shorter side, since there may be something there. A box
    is given as shares of the whole picture, which only stretching leaves as they are.
    """
    boxes = wanted is not None and any(output.task == "box" for output in wanted.outputs)
    if boxes and (asked.mode if isinstance(asked, ResizeRule) else asked or "stretch") != "stretch":
        raise OptionError(f"a head with a box needs resize='stretch': with {asked!r} boxes would not fit the picture")
    if boxes and asked is None:
        asked = "stretch"
    if isinstance(asked, ResizeRule):
        return asked
    if asked is not None:
        if asked not in ("crop", "stretch", "pad"):
            raise OptionError(f"resize= takes 'crop', 'stretch', 'pad' or a zoo.specs.ResizeRule; got {asked!r}")
        return ResizeRule(mode=asked, interpolation=preprocessing.resize.interpolation)
    if trained is not None:
        return trained.resize
    if wanted is None:
        return preprocessing.resize
    return ResizeRule(mode="crop", crop_fraction=1.0, interpolation=preprocessing.resize.interpolation)


def load_trained_head(composition: Composition, record: TrainedHead) -> None:
    """Load a head's shipped weights, checked against the digest in its spec.

    Raises:
        WeightsError: the file is damaged or does not fit.
    """
    import hashlib

    from safetensors.numpy import load

    data = package_file(record.file).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256:
        raise WeightsError(f"{record.file} is damaged: sha256 {found}, expected {record.sha256}; reinstall its package")
    assert composition.head is not None
    tensors = load(data)
    values = [tensors[f"{index:03d}"] for index in range(len(tensors))]
    shapes = [tuple(weight.shape) for weight in composition.head.weights]
    if [value.shape for value in values] != shapes:
        raise WeightsError(f"{record.file} holds shapes {[v.shape for v in values]}, the head has {shapes}")
    composition.head.set_weights(values)


def package_file(reference: str) -> Path:
    """The file behind 'package:path/in/package'."""
    from importlib.resources import files

    package, _, path = reference.partition(":")
    return Path(str(files(package).joinpath(path)))


# -- the wiring --------------------------------------------------------------------------------------------------


def preprocess(pixels: Any, preprocessing: Preprocessing) -> Any:
    """Apply `Preprocessing` in the graph: `((x[..., order] * scale) - mean) / std`, as one affine layer."""
    import keras

    if preprocessing.channel_order == "BGR":
        pixels = keras.ops.flip(pixels, axis=-1)
    scale = [preprocessing.scale / std for std in preprocessing.std]
    offset = [-mean / std for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)]
    if all(value == 1.0 for value in scale) and all(value == 0.0 for value in offset):
        return pixels
    same = len(set(scale)) == 1 and len(set(offset)) == 1
    layer = keras.layers.Rescaling(
        scale=scale[0] if same else scale, offset=offset[0] if same else offset, dtype="float32", name=PREPROCESSING
    )
    return layer(pixels)


def _wire(
    source: _Source, wanted: _Wanted | None, rule: ResizeRule, seed: int, only: Restriction | None = None
) -> Composition:
    import keras

    from zoo.architectures.pooling import pool
    from zoo.architectures.precision import in_float32

    size, channels = source.input_size, source.channels
    pixels = keras.Input((size, size, channels), dtype="float32", name="pixels")
    # A Model of its own name: a saved file is taken apart by it. Renaming the application itself would break
    # Keras's own file names, so the network is wrapped.
    base = keras.Model(source.network.inputs[0], source.network.outputs[0], name=BACKBONE)
    if source.identity["weights"] is not None:
        base.trainable = False  # every layer of it, BatchNorm too; a phase of training opens what its recipe trains
    x = base(preprocess(pixels, source.preprocessing))
    features = head = None
    if wanted is None:
        labels = registry().get("label_sets", str(source.label_set)).spec.labels if source.label_set else ()
        identity: dict[str, Any] = {"head": None}
        raw, from_logits = x, True
        if only is not None:
            labels, raw = tuple(only.classes), _restricted(x, only)
            identity["restricted"] = {name: list(members) for name, members in only.classes.items()}
        outputs: tuple[Output, ...] = (Output(labels=labels),)
    else:
        tokens = source.spec is not None and source.spec.output == "tokens"
        if len(x.shape) == 4 or (len(x.shape) == 3 and tokens):
            x = pool(x, source.pooling, source.spec.prefix_tokens if source.spec else 0, FEATURES)
        elif len(x.shape) != 2:
            x = keras.layers.Flatten(dtype="float32", name=FEATURES)(x)
        x = in_float32(x)
        features = on_one_device(keras.Model(pixels, x, name="feature_extractor"))
        head = _build_head(wanted, int(x.shape[-1]), seed)
        raw = head(x)
        from_logits = _ends_linear(head)
        outputs = wanted.outputs
        identity = {
            "head": wanted.entry.id if wanted.entry else f"Keras layer {getattr(wanted.layer, 'name', wanted.layer)}",
            "head_provider": str(wanted.entry.provider) if wanted.entry else "the caller",
            "head_options": dict(wanted.options),
            "portable": source.identity["portable"] and (wanted.spec is None or wanted.spec.portable),
        }
    units = {
        output.name: keras.layers.EinsumDense(
            # An affine map of each value by itself; a Dense layer would mix them.
            "ab,b->ab",
            output_shape=(output.width,),
            bias_axes="b",
            kernel_initializer="ones",
            trainable=False,
            dtype="float32",
            name=UNITS + output.name,
        )
        for output in outputs
        if output.task == "regression"
    }
    graphs = _answer_graphs(pixels, raw, head, units, outputs, from_logits)
    return Composition(
        **graphs,
        features=features,
        backbone=base,
        head=head,
        units=units,
        stages=source.stages,
        outputs=outputs,
        from_logits=from_logits,
        input_size=size,
        channels=channels,
        resize=rule,
        identity={**source.identity, **identity},
    )


_NEVER = 1e-30
"""Probability of a class that the classifier does not know; its logarithm is finite."""


def _restricted(logits: Any, only: Restriction) -> Any:
    """Log probabilities (n, classes) given that it is one of these: softmax over their outputs alone, groups added up.

    Picking outputs and adding them up are matrices of 0 and 1, so that a saved model is plain Keras layers.
    """
    import keras

    from zoo.architectures.precision import in_float32

    places = [(place, column) for column, members in enumerate(only.classes.values()) for place in members]
    pick = np.zeros((int(logits.shape[-1]), len(places)), np.float32)
    add = np.zeros((len(places), len(only.classes)), np.float32)
    for row, (place, column) in enumerate(places):
        pick[place, row] = add[row, column] = 1
    x = in_float32(logits)
    for name, matrix, activation in (("picked_outputs", pick, "softmax"), ("added_up", add, "linear")):
        layer = keras.layers.Dense(
            matrix.shape[1], activation=activation, use_bias=False, trainable=False, dtype="float32", name=name
        )
        x = layer(x)
        layer.set_weights([matrix])
    return keras.ops.log(keras.ops.maximum(x, _NEVER))


def _answer_graphs(
    pixels: Any, raw: Any, head: Any, units: Mapping[str, Any], outputs: tuple[Output, ...], from_logits: bool
) -> dict[str, Any]:
    """The graphs behind the head's own output: serving, scoring, training, rows."""
    import keras

    trained = _in_units(raw, units, outputs)
    answers = {
        output.name: keras.layers.Activation(
            _ACTIVATIONS[output.task] if from_logits else "linear",
            dtype="float32",
            name=output.name if len(outputs) > 1 else OUTPUT,
        )(trained if len(outputs) == 1 else trained[:, where])
        for output, where, _ in columns(outputs)
    }
    single = next(iter(answers.values())) if len(outputs) == 1 else None
    serving = keras.Model(pixels, answers if single is None else single, name="zoo_model")
    return {"serving": serving, **_training_graphs(serving, trained, head, units, outputs)}


def _training_graphs(
    serving: Any, trained: Any, head: Any, units: Mapping[str, Any], outputs: tuple[Output, ...]
) -> dict[str, Any]:
    """The graphs that share the layers of a serving graph: scoring, training, rows."""
    import keras

    scoring, rows = serving, None
    if len(outputs) > 1:
        answers = dict(zip(serving.output_names, serving.outputs, strict=True))
        together = keras.layers.Concatenate(dtype="float32")([answers[output.name] for output in outputs])
        scoring = keras.Model(serving.input, together, name="zoo_scoring")
    elif getattr(serving, "_distribute_strategy", None) is not None:
        scoring = keras.Model(serving.input, serving.output, name="zoo_scoring")
    if head is not None:
        vectors = keras.Input(head.input_shape[1:], name="features_in")
        rows = keras.Model(vectors, _in_units(head(vectors), units, outputs), name="zoo_head_training")
    training = keras.Model(serving.input, trained, name="zoo_training")
    return {"scoring": scoring if scoring is serving else on_one_device(scoring), "training": training, "rows": rows}


def on_one_device(model: Any) -> Any:
    """The model, to be computed on one device even if it was made in the scope of a strategy of several.

    Keras would give each device the whole of every batch that `predict_on_batch` is called with.
    """
    if getattr(model, "_distribute_strategy", None) is not None:
        model._distribute_strategy = None
    return model


_ACTIVATIONS = {"classification": "softmax", "multilabel": "sigmoid", "regression": "linear", "box": "linear"}


def _in_units(raw: Any, units: Mapping[str, Any], outputs: tuple[Output, ...]) -> Any:
    """The head's output in float32, with its regressions in the unit of their targets."""
    import keras

    from zoo.architectures.precision import in_float32

    raw = in_float32(raw)
    if not units:
        return raw
    if len(outputs) == 1:
        return units[outputs[0].name](raw)
    together = [
        units[output.name](raw[:, where]) if output.name in units else raw[:, where]
        for output, where, _ in columns(outputs)
    ]
    return keras.layers.Concatenate(dtype="float32")(together)


def _build_head(wanted: _Wanted, dimension: int, seed: int) -> Any:
    import keras

    features = keras.Input((dimension,), name="features_in")
    if wanted.layer is not None:
        layer = _own_copy(wanted.layer)
        try:
            output = layer(features)
        except ValueError as error:
            raise OptionError(
                f"the layer {layer.name!r} does not take features (n, {dimension}): {str(error).splitlines()[0]}"
            ) from error
    else:
        assert wanted.spec is not None
        output = call_factory(
            wanted.entry, wanted.spec.factory, features, options=wanted.options, outputs=wanted.width, seed=seed
        )
    if len(output.shape) != 2 or (wanted.width and output.shape[-1] != wanted.width):
        raise OptionError(
            f"the head gives shape {tuple(output.shape)}; expected (None, {wanted.width or 'number of classes'})"
        )
    head = keras.Model(features, output, name=HEAD)
    final, task = _activation(head), task_of(wanted.outputs)
    probabilities = {"classification": "softmax", "multilabel": "sigmoid"}.get(task)
    if final not in {"linear", probabilities}:
        or_else = f" or {probabilities} probabilities" if probabilities else ""
        raise OptionError(
            f"the head ends in the activation {final!r}; for {task} it must give logits or values (no activation)"
            f"{or_else}"
        )
    if final == probabilities and head.output.dtype != "float32":
        raise OptionError(
            f"the head ends in {final} computed in {head.output.dtype}, which rounds small probabilities to nothing: "
            f"give its last layer dtype='float32'"
        )
    return head


def _own_copy(layer: Any) -> Any:
    """A copy of the caller's layer: two models with one layer would train each other."""
    import keras

    if isinstance(layer, type) or not isinstance(layer, keras.layers.Layer):
        raise OptionError(f"head= takes a Keras layer, such as keras.layers.Dense(5); got {layer!r}")
    copy = (
        keras.models.clone_model(layer)
        if isinstance(layer, keras.Model)
        else type(layer).from_config(layer.get_config())
    )
    if layer.built and layer.weights:
        if not copy.built:
            copy.build((None, layer.weights[0].shape[0]))
        copy.set_weights(layer.get_weights())
    return copy


def _ends_linear(head: Any) -> bool:
    """Whether the head gives logits or values, rather than probabilities of its own."""
    return _activation(head) not in {"softmax", "sigmoid"}


def _activation(layer: Any) -> str:
    """The activation a layer, or the last layer of a model, ends with; Dropout changes nothing when it answers."""
    import keras

    inner = [item for item in getattr(layer, "layers", ()) if not isinstance(item, keras.layers.Dropout)]
    if inner:
        return _activation(inner[-1])
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    activation = getattr(layer, "activation", None)
    if isinstance(activation, keras.layers.Layer):
        return _activation(activation)
    return getattr(activation, "__name__", "linear")


def take_apart(serving: Any, details: Mapping[str, Any]) -> Composition:
    """The composition of a saved serving model; the inverse of wiring.

    Args:
        serving: the model as loaded by Keras.
        details: what was stored beside it: outputs, input size, resize rule, identity.
    """
    import keras

    from zoo.architectures import find_stages

    layers = {layer.name: layer for layer in serving.layers}
    base, head = layers[BACKBONE], layers.get(HEAD)
    outputs = tuple(Output.model_validate(output) for output in details["outputs"])
    units = {output.name: layers[UNITS + output.name] for output in outputs if output.task == "regression"}
    features = None
    if head is not None:
        features = on_one_device(keras.Model(serving.input, _input_of(head), name="feature_extractor"))
    raw = _input_of(layers[OUTPUT]) if head is None else head._inbound_nodes[-1].output_tensors[0]
    from_logits = _ends_linear(head) if head is not None else True
    trained = _in_units(raw, units, outputs) if len(outputs) > 1 else _input_of(layers[OUTPUT])
    return Composition(
        serving=serving,
        **_training_graphs(serving, trained, head, units, outputs),
        features=features,
        backbone=base,
        head=head,
        units=units,
        stages=find_stages(base, details["identity"].get("cuts", ())),
        outputs=outputs,
        from_logits=from_logits,
        input_size=int(serving.input_shape[1]),
        channels=int(serving.input_shape[3]),
        resize=ResizeRule.model_validate(details["resize"]),
        identity=dict(details["identity"]),
    )


def _input_of(layer: Any) -> Any:
    """The tensor that a layer is called on inside the serving graph (its last call: earlier ones built the layer)."""
    return layer._inbound_nodes[-1].input_tensors[0]


def as_pixels(batch: np.ndarray) -> np.ndarray:
    """uint8 pixels as the float32 the graph takes; the caller's array is never written into."""
    return batch.astype(np.float32)
