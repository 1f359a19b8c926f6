"""Networks for signals: built for an intake, from Keras layers and ops only."""

from __future__ import annotations

from typing import Any

import numpy as np


def waves(*, intake: Any, channels: int) -> Any:
    """Return two strided convolutions over time: (n, length, 1) to a sequence (n, length / 4, 2 * channels).

    Args:
        intake: of the signals; its front gives (n, length, 1).
        channels: of the first convolution.
    """
    import keras
    from keras import layers

    steps = keras.Input((intake.length, 1))
    x = layers.Conv1D(channels, 9, strides=2, padding="same", use_bias=False, name="wide")(steps)
    x = layers.BatchNormalization(name="wide_norm")(x)
    x = layers.ReLU(name="wide_out")(x)
    x = layers.Conv1D(2 * channels, 5, strides=2, padding="same", use_bias=False, name="narrow")(x)
    x = layers.BatchNormalization(name="narrow_norm")(x)
    x = layers.ReLU(name="narrow_out")(x)
    return keras.Model(steps, x, name="waves")


def bands(*, intake: Any, bands: int) -> Any:
    """Return the energy of a signal in bands of frequency: (n, length, 1) to (n, bands).

    Args:
        intake: of the signals; its front gives (n, length, 1).
        bands: how many, from slow to fast.
    """
    import keras
    from keras import layers, ops

    time = np.arange(intake.length)
    frequencies = (np.arange(bands) + 0.5) / (2 * bands)
    waves = np.exp(2j * np.pi * time[:, None] * frequencies[None])
    kernel = np.concatenate([waves.real, waves.imag], axis=1).astype(np.float32) / intake.length**0.5
    steps = keras.Input((intake.length, 1))
    x = layers.Flatten(name="flat")(steps)
    correlate = layers.Dense(2 * bands, use_bias=False, trainable=False, name="correlated")
    x = correlate(x)
    correlate.set_weights([kernel])
    energy = ops.square(x[:, :bands]) + ops.square(x[:, bands:])
    return keras.Model(steps, layers.Activation("linear", name="energy")(ops.log1p(energy)), name="bands")
