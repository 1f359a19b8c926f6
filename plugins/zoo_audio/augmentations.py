"""Random changes of sounds: noise, time shift, speed, pitch, volume, and masks of frequencies and times.

Each factory takes options and gives a function (sound, seed) -> sound of the same rate. The same seed gives the same
sound; an option of 0 gives the sound itself, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from zoo.specs import AugmentationSpec
from zoo_audio.intake import Sound

if TYPE_CHECKING:
    import numpy as np

    Augmentation = Callable[[Any, int], Sound]

_FRAME, _HOP = 512, 128
"""Samples of a frame and between frames, where a sound is changed in its spectrum."""


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoiseOptions(_Options):
    """Options of `audio-noise`."""

    snr_low: float = Field(default=10.0, ge=-20, le=80, description="least ratio of signal to noise, in dB")
    snr_high: float = Field(default=30.0, ge=-20, le=80, description="largest ratio of signal to noise, in dB")


class ShiftOptions(_Options):
    """Options of `time-shift`."""

    seconds: float = Field(default=0.1, ge=0, le=60, description="largest shift, earlier or later; silence moves in")


class SpeedOptions(_Options):
    """Options of `speed`."""

    factor: float = Field(
        default=0.1, ge=0, le=0.5, description="1 - factor to 1 + factor times as fast; the pitch moves with it"
    )


class PitchOptions(_Options):
    """Options of `pitch`."""

    semitones: float = Field(default=2.0, ge=0, le=12, description="largest shift up or down; the duration stays")


class VolumeOptions(_Options):
    """Options of `volume`."""

    decibels: float = Field(default=6.0, ge=0, le=60, description="largest change, louder or quieter, in dB")


class SpecAugmentOptions(_Options):
    """Options of `spec-augment`."""

    frequency: float = Field(default=0.15, ge=0, le=1, description="widest band taken out, as a share of all of them")
    time: float = Field(default=0.1, ge=0, le=1, description="longest time taken out, as a share of the duration")


SPECS: tuple[AugmentationSpec, ...] = tuple(
    AugmentationSpec(
        name=name,
        modality="audio",
        summary=summary,
        tags=("sound",),
        factory=f"zoo_audio.augmentations:{function}",
        options=f"zoo_audio.augmentations:{options}",
        on="example",
    )
    for name, function, summary, options in (
        ("audio-noise", "noise", "white noise at a ratio of signal to noise", "NoiseOptions"),
        ("time-shift", "time_shift", "earlier or later, with silence in place of what is missing", "ShiftOptions"),
        ("speed", "speed", "faster or slower, pitch included", "SpeedOptions"),
        ("pitch", "pitch", "higher or lower at the same speed", "PitchOptions"),
        ("volume", "volume", "louder or quieter", "VolumeOptions"),
        ("spec-augment", "spec_augment", "a band and a time taken out (Park et al. 2019)", "SpecAugmentOptions"),
    )
)


def noise(**options: Any) -> Augmentation:
    """Add white noise; options: `NoiseOptions`."""
    chosen = NoiseOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        import numpy as np

        ratio = draw.uniform(chosen.snr_low, max(chosen.snr_low, chosen.snr_high))
        power = float(np.mean(np.square(samples, dtype=np.float64))) / 10 ** (ratio / 10)
        return samples + draw.standard_normal(len(samples), dtype=np.float32) * np.float32(np.sqrt(power))

    return _of_samples(change)


def time_shift(**options: Any) -> Augmentation:
    """Shift the sound; options: `ShiftOptions`."""
    chosen = ShiftOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        import numpy as np

        later = round(draw.uniform(-chosen.seconds, chosen.seconds) * rate)
        later = max(-len(samples), min(len(samples), later))
        silence = np.zeros(abs(later), np.float32)
        if later >= 0:
            return np.concatenate([silence, samples[: len(samples) - later]])
        return np.concatenate([samples[-later:], silence])

    return _of_samples(change)


def speed(**options: Any) -> Augmentation:
    """Make the sound faster or slower; options: `SpeedOptions`."""
    chosen = SpeedOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        return _stretched(samples, 1 / draw.uniform(1 - chosen.factor, 1 + chosen.factor))

    return _of_samples(change)


def pitch(**options: Any) -> Augmentation:
    """Make the sound higher or lower; options: `PitchOptions`."""
    chosen = PitchOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        factor = 2 ** (draw.uniform(-chosen.semitones, chosen.semitones) / 12)
        if factor == 1:
            return samples
        # As many times as long with the pitch kept, then read that much faster.
        return _resized(_stretched(_vocoded(samples, factor), 1 / factor), len(samples))

    return _of_samples(change)


def volume(**options: Any) -> Augmentation:
    """Make the sound louder or quieter; options: `VolumeOptions`."""
    chosen = VolumeOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        import numpy as np

        return samples * np.float32(10 ** (draw.uniform(-chosen.decibels, chosen.decibels) / 20))

    return _of_samples(change)


def spec_augment(**options: Any) -> Augmentation:
    """Take a band of frequencies and a time out of the sound; options: `SpecAugmentOptions`."""
    chosen = SpecAugmentOptions(**options)

    def change(samples: np.ndarray, rate: int, draw: np.random.Generator) -> np.ndarray:
        import numpy as np
        from scipy.signal import istft, stft

        masked = samples.copy()
        length = int(draw.uniform(0, chosen.time) * len(samples))
        begin = int(draw.integers(0, len(samples) - length + 1))
        masked[begin : begin + length] = 0
        bands = _FRAME // 2 + 1
        width = int(draw.uniform(0, chosen.frequency) * bands)
        low = int(draw.integers(0, bands - width + 1))
        if width == 0 or len(samples) < _FRAME:
            return masked
        spectrum = stft(masked, nperseg=_FRAME, noverlap=_FRAME - _HOP)[2]
        spectrum[low : low + width] = 0
        return _resized(istft(spectrum, nperseg=_FRAME, noverlap=_FRAME - _HOP)[1].astype(np.float32), len(samples))

    return _of_samples(change)


def _of_samples(change: Callable[[np.ndarray, int, np.random.Generator], np.ndarray]) -> Augmentation:
    """An augmentation of sounds, of a change of their samples."""

    def apply(sound: Any, seed: int) -> Sound:
        import numpy as np

        samples, rate = sound
        changed = change(samples, rate or 16000, np.random.default_rng(seed))
        return Sound(np.asarray(changed, np.float32), rate)

    return apply


def _stretched(samples: np.ndarray, factor: float) -> np.ndarray:
    """The samples read at another speed, `factor` times as many of them, between samples by straight lines."""
    import numpy as np

    count = max(1, round(len(samples) * factor))
    if count == len(samples):
        return samples
    places = np.linspace(0, len(samples) - 1, count)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def _resized(samples: np.ndarray, count: int) -> np.ndarray:
    """The first `count` samples, with silence behind them where there are fewer."""
    import numpy as np

    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def _vocoded(samples: np.ndarray, factor: float) -> np.ndarray:
    """`factor` times as long at the same pitch: a phase vocoder (Flanagan and Golden 1966)."""
    import numpy as np
    from scipy.signal import istft, stft

    if len(samples) < _FRAME:
        return _stretched(samples, factor)
    spectrum = stft(samples, nperseg=_FRAME, noverlap=_FRAME - _HOP)[2]
    places = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    before = places.astype(int)
    share = places - before
    size = (1 - share) * np.abs(spectrum[:, before]) + share * np.abs(spectrum[:, before + 1])
    turns = np.angle(spectrum[:, before + 1]) - np.angle(spectrum[:, before])
    expected = 2 * np.pi * _HOP * np.arange(spectrum.shape[0])[:, None] / _FRAME
    turns = expected + np.angle(np.exp(1j * (turns - expected)))
    start = np.angle(spectrum[:, :1])
    phase = start + np.concatenate([np.zeros_like(start), np.cumsum(turns, axis=1)[:, :-1]], axis=1)
    return istft(size * np.exp(1j * phase), nperseg=_FRAME, noverlap=_FRAME - _HOP)[1].astype(np.float32)
