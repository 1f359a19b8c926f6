"""Keras backends: the ones zoo is tested on, and how each compiles a training step."""

from __future__ import annotations

import keras

from zoo.errors import OptionError

BACKENDS = ("tensorflow", "jax")
"""What the tests run on: all of them on TensorFlow, the core suite (`make test-jax`) on JAX."""


def check_backend() -> None:
    """Refuse a backend that nothing was tried on.

    Raises:
        OptionError: Keras computes with another one.
    """
    backend = keras.config.backend()
    if backend not in BACKENDS:
        raise OptionError(
            f"Keras computes with {backend!r} here, and zoo was never tested on it: frozen weights, resumed runs and "
            f"features are proven on {' and '.join(BACKENDS)} only. Set KERAS_BACKEND to one of them before Keras is "
            f"imported"
        )


def jit_compile() -> bool | str:
    """What `compile(jit_compile=)` is given.

    On a CPU with TensorFlow, compiling a whole network with XLA costs more than it saves in a few epochs. JAX has no
    graph besides: without XLA it would run every operation by itself.
    """
    return "auto" if keras.config.backend() == "jax" else False
