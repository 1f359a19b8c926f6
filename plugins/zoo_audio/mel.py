"""Log-mel in the graph: raw samples to decibels in mel bands, made of built-in Keras layers whose weights are formulas.

The Fourier transform is a convolution with cosines and sines under a window, the bands are a dense layer. Every backend
and every export takes them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from zoo.specs import Spec

if TYPE_CHECKING:
    import numpy as np

FLOOR = 1e-10
"""Least power, as librosa's `power_to_db` has it: -100 dB."""


class MelSettings(Spec):
    """The numbers of a log-mel spectrogram, in the words of librosa's `melspectrogram` and `power_to_db`.

    A value: what is made of a sound is `(decibels * scale) + offset`, where decibels are
    `10 log10(max(mel power, 1e-10))`, and no less than `range_db` below the loudest of the sound.
    """

    window: int = Field(default=400, gt=0, description="length of the Hann window, in samples")
    fft: int = Field(default=512, gt=0, description="length of the Fourier transform, in samples")
    hop: int = Field(default=160, gt=0, description="from one frame to the next, in samples")
    bands: int = Field(default=64, gt=0, description="number of mel bands")
    low: float = Field(default=0.0, ge=0, description="lowest frequency of the bands, in Hz")
    high: float | None = Field(default=None, gt=0, description="highest frequency, in Hz; None: half the rate")
    mel_scale: Literal["slaney", "htk"] = Field(default="slaney", description="which formula of the mel scale")
    center: bool = Field(default=True, description="frames lie around their sample, with silence before and after")
    range_db: float = Field(default=80.0, gt=0, description="what lies lower below the loudest is raised, in dB")
    amplitude: float = Field(default=1.0, gt=0, description="what a sample of 1 counts as; 32768: as 16-bit integers")
    scale: float = Field(default=1.0, description="factor on decibels")
    offset: float = Field(default=0.0, description="added after the factor")

    @model_validator(mode="after")
    def _window_fits(self) -> MelSettings:
        if self.window > self.fft:
            raise ValueError(f"the window of {self.window} samples is longer than the transform of {self.fft}")
        return self

    def frames(self, length: int) -> int:
        """Return how many frames a sound of `length` samples has."""
        padded = length + (self.fft // 2 * 2 if self.center else 0)
        return max(0, (padded - self.fft) // self.hop + 1)


def filters(settings: MelSettings, rate: int) -> np.ndarray:
    """Return the triangles of the bands, float64 (fft / 2 + 1, bands); each has the area of one over its width in Hz.

    Args:
        settings: the numbers.
        rate: samples a second.
    """
    import numpy as np

    frequencies = np.arange(settings.fft // 2 + 1) * rate / settings.fft
    high = rate / 2 if settings.high is None else settings.high
    to_mel, to_hz = (_htk, _htk_hz) if settings.mel_scale == "htk" else (_slaney, _slaney_hz)
    corners = np.array(
        [to_hz(mel) for mel in np.linspace(to_mel(settings.low), to_mel(high), settings.bands + 2).tolist()]
    )
    widths = np.diff(corners)
    slopes = corners[:, None] - frequencies
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]).T


def _htk(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def _htk_hz(mel: float) -> float:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def _slaney(hertz: float) -> float:
    """Linear up to 1000 Hz, then logarithmic: Slaney's Auditory Toolbox, librosa's default."""
    return hertz * 3 / 200 if hertz < 1000 else 15.0 + math.log(hertz / 1000.0) * 27 / math.log(6.4)


def _slaney_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000.0 * math.exp(math.log(6.4) / 27 * (mel - 15.0))


def log_mel(samples: Any, settings: MelSettings, rate: int) -> Any:
    """Return the log-mel spectrogram in a graph.

    Args:
        samples: tensor float32 (n, length), values -1..1.
        settings: the numbers.
        rate: samples a second.

    Returns:
        float32 (n, frames, bands).
    """
    from keras import layers, ops

    kernel, bands = weights(settings, rate)
    length = int(samples.shape[1])
    x = layers.Reshape((length, 1), name="samples_column")(samples)
    if settings.center:
        x = layers.ZeroPadding1D(settings.fft // 2, name="mel_silence")(x)
    used = len(bands)
    fourier = layers.Conv1D(
        2 * used, settings.fft, settings.hop, use_bias=False, trainable=False, dtype="float32", name="mel_fourier"
    )
    x = fourier(x)
    fourier.set_weights([kernel])
    real, imaginary = ops.split(x, 2, axis=-1)
    x = ops.add(ops.square(real), ops.square(imaginary))
    mixed = layers.Dense(settings.bands, use_bias=False, trainable=False, dtype="float32", name="mel_bands")
    x = mixed(x)
    mixed.set_weights([bands])
    decibels = ops.log(ops.maximum(x, FLOOR)) * (10.0 / math.log(10.0))
    loudest = ops.max(decibels, axis=(1, 2), keepdims=True)
    return ops.maximum(decibels, loudest - settings.range_db) * settings.scale + settings.offset


def weights(settings: MelSettings, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (fft, 1, 2 * used), cosines then sines, and the bands (used, bands), both float32.

    Only those frequencies are computed that a band has a weight for.

    Args:
        settings: the numbers.
        rate: samples a second.
    """
    import numpy as np

    triangles = filters(settings, rate)
    used = np.flatnonzero(triangles.any(axis=1))
    places = np.arange(settings.window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * places / settings.window)
    before = (settings.fft - settings.window) // 2
    window = np.zeros(settings.fft)
    window[before : before + settings.window] = hann * settings.amplitude
    # The remainder keeps the argument small, where cosines are exact.
    angles = 2 * np.pi * (np.outer(np.arange(settings.fft), used) % settings.fft) / settings.fft
    kernel = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1) * window[:, None]
    return kernel[:, None].astype(np.float32), triangles[used].astype(np.float32)
