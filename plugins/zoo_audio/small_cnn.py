"""A small convolutional network on log-mel spectrograms, trained from random weights."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from zoo.errors import OptionError


def build(include_top: bool = False, *, intake: Any, width: int = 32, blocks: int = 4, **_sizes: Any) -> keras.Model:
    """Return the network: blocks of a 3 x 3 convolution, BatchNorm, ReLU and pooling; each twice as wide.

    Args:
        include_top: there is no classifier; True is an error.
        intake: of sounds, with a log-mel in front.
        width: channels of the first block.
        blocks: number of blocks.

    Returns:
        From log-mel float32 (n, frames, bands) to a map (n, time, frequency, channels).

    Raises:
        OptionError: there is no log-mel, or it is smaller than the poolings make it.
    """
    if include_top:
        raise OptionError("mel-cnn has no classifier of its own; name a head")
    if intake.mel is None:
        raise OptionError("mel-cnn reads a log-mel spectrogram; mel=None takes it away")
    frames, bands = intake.mel.frames(intake.length), intake.mel.bands
    if min(frames, bands) < 2**blocks:
        raise OptionError(
            f"mel-cnn halves {frames} frames and {bands} bands {blocks} times; pass more seconds or fewer blocks"
        )
    inputs = layers.Input((frames, bands), name="mel")
    x = layers.Reshape((frames, bands, 1), name="mel_map")(inputs)
    for block in range(blocks):
        x = layers.Conv2D(width * 2**block, 3, padding="same", use_bias=False, name=f"block{block + 1}_conv")(x)
        x = layers.BatchNormalization(name=f"block{block + 1}_norm")(x)
        x = layers.ReLU(name=f"block{block + 1}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block + 1}_pool")(x)
    return keras.Model(inputs, x, name="mel_cnn")
