"""The graphs that train and serve: preprocessing, base, features, head, answers; they share their layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.compose.bases import Base
from zoo.compose.composition import Composition
from zoo.compose.heads import HeadChoice, build_head, ends_linear
from zoo.compose.taps import MAP
from zoo.data.modalities import read_intake
from zoo.head_request import BACKBONE, FEATURES, HEAD, OUTPUT, PREPROCESSING, UNITS, Restriction
from zoo.keras_internals import forget_strategy, input_in, output_in, strategy_of
from zoo.modality import Intake
from zoo.plugin import registry
from zoo.specs import Output, Preprocessing
from zoo.specs.record import Identity, ModelRecord
from zoo.tasks import columns, of


def preprocess(inputs: Any, preprocessing: Preprocessing) -> Any:
    """Apply `Preprocessing` in the graph: `((x[..., order] * scale) - mean) / std`, as one affine layer."""
    import keras

    if preprocessing.channel_order == "BGR":
        inputs = keras.ops.flip(inputs, axis=-1)
    scale = [preprocessing.scale / std for std in preprocessing.std]
    offset = [-mean / std for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)]
    if set(scale) == {1.0} and set(offset) == {0.0}:
        return inputs
    same = len(set(scale)) == 1 and len(set(offset)) == 1
    layer = keras.layers.Rescaling(
        scale=scale[0] if same else scale, offset=offset[0] if same else offset, dtype="float32", name=PREPROCESSING
    )
    return layer(inputs)


def _features(base: Base, x: Any) -> Any:
    """What the head reads of the cells of a base."""
    import keras

    from zoo.architectures.pooling import pool

    tokens = base.spec is not None and base.spec.output == "tokens"
    if base.pooling == MAP:
        return x  # the cells themselves
    if len(x.shape) == 4 or (len(x.shape) == 3 and tokens):
        return pool(x, base.pooling, base.spec.prefix_tokens if base.spec else 0, FEATURES)
    return x if len(x.shape) == 2 else keras.layers.Flatten(dtype="float32", name=FEATURES)(x)


def wire(base: Base, choice: HeadChoice, intake: Intake, *, precision: str, seed: int) -> Composition:
    """Wire preprocessing, base and a fresh head, which gets pooled features, or cells as they are.

    Args:
        base: the base.
        choice: the head.
        intake: how examples become inputs.
        precision: dtype policy that it computes in.
        seed: of the head's initial weights.
    """
    import keras

    from zoo.architectures.precision import in_float32

    inputs, network, x = _base_graph(base, intake)
    x = in_float32(_features(base, x))
    features = on_one_device(keras.Model(inputs, x, name="feature_extractor"))
    head = build_head(choice, tuple(x.shape[1:]), seed)
    identity = _identity(base, precision).changed(
        head=choice.entry.id if choice.entry else f"Keras layer {getattr(choice.layer, 'name', choice.layer)}",
        head_provider=str(choice.entry.provider) if choice.entry else "the caller",
        head_options=dict(choice.options),
        portable=base.portable and (choice.spec is None or choice.spec.portable),
    )
    units = {output.name: _unit_layer(output) for output in choice.outputs if of(output).in_units}
    from_logits = ends_linear(head)
    graphs = _answer_graphs(inputs, head(x), head, units, choice.outputs, from_logits)
    return Composition(
        **graphs,
        features=features,
        backbone=network,
        head=head,
        units=units,
        stages=base.stages,
        outputs=choice.outputs,
        from_logits=from_logits,
        intake=intake,
        identity=identity,
    )


def wire_classifier(base: Base, intake: Intake, *, precision: str, only: Restriction | None) -> Composition:
    """Wire preprocessing and a base with its own classifier.

    Args:
        base: the base, with its top.
        intake: how examples become inputs.
        precision: dtype policy that it computes in.
        only: limits it to some of its classes; None: all of them.
    """
    inputs, network, raw = _base_graph(base, intake)
    labels = registry().get("label_sets", str(base.label_set)).spec.labels if base.label_set else base.labels
    identity = _identity(base, precision)
    if only is not None:
        labels, raw = tuple(only.classes), _restricted(raw, only)
        identity = identity.changed(restricted=dict(only.classes))
    outputs = (Output(labels=labels),)
    return Composition(
        **_answer_graphs(inputs, raw, None, {}, outputs, True),
        features=None,
        backbone=network,
        head=None,
        units={},
        stages=base.stages,
        outputs=outputs,
        from_logits=True,
        intake=intake,
        identity=identity,
    )


def _base_graph(base: Base, intake: Intake) -> tuple[Any, Any, Any]:
    """The input, the base as a model of its own, and its output."""
    import keras

    inputs = intake.inputs()
    # A Model of its own name: a saved file is taken apart by it. Renaming the application itself would break
    # Keras's own file names, so the network is wrapped.
    network = keras.Model(base.network.inputs[0], base.network.outputs[0], name=BACKBONE)
    if base.weights is not None:
        network.trainable = False  # every layer of it, BatchNorm too; a phase of training opens what its recipe trains
    return inputs, network, network(preprocess(intake.front(inputs), base.preprocessing))


def _identity(base: Base, precision: str) -> Identity:
    return Identity(
        backbone=base.backbone,
        provider=base.provider,
        weights=base.weights,
        weights_sha256=base.weights_sha256,
        features=base.features,
        options=json.loads(json.dumps(dict(base.options))),  # as a file gives them back
        precision=precision,
        portable=base.portable,
        code=base.code,
        cuts=base.spec.cuts if base.spec else base.cuts,
        prefix_tokens=base.spec.prefix_tokens if base.spec else 0,
    )


def _unit_layer(output: Output) -> Any:
    """The affine map of each value by itself into the unit of its targets; a Dense layer would mix them."""
    import keras

    return keras.layers.EinsumDense(
        "ab,b->ab",
        output_shape=(output.width,),
        bias_axes="b",
        kernel_initializer="ones",
        trainable=False,
        dtype="float32",
        name=UNITS + output.name,
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
    inputs: Any, raw: Any, head: Any, units: Mapping[str, Any], outputs: tuple[Output, ...], from_logits: bool
) -> dict[str, Any]:
    """The graphs behind the head's own output: serving, scoring, training, rows."""
    import keras

    trained = _in_units(raw, units, outputs)
    answers = {
        output.name: keras.layers.Activation(
            of(output).activation if from_logits else "linear",
            dtype="float32",
            name=output.name if len(outputs) > 1 else OUTPUT,
        )(trained if len(outputs) == 1 else trained[:, where])
        for output, where, _ in columns(outputs)
    }
    single = next(iter(answers.values())) if len(outputs) == 1 else None
    serving = keras.Model(inputs, answers if single is None else single, name="zoo_model")
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
    elif strategy_of(serving) is not None:
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
    forget_strategy(model)
    return model


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


def take_apart(serving: Any, record: ModelRecord) -> Composition:
    """Return the composition of a saved serving model; the inverse of wiring.

    Args:
        serving: the model as loaded by Keras.
        record: what was stored beside it.

    Raises:
        KeyError: the model has not the parts that the record says.
    """
    import keras

    from zoo.architectures import find_stages

    layers = {layer.name: layer for layer in serving.layers}
    base, head, outputs = layers[BACKBONE], layers.get(HEAD), record.outputs
    units = {output.name: layers[UNITS + output.name] for output in outputs if of(output).in_units}
    features = None
    if head is not None:
        features = on_one_device(keras.Model(serving.input, input_in(serving, head), name="feature_extractor"))
    raw = input_in(serving, layers[OUTPUT]) if head is None else output_in(serving, head)
    trained = _in_units(raw, units, outputs) if len(outputs) > 1 else input_in(serving, layers[OUTPUT])
    return Composition(
        serving=serving,
        **_training_graphs(serving, trained, head, units, outputs),
        features=features,
        backbone=base,
        head=head,
        units=units,
        stages=find_stages(base, record.identity.cuts),
        outputs=outputs,
        from_logits=ends_linear(head) if head is not None else True,
        intake=read_intake(record.intake, record.providers),
        identity=record.identity,
    )


def as_inputs(batch: np.ndarray) -> np.ndarray:
    """uint8 inputs as the float32 the graph takes; the caller's array is never written into."""
    return batch.astype(np.float32)
