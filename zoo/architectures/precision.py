"""Dtype policies: in what precision the layers built in a block compute; their weights stay float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from zoo.errors import OptionError, did_you_mean
from zoo.keras_internals import layers_inside
from zoo.settings import PRECISIONS


@contextmanager
def policy(asked: str | None) -> Iterator[str]:
    """Build the layers of this block in a precision; Keras's global policy is put back afterward.

    Args:
        asked: one of `PRECISIONS`; None: Keras's global policy, as everywhere in Keras.

    Yields:
        The name of the policy.

    Raises:
        OptionError: there is no such policy, or it keeps weights in half precision.
    """
    before = keras.config.dtype_policy()
    name = before.name if asked is None else asked
    if name not in PRECISIONS:
        said = f"Keras's global dtype policy is {name!r}" if asked is None else f"precision={asked!r}"
        raise OptionError(
            f"{said}, which zoo does not know: it computes in {', '.join(PRECISIONS)}, with float32 weights in all of "
            f"them.{did_you_mean(str(name), PRECISIONS)}"
        )
    keras.config.set_dtype_policy(name)
    try:
        yield name
    finally:
        keras.config.set_dtype_policy(before)


def check_precision(model: Any, precision: str) -> None:
    """Refuse a Keras model that computes in another precision than the one asked for: its layers bring their own.

    Raises:
        OptionError: a layer with weights that computes in something else; names it.
    """
    compute_dtype = keras.DTypePolicy(precision).compute_dtype
    for layer in layers_inside(model, itself=False):
        if layer.weights and layer.compute_dtype != compute_dtype and not isinstance(layer, keras.Model):
            raise OptionError(
                f"precision={precision!r}, but layer {layer.name!r} of the given model computes in "
                f"{layer.compute_dtype}: build the model after keras.config.set_dtype_policy({precision!r})"
            )


def in_float32(tensor: Any) -> Any:
    """A symbolic tensor as float32: itself, or through a layer that casts it."""
    if tensor.dtype == "float32":
        return tensor
    return keras.layers.Identity(dtype="float32")(tensor)
