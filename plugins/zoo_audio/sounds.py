"""The modality of sounds: wav, flac, ogg and mp3 through soundfile, in files or in memory."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo.errors import DataError, OptionError
from zoo.modality import Modality, Problem, Ref, Thumbnail
from zoo_audio.intake import AudioIntake, Fit, Sound, resampled
from zoo_audio.mel import MelSettings

if TYPE_CHECKING:
    import numpy as np

EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3")

LONGEST = 600.0
"""Seconds of the longest sound that is one example."""

_CHANNELS = 32
"""Most channels that are mixed into one; an array with more columns is no sound."""

_LOUDEST = 4.0
"""Samples are -1..1; decoders overshoot, and beyond this they are on another scale."""

_SILENT, _SHORT, _CLIPPED, _CLIPPED_SHARE = 1e-4, 0.05, 0.999, 0.01

_PLAYED, _PLAYED_RATE = 4.0, 16000
"""Seconds of a sound that a report plays, and the most samples a second: 128 KB a sound."""

_SHARE, _STEP, _MOST = 0.98, 0.08, 10.0
"""Of a length that is fitted: the share of sounds that it holds whole, what it is rounded up to, and the most of it,
in seconds."""


class SoundOptions(BaseModel):
    """Options of a model of sounds, `zoo.build(..., options={...})`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: int = Field(default=16000, ge=1000, le=192000, description="samples a second; others are resampled")
    seconds: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST,
        description="length of every sound; None: so that 98 % of the training part fit, 10 s at most",
    )
    least_seconds: float = Field(default=1.0, gt=0, le=LONGEST, description="least length where it is fitted")
    fit: Fit = Field(
        default="center",
        description="what is done to sounds of other lengths. center: the middle of longer ones, silence around "
        "shorter ones; start: the beginning, silence behind; loop: the middle, shorter ones repeated",
    )
    mel: MelSettings | None = Field(default=MelSettings(), description="the log-mel in the graph; None: raw samples")


class Sounds(Modality):
    """Sounds: one channel of samples and their rate."""

    name = "audio"
    extensions = EXTENSIONS
    intake = AudioIntake

    def read(self, ref: Ref) -> Sound:
        """Return the sound of a file; channels are averaged.

        Raises:
            DataError: it cannot be decoded, is empty, or is longer than 600 s.
        """
        return _decoded(ref.path, ref.path)

    def take(self, item: Any) -> Sound:
        """Return a sound that is in memory.

        Args:
            item: samples (n,) or (n, 1) at the rate of the model; a pair (samples, rate), samples (n,) or
                (n, channels); or the bytes of a sound file, or an open one. Whole numbers are taken by their range
                (int16: / 32768); floats are -1..1.

        Raises:
            DataError: it is none of these.
        """
        if isinstance(item, bytes | bytearray | memoryview):
            return _decoded(io.BytesIO(item), "these bytes")
        if callable(getattr(item, "read", None)):
            return _decoded(item, "this file")
        samples, rate = item, 0
        if isinstance(item, tuple) and len(item) == 2:
            samples, rate = item
            if isinstance(rate, bool) or (not isinstance(rate, int) and not hasattr(rate, "__index__")):
                raise DataError(f"a sound in memory is (samples, rate), the rate a whole number; got {rate!r:.80}")
            if int(rate) < 0:
                raise DataError(f"a rate of {rate} samples a second")
        return Sound(_samples(samples, pair=samples is not item), int(rate))

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> AudioIntake:
        """Return the intake; its length is that of the training part where no length is asked for.

        Args:
            training: sounds; not read when the length is given.
            options: see `SoundOptions`.

        Raises:
            OptionError: an option that there is not, or a value that cannot be used.
        """
        try:
            chosen = SoundOptions(**options)
        except ValidationError as error:
            first = error.errors()[0]
            raise OptionError(f"option {'.'.join(map(str, first['loc']))!r} of sounds: {first['msg']}") from error
        seconds = chosen.seconds
        if seconds is None:
            seconds = max(_usual_length(training, chosen.rate), chosen.least_seconds)
        return AudioIntake(rate=chosen.rate, length=round(seconds * chosen.rate), fit=chosen.fit, mel=chosen.mel)

    def digest(self, example: Any) -> str:
        """Return the sha256 of samples and rate."""
        return super().digest((example.rate, example.samples))

    def problems(self, example: Any) -> Iterator[Problem]:
        """Yield silence, clipping, and sounds of less than 0.05 s."""
        import numpy as np

        loud = np.abs(example.samples)
        if loud.max(initial=0) < _SILENT:
            yield Problem("warning", "it is silent", "remove it, or look whether the recording failed")
        elif (share := float((loud >= _CLIPPED).mean())) > _CLIPPED_SHARE:
            yield Problem("warning", f"{share:.0%} of its samples are at full scale", "it was recorded too loud")
        if example.rate and len(loud) < _SHORT * example.rate:
            yield Problem("warning", f"it lasts {len(loud) / example.rate:.3f} s", "look whether the file is whole")

    def drawn(self, seed: int) -> Sound:
        """Return a tone that glides and swells, with a little noise: 0.6 s at 16000 Hz."""
        import numpy as np

        draw = np.random.default_rng(seed)
        rate = SoundOptions().rate
        times = np.arange(round(0.6 * rate)) / rate
        turns = draw.uniform(200, 800) * times + draw.uniform(100, 400) * times**2
        tone = np.sin(2 * np.pi * turns) * (0.1 + 0.3 * times)
        return Sound((tone + 0.01 * draw.standard_normal(len(times))).astype(np.float32), rate)

    def show(self, example: Any) -> Thumbnail:
        """Return a spectrogram, the duration, and the beginning to play: 4 s at most, at 16000 Hz at most."""
        from zoo_audio.spectrogram import png

        rate = example.rate or SoundOptions().rate
        seconds = len(example.samples) / rate
        words = f"{seconds:.2f} s, {rate} Hz" + (f"; the first {_PLAYED:.0f} s play" if seconds > _PLAYED else "")
        return Thumbnail(png=png(example.samples, rate), text=words, wav=_playable(example.samples, rate))


def _playable(samples: np.ndarray, rate: int) -> bytes:
    """The beginning of a sound as a WAV file of 16 bits."""
    import numpy as np
    import soundfile

    beginning = samples[: round(_PLAYED * rate)]
    if rate > _PLAYED_RATE:
        beginning, rate = resampled(beginning, rate, _PLAYED_RATE), _PLAYED_RATE
    content = io.BytesIO()
    soundfile.write(content, np.clip(beginning, -1, 1), rate, format="WAV", subtype="PCM_16")
    return content.getvalue()


def _usual_length(training: Iterable[Any], rate: int) -> float:
    import numpy as np

    seconds = [len(sound.samples) / (sound.rate or rate) for sound in training]
    if not seconds:
        return 0.0
    usual = float(np.quantile(seconds, _SHARE))
    return min(math.ceil(round(usual / _STEP, 6)) * _STEP, _MOST)


def _decoded(file: Any, name: str) -> Sound:
    """The sound in a file, one channel."""
    import soundfile

    try:
        with soundfile.SoundFile(file) as opened:
            rate = int(opened.samplerate)
            if opened.frames > LONGEST * rate:
                raise DataError(
                    f"{name} lasts {opened.frames / rate:.0f} s; a sound is one example of {LONGEST:.0f} s at most. "
                    "Cut it into examples"
                )
            # Not all formats know their length before they are read to the end: no more is read than may be there.
            samples = opened.read(int(LONGEST * rate) + 1, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).rpartition(": ")[2] or type(error).__name__
        raise DataError(f"cannot decode {name} as a sound: {reason:.120}") from error
    return Sound(_samples(samples, pair=True), rate)


def _samples(values: Any, *, pair: bool) -> np.ndarray:
    """One channel of float32 samples, of what is in memory."""
    import numpy as np

    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"a sound is an array of samples; got {type(values).__name__}") from error
    if not pair and array.ndim == 2 and array.shape[1] == 1:  # as tf.audio.decode_wav and Keras give them
        array = array[:, 0]
    if array.dtype.kind not in "iuf" or array.ndim not in ((1, 2) if pair else (1,)):
        raise DataError(
            f"a sound is samples (n,), or (samples, rate); got {type(values).__name__} of {array.dtype}, "
            f"shape {array.shape}"
        )
    if array.size == 0:
        raise DataError("a sound of no samples")
    if array.ndim == 2:
        if array.shape[1] > _CHANNELS:
            raise DataError(f"a sound of several channels is (n, channels); got shape {array.shape}")
        array = array if array.dtype.kind == "f" else _from_integers(array)
        array = array.mean(axis=1, dtype=np.float32)
    if array.dtype.kind != "f":
        array = _from_integers(array)
    if not np.isfinite(array).all():
        raise DataError("a sound with samples that are NaN or infinite")
    if np.abs(array).max() > _LOUDEST:
        raise DataError(
            f"samples are -1..1; the largest is {np.abs(array).max():g}. Divide samples of 16 bits by 32768"
        )
    return array.astype(np.float32, copy=False)


def _from_integers(array: np.ndarray) -> np.ndarray:
    """Integers by their range, as float32 -1..1; unsigned ones have their zero in the middle."""
    import numpy as np

    half = 2.0 ** (8 * array.dtype.itemsize - 1)
    centered = array.astype(np.float64) - (half if array.dtype.kind == "u" else 0.0)
    return (centered / half).astype(np.float32)
