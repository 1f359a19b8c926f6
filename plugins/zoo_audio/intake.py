"""How a sound becomes the array that a graph takes: one rate, one length, samples from -1 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from zoo.errors import DataError
from zoo.modality import Intake
from zoo_audio.mel import MelSettings, log_mel

if TYPE_CHECKING:
    import numpy as np

Fit = Literal["center", "start", "loop"]


class Sound(NamedTuple):
    """One sound, decoded.

    Attributes:
        samples: float32 (n,), one channel, values -1..1.
        rate: samples a second; 0: that of the model, whatever it is.
    """

    samples: np.ndarray
    rate: int


class AudioIntake(Intake):
    """The intake of sounds: float32 (length,), samples -1..1 at one rate.

    A longer sound is cut to its middle, or to its beginning with "start". A shorter one gets silence before and after
    it, after it with "start", or is repeated with "loop".
    """

    kind: Literal["audio"] = "audio"
    rate: int = Field(gt=0, description="samples a second")
    length: int = Field(gt=0, description="samples of every sound")
    fit: Fit = Field(default="center", description="how sounds of other lengths become it: center, start, loop")
    mel: MelSettings | None = Field(default=None, description="the log-mel in front of the network; None: samples")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (length,)."""
        return (self.length,)

    @property
    def array_dtype(self) -> str:
        """Return "float32"."""
        return "float32"

    def shape(self, example: Any) -> np.ndarray:
        """Return the samples of a sound at the rate and length of the model: float32 (length,).

        Args:
            example: a `Sound`; or samples at the model's rate, float32 (n,), values -1..1.

        Raises:
            DataError: it is no sound.
        """
        samples, rate = example if isinstance(example, tuple) else (example, 0)
        if len(samples) == 0:
            raise DataError("a sound of no samples")
        return fitted(resampled(samples, rate or self.rate, self.rate), self.length, self.fit)

    def inputs(self) -> Any:
        """Return the input "samples": float32 (n, length)."""
        import keras

        return keras.Input(self.array_shape, dtype="float32", name="samples")

    def front(self, inputs: Any) -> Any:
        """Return the log-mel spectrogram (n, frames, bands), or the samples where there is none."""
        return inputs if self.mel is None else log_mel(inputs, self.mel, self.rate)


def resampled(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Return samples at another rate, float32: a polyphase filter (`scipy.signal.resample_poly`).

    Args:
        samples: float32 (n,).
        rate: samples a second.
        target: samples a second of the result.
    """
    import math

    import numpy as np

    if rate == target:
        return np.asarray(samples, np.float32)
    from scipy.signal import resample_poly

    common = math.gcd(rate, target)
    return resample_poly(np.asarray(samples, np.float32), target // common, rate // common).astype(np.float32)


def fitted(samples: np.ndarray, length: int, fit: Fit) -> np.ndarray:
    """Return samples as float32 (length,).

    Args:
        samples: float32 (n,), n at least 1.
        length: how many are wanted.
        fit: how, see `AudioIntake`.
    """
    import numpy as np

    missing = length - len(samples)
    if missing == 0:
        return samples
    if missing < 0:
        begin = 0 if fit == "start" else -missing // 2
        return np.ascontiguousarray(samples[begin : begin + length])
    if fit == "loop":
        return np.resize(samples, length)
    before = 0 if fit == "start" else missing // 2
    return np.pad(samples, (before, missing - before))
