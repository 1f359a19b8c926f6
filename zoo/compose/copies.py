"""Copies of the caller's Keras models and layers: layer by layer, by identity, with the same numbers in all weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.errors import OptionError, ZooError
from zoo.keras_internals import layers_inside, rerun, untrained_by_kind
from zoo.specs import Size, as_size, sides


def copied(model: Any, input_size: Size | None) -> tuple[Any, Size]:
    """Return a copy of a Keras model with a float32 input of a fixed size, and that size in px.

    Weights go from layer to layer and never by the order of a list: that of a subclass is the order of its attributes.
    Layers without weights that are called in several places become one layer for each place, so that every cut of the
    graph lies behind the right call.

    Args:
        model: a functional or sequential model with one input and one output.
        input_size: side of the square input, or (height, width), in px; None: as the model says.

    Raises:
        OptionError: a model that cannot be copied, or be frozen; the message says what to do.
    """
    size, channels = _input_of(model, input_size)
    return _copied(model, (*sides(size), channels)), size


def copied_for_arrays(model: Any) -> Any:
    """Return a copy of a Keras model that takes no pictures, with a float32 input of the shape that it has.

    Args:
        model: as for `copied`.

    Raises:
        OptionError: a model that cannot be copied, or be frozen; or a side of its input is not fixed.
    """
    _check_graph(model)
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise OptionError(f"the model's input is {(None, *shape)}: build it with a keras.Input of a fixed shape")
    return _copied(model, shape)


def _copied(model: Any, shape: tuple[int, ...]) -> Any:
    """A copy of a model that takes float32 arrays of a shape."""
    import keras

    plain = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    for layer in layers_inside(plain, itself=False):
        _check_layer(layer)
    start = keras.Input(shape, dtype="float32", name="input_of_base")
    twins: dict[int, Any] = {}
    names: set[str] = set()

    def twin_of(operation: Any) -> Any:
        if not isinstance(operation, keras.layers.Layer):
            return operation  # an operation such as `a + b`: it has neither weights nor settings
        if id(operation) in twins and operation.weights:
            return twins[id(operation)]
        twin = twins[id(operation)] = _fresh(operation, names)
        return twin

    try:
        end = rerun(plain, start, twin_of)
    except ZooError:
        raise
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"the model {model.name!r} cannot be built on an input of {' x '.join(map(str, shape))}: "
            f"{str(error).splitlines()[0][:200]}"
        ) from error
    twin = keras.Model(start, end, name=model.name)
    for layer in plain.layers:
        if id(layer) in twins and layer.weights:
            copy_weights(layer, twins[id(layer)])
    _check_state(twin)
    return twin


def copy_weights(source: Any, target: Any) -> None:
    """Copy the weights of a layer, and of the layers inside it, to a layer made from the same settings.

    Args:
        source: a built Keras layer.
        target: likewise.

    Raises:
        OptionError: they are built differently.
    """
    import keras

    target.set_weights(source.get_weights()) if not _has_models(source) else _copy_inside(source, target)
    for layer in layers_inside(target):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # its mean and variance in the graph are not the weights themselves


def _has_models(layer: Any) -> bool:
    import keras

    return any(isinstance(item, keras.Model) for item in layers_inside(layer))


def _copy_inside(source: Any, target: Any) -> None:
    """From leaf to leaf: models inside, made from their settings, may list their layers in another order."""
    olds, news = list(layers_inside(source)), list(layers_inside(target))
    by_name = {new.name: new for new in news}
    for index, old in enumerate(olds):
        if any(True for _ in layers_inside(old, itself=False)) or not old.weights:
            continue
        new = by_name.get(old.name) or (news[index] if index < len(news) else None)
        if new is None or _shapes(new) != _shapes(old):
            raise OptionError(
                f"the layer {old.name!r} inside {source.name!r} is built differently from its settings: a copy of it "
                f"cannot be made. Give the model as one functional model"
            )
        new.set_weights(old.get_weights())


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _fresh(layer: Any, names: set[str]) -> Any:
    """A new layer from the settings of another, under a name that is not taken."""
    import keras

    try:
        config = layer.get_config()
        name, count = str(config.get("name", layer.name)), 1
        while name in names:
            count += 1
            name = f"{config.get('name', layer.name)}_{count}"
        names.add(name)
        if "name" in config:
            config["name"] = name
        with keras.saving.custom_object_scope(_own_parts(layer)):
            return type(layer).from_config(config)
    except Exception as error:  # get_config and from_config are code of whoever wrote the layer
        raise OptionError(
            f"the layer {layer.name!r} ({type(layer).__name__}) cannot be made anew from its settings: "
            f"{str(error).splitlines()[0][:200]}. Give it get_config and from_config, and register what it is made of "
            f"with keras.saving.register_keras_serializable"
        ) from error


def _own_parts(layer: Any) -> dict[str, type]:
    """The classes, not of Keras, of what a layer is made of: initializers, constraints, activations of one's own."""
    parts = [value for value in vars(layer).values() if hasattr(value, "get_config")]
    return {type(part).__name__: type(part) for part in parts if not type(part).__module__.startswith("keras.")}


def _input_of(model: Any, input_size: Size | None) -> tuple[Size, int]:
    """The size of the input and its channels."""
    _check_graph(model)
    shape = tuple(model.inputs[0].shape)
    return _size(shape, input_size), int(shape[3] or 3)


def _check_graph(model: Any) -> None:
    """Refuse what is no Keras model whose graph is known."""
    import keras

    if not isinstance(model, keras.Model):
        raise OptionError(f"a backbone is a name or a Keras model; got {type(model).__name__}")
    if isinstance(model, keras.Sequential) and not model.built:
        raise OptionError(
            f"the Sequential model {model.name!r} is not built: begin it with keras.Input((height, width, 3))"
        )
    if len(getattr(model, "inputs", None) or ()) != 1 or len(getattr(model, "outputs", None) or ()) != 1:
        raise OptionError(
            f"{type(model).__name__} {model.name!r} must be a functional or sequential model with one input and one "
            f"output: inside a subclassed model zoo can neither find nor freeze the stages"
        )


def _sides(shape: tuple[int | None, ...]) -> tuple[int | None, int | None]:
    """Height and width of the input of a model that takes pictures."""
    _, height, width, channels = shape if len(shape) == 4 else (None, None, None, 0)
    if channels in (None, 1, 3):
        return height, width
    if height in (1, 3):
        raise OptionError(
            f"the model's input {shape} has its channels first; zoo gives pictures as (n, height, width, 3): build the "
            f'model with data_format="channels_last"'
        )
    raise OptionError(f"the model must take images (n, height, width, 3 or 1); its input is {shape}")


def _size(shape: tuple[int | None, ...], input_size: Size | None) -> Size:
    """The size of the pictures of a model whose input has this shape."""
    height, width = _sides(shape)
    high, wide = sides(input_size) if input_size else (height or width, width or height)
    if high is None or wide is None or height not in (None, high) or width not in (None, wide):
        raise OptionError(
            f"the model's input is {shape}: pass the side of its square input, or (height, width), as input_size="
        )
    return as_size(high, wide)


def _check_layer(layer: Any) -> None:
    """Refuse a layer that holds code without settings, or that changes the picture at random."""
    import keras

    kind = type(layer).__name__
    if isinstance(layer, keras.layers.Lambda):
        raise OptionError(
            f"the model has a Lambda layer ({layer.name!r}): its code can be neither saved nor checked. Take it out "
            f"and say what it does as preprocessing=, or write it with Keras layers"
        )
    known = (
        keras.layers.Dropout,
        keras.layers.SpatialDropout1D,
        keras.layers.SpatialDropout2D,
        keras.layers.SpatialDropout3D,
        keras.layers.AlphaDropout,
        keras.layers.GaussianDropout,
        keras.layers.GaussianNoise,
        keras.layers.MultiHeadAttention,
    )
    draws = any(isinstance(value, keras.random.SeedGenerator) for value in vars(layer).values())
    if draws and not isinstance(layer, known):
        raise OptionError(
            f"the model has a layer that draws random numbers ({layer.name!r}, {kind}), which would differ from pass "
            f"to pass in a frozen base. Take it out, and pass what it does as augment=[keras.layers.{kind}(...)]"
        )


def _state(layer: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in untrained_by_kind(layer)]


def _check_state(network: Any) -> None:
    """Refuse a layer with state that moves while training, beside BatchNorm: nothing could keep it frozen.

    Whether it moves is tried: one pass in training mode, after which every weight is put back.
    """
    import keras

    known = keras.layers.BatchNormalization | keras.layers.Normalization
    suspects = [
        layer
        for layer in layers_inside(network, itself=False)
        if untrained_by_kind(layer) and not isinstance(layer, known)
    ]
    if not suspects:
        return
    before = [np.array(weight) for weight in network.get_weights()]
    states = {id(layer): _state(layer) for layer in suspects}
    picture = np.random.default_rng(0).uniform(0, 255, (2, *network.inputs[0].shape[1:])).astype(np.float32)
    network(picture, training=True)
    for layer in suspects:
        if not all(map(np.array_equal, states[id(layer)], _state(layer))):
            raise OptionError(
                f"the layer {layer.name!r} ({type(layer).__name__}) changes its state in every training step, and "
                f"nothing could keep it frozen: take it out of the model, or fold it into its weights"
            )
    network.set_weights(before)
