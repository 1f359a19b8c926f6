"""What tests need of the backend that Keras computes with, beyond Keras: gradients, compiled and eager calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest


def name() -> str:
    """ "tensorflow" or "jax"."""
    import keras

    return keras.config.backend()


def gradients(loss: Callable[[], Any], variables: Sequence[Any]) -> list[np.ndarray]:
    """The gradient of a loss, which reads these Keras variables, with respect to each of them."""
    values = [variable.value for variable in variables]
    if name() == "jax":
        import jax
        import keras

        def of(values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return loss()

        return [np.asarray(one) for one in jax.grad(of)(values)]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        told = loss()
    return [np.asarray(one) for one in tape.gradient(told, values)]


def in_training(model: Any, x: Any) -> np.ndarray:
    """What a model gives in training mode, compiled as in `fit`; its state stays as it is."""
    if name() == "jax":
        import jax

        state = ([v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables))
        told, _ = jax.jit(lambda *state: model.stateless_call(*state, x, training=True))(*state)
        return np.asarray(told)
    import tensorflow as tf

    return np.asarray(tf.function(lambda inputs: model(inputs, training=True))(x))


@contextmanager
def eagerly() -> Iterator[None]:
    """`fit` runs its steps operation by operation: nothing is traced and compiled anew for each phase."""
    if name() == "jax":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("zoo.architectures.backends.jit_compile", lambda: False)
            yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
