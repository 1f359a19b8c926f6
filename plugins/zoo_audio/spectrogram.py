"""The picture of a sound: its log-mel spectrogram, time to the right, low frequencies at the bottom."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from zoo_audio.mel import FLOOR, MelSettings, filters

if TYPE_CHECKING:
    import numpy as np

_SIZE = (240, 128)
"""Pixels across and down."""

_SETTINGS = MelSettings(bands=64)

_FRAMES = 480
"""Most frames that are computed; longer sounds are looked at in larger steps."""

_COLORS = ((0, 0, 20), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
"""From quiet to loud, evenly spaced points of matplotlib's inferno."""


def decibels(samples: np.ndarray, rate: int, settings: MelSettings = _SETTINGS) -> np.ndarray:
    """Return the log-mel of a sound by NumPy's Fourier transform, float32 (frames, bands).

    Args:
        samples: float32 (n,).
        rate: samples a second.
        settings: window, hop and bands.
    """
    import numpy as np

    hop = max(settings.hop, len(samples) // _FRAMES)
    padded = np.pad(samples, settings.fft // 2)
    starts = np.arange(0, len(padded) - settings.fft + 1, hop)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.fft) / settings.fft)
    power = np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(settings.fft)] * hann, axis=1)) ** 2
    values = 10 * np.log10(np.maximum(power @ filters(settings, rate), FLOOR))
    return np.maximum(values, values.max() - settings.range_db).astype(np.float32)


def png(samples: np.ndarray, rate: int) -> bytes:
    """Return the spectrogram as the bytes of a PNG file.

    Args:
        samples: float32 (n,).
        rate: samples a second.
    """
    import numpy as np
    from PIL import Image

    values = decibels(samples, rate).T[::-1]
    share = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    points = np.linspace(0, 1, len(_COLORS))
    colors = np.stack([np.interp(share, points, channel) for channel in np.transpose(_COLORS)], axis=-1)
    picture = Image.fromarray(np.rint(colors).astype(np.uint8)).resize(_SIZE, Image.Resampling.BILINEAR)
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()
