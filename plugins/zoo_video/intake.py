"""How a clip becomes an array: so many frames, evenly spaced, each cut and resized alike."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from zoo.errors import DataError
from zoo.modality import Intake


class VideoIntake(Intake):
    """The intake of clips: uint8 (frames, size, size, 3), pixels 0..255."""

    kind: Literal["video"] = "video"
    frames: int = Field(default=8, ge=3, description="frames of a clip that the graph takes, evenly spaced")
    size: int = Field(default=128, ge=32, description="side of each frame, in pixels")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (frames, size, size, 3)."""
        return self.frames, self.size, self.size, 3

    @property
    def array_dtype(self) -> str:
        """Return "uint8"."""
        return "uint8"

    def shape(self, example: Any) -> np.ndarray:
        """Return a clip as the array: the middle square of every frame, resized (bilinear, antialiased).

        The square is the same in all frames, so that what stands still stands still. A clip with fewer frames repeats
        them.

        Args:
            example: uint8 (t, height, width, 3); an array of the model's own shape comes back untouched, floats too.

        Raises:
            DataError: it is no such array.
        """
        clip = np.asarray(example)
        if clip.shape == self.array_shape:
            return clip
        if clip.ndim != 4 or clip.shape[3] != 3 or not clip.size:
            raise DataError(f"a clip is uint8 (t, height, width, 3); got {clip.dtype} {clip.shape}")
        whole = clip if clip.dtype == np.uint8 else np.clip(np.rint(clip), 0, 255).astype(np.uint8)
        places = np.rint(np.linspace(0, len(whole) - 1, self.frames)).astype(int)
        height, width = whole.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = whole[:, top : top + side, left : left + side]
        if side == self.size:
            return np.ascontiguousarray(square[places])
        resized = {place: self._resized(square[place]) for place in sorted(set(places.tolist()))}
        return np.stack([resized[place] for place in places.tolist()])

    def _resized(self, frame: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(np.ascontiguousarray(frame))
        return np.asarray(picture.resize((self.size, self.size), Image.Resampling.BILINEAR))

    def inputs(self) -> Any:
        """Return the input "frames": float32 (n, frames, size, size, 3)."""
        import keras

        return keras.Input(self.array_shape, dtype="float32", name="frames")
