"""The models of `keras.applications` as networks proper: no preprocessing inside, logits instead of probabilities."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from zoo.errors import OptionError, unknown

_PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)


def build(application: str, include_top: bool, input_size: int, **options: Any) -> keras.Model:
    """The network proper, with random weights.

    Args:
        application: the name of the function in `keras.applications`, e.g. `ResNet50`.
        include_top: end in logits instead of the last feature map.
        input_size: side of the input in px.
        **options: further arguments of that function, e.g. `alpha`.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to a feature map (n, side, side, channels), or to
        logits (n, 1000).

    Raises:
        UnknownNameError: Keras has no such application.
        OptionError: Keras refuses the options or the size.
    """
    function = getattr(keras.applications, application, None)
    if not inspect.isfunction(function):
        names = [name for name, _ in inspect.getmembers(keras.applications, inspect.isfunction)]
        raise unknown("model in keras.applications", application, names)
    arguments = {
        "include_top": include_top,
        "weights": None,
        "input_shape": (input_size, input_size, 3),
        "classifier_activation": None,
    } | options
    # `name=` is never passed: in some families it is a part of the name of the weight file.
    if "include_preprocessing" in inspect.signature(function).parameters:
        arguments["include_preprocessing"] = False
    try:
        model = function(**arguments)
    except (TypeError, ValueError) as error:
        raise OptionError(f"keras.applications.{application} cannot be built so: {error}") from error
    return _without_preprocessing(model)


def _without_preprocessing(model: keras.Model) -> keras.Model:
    """The network from behind the leading Rescaling and Normalization (EfficientNet B0 to B7) on."""
    first = next(layer for layer in model.layers if not isinstance(layer, (keras.layers.InputLayer, *_PREPROCESSING)))
    if first.input is model.input:
        return model
    rest = keras.Model(first.input, model.output, name=model.name)
    # Layers anew, so that `layer.output` of every layer is a tensor of this graph and not of the longer one.
    return keras.models.clone_model(rest, input_tensors=keras.layers.Input(model.input.shape[1:]))
