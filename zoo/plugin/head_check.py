"""What a head of a plugin must be, found before anything is trained: a tensor of the right shape that can be saved."""

from __future__ import annotations

import json
from typing import Any

from zoo.errors import PluginError
from zoo.plugin.calling import calling, shown
from zoo.registry import Entry


def check_head(entry: Entry, features: Any, output: Any, width: int | None) -> None:
    """Check what the factory of a head returned.

    Args:
        entry: the head.
        features: the Keras tensor that the factory got, (n, d).
        output: what it returned.
        width: number of outputs; None where it follows from the data.

    Raises:
        PluginError: it is no tensor (n, outputs) made of the features, or a layer of it could not be saved and loaded,
            which would lose the training.
    """
    import keras

    whose = f"head {entry.id!r} of {entry.provider}"
    expected = f"a tensor (n, {width or 'number of classes'}) made of the features it gets"
    if not isinstance(output, keras.KerasTensor):
        raise PluginError(f"{whose} returned a {type(output).__name__}; it must return {expected}")
    if len(output.shape) != 2 or output.shape[0] is not None or (width and output.shape[-1] != width):
        raise PluginError(f"{whose} returned a tensor of shape {tuple(output.shape)}; it must return {expected}")
    try:
        model = keras.Model(features, output)
    except ValueError as error:
        raise PluginError(f"{whose} must return {expected}: {shown(error)}") from error
    for layer in model.layers:
        _check_layer(entry, layer, whose)
    _check_whole(entry, model, whose)


def _check_layer(entry: Entry, layer: Any, whose: str) -> None:
    """Refuse a layer whose configuration cannot be written, or makes no layer again."""
    import keras

    advice = (
        "what is trained with it could not be saved. Put the class at the top of a module of the plugin with "
        "@keras.saving.register_keras_serializable, and let get_config return every argument of __init__"
    )
    try:
        with calling(entry.provider, repr(entry.id), where=" at get_config"):
            described = keras.saving.serialize_keras_object(layer)
            again = keras.saving.deserialize_keras_object(json.loads(json.dumps(described)))
    except PluginError as error:
        reason = shown(error.__cause__) if error.__cause__ is not None else str(error)
        raise PluginError(
            f"the layer {layer.name!r} ({type(layer).__name__}) of {whose} cannot be saved and loaded: "
            f"{reason.splitlines()[0]}: {advice}"
        ) from error
    if type(again) is not type(layer):
        raise PluginError(
            f"the layer {layer.name!r} of {whose} is a {type(layer).__name__}, and its configuration makes a "
            f"{type(again).__name__}: {advice}"
        )


def _check_whole(entry: Entry, model: Any, whose: str) -> None:
    """Refuse a head that has other weights when it is made again from its configuration."""
    try:
        with calling(entry.provider, repr(entry.id), where=" when it is made again from its configuration"):
            again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    except PluginError as error:
        raise PluginError(f"{whose} cannot be saved and loaded: {error}") from error
    before, after = ([tuple(weight.shape) for weight in one.weights] for one in (model, again))
    if before != after:
        raise PluginError(
            f"{whose} has weights of the shapes {before}, and made again from its configuration {after}: does "
            f"get_config of its layers return every argument of __init__?"
        )
