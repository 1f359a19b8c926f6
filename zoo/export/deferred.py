"""Builds a Keras model from its config without memory for its weights, until their shapes are known to be right."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import UnsafeFileError
from zoo.keras_internals import deserialized, forget_uninitialized, layers_inside, trainable_by_kind
from zoo.weights.formats import hdf5

_DRAWN = "seed_generator_state"
"""Variables that Keras does not save: the states of its random generators."""


def build(config: dict[str, Any], weights: Path, *, registered: bool) -> Any:
    """Return the model of a config with the weights of a file.

    The shapes of the file are compared with those of the config first; only then is memory taken.

    Args:
        config: the checked config of the model.
        weights: HDF5 file in the layout of Keras 3, its name ends in `.weights.h5`.
        registered: the config names classes of others, whose weights may need memory at once.

    Raises:
        UnsafeFileError: the weights are not those of the config.
        Exception: whatever Keras raises on a config that describes no model.
    """

    with hdf5.opened(weights) as file:
        saved = Counter(tuple(array.shape) for _, array in hdf5.arrays(file))
    try:
        # Keras takes the config apart while it reads it.
        model = _without_memory(copy.deepcopy(config), saved, strict=not registered)
    except ValueError as error:
        if not registered or "stateless scope" not in str(error):
            raise
        model = deserialized(config)  # a layer that makes its variables by hand; its code is that of the user
    _take_memory(model)
    model.load_weights(weights)
    return model


def _take_memory(model: Any) -> None:
    """Make the weights of everything that has none.

    TensorFlow decides when a variable is made whether its gradients are ever looked at. What is frozen now may train
    in a later fit, so every weight that gradients could move is made as one that trains.
    """
    import keras

    frozen = [weight for layer in layers_inside(model) for weight in trainable_by_kind(layer) if not weight.trainable]
    for weight in frozen:
        weight.trainable = True
    with keras.StatelessScope():
        pass  # at its end Keras makes the weights of everything that has none
    for weight in frozen:
        weight.trainable = False


def _without_memory(config: dict[str, Any], saved: Counter[tuple[int, ...]], *, strict: bool) -> Any:
    import keras

    with _nothing_left_over(), keras.StatelessScope(initialize_variables=False):
        model = deserialized(config)
        variables = [variable for variable in model.variables if not variable.path.endswith(_DRAWN)]
        shapes = Counter(tuple(variable.shape) for variable in variables)
        if strict and shapes != saved:
            shape, count = next(iter(((shapes - saved) + (saved - shapes)).items()))
            raise UnsafeFileError(
                f"its layers have {sum(shapes.values())} weights and its file of weights holds {sum(saved.values())}; "
                f"they differ in {count} of shape {shape}"
            )
        needed, held = (sum(math.prod(shape) * count for shape, count in part.items()) for part in (shapes, saved))
        if needed > 2 * held + 1_000_000:
            raise UnsafeFileError(f"its layers declare {needed} numbers and its file of weights holds {held}")
    return model


@contextmanager
def _nothing_left_over() -> Iterator[None]:
    """Forget variables without memory when building fails: the next one to look would make their weights."""
    try:
        yield
    except BaseException:
        forget_uninitialized()
        raise
