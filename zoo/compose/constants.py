"""Numbers that layers hold as tensors outside of any graph: made constants while a graph is written elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from zoo.keras_internals import layers_inside


@contextmanager
def constants_in_graph(model: Any) -> Iterator[None]:
    """Within, the mean and variance of every `Normalization` are arrays, which a graph holds as constants.

    Keras keeps them as tensors; tf2onnx takes those for inputs of the network, and what it writes does not run.

    Args:
        model: a Keras model.
    """
    import keras

    held = [
        (layer, name, getattr(layer, name))
        for layer in layers_inside(model)
        if isinstance(layer, keras.layers.Normalization) and layer.built
        for name in ("mean", "variance")
    ]
    try:
        for layer, name, value in held:
            setattr(layer, name, np.asarray(value))
        yield
    finally:
        for layer, name, value in held:
            setattr(layer, name, value)
