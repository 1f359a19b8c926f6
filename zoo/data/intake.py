"""How a picture becomes the array that a graph takes: the one resize rule, and the square it leads to."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from zoo.data.images import resize
from zoo.modality import Intake
from zoo.specs import ResizeRule


class ImageIntake(Intake):
    """The intake of pictures: uint8 (size, size, channels), pixels 0..255, fitted by one rule."""

    kind: Literal["image"] = "image"
    size: int = Field(gt=0, description="side of the square, in pixels")
    rule: ResizeRule = Field(default=ResizeRule(), description="how pictures of other sizes become it")
    channels: int = Field(default=3, gt=0, description="color channels")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (size, size, channels)."""
        return self.size, self.size, self.channels

    @property
    def array_dtype(self) -> str:
        """Return "uint8"."""
        return "uint8"

    @property
    def summary(self) -> str:
        """Return the side of the square."""
        return f"input {self.size} px"

    def shape(self, example: Any) -> np.ndarray:
        """Return a picture as the square: uint8 (size, size, 3).

        One that has its size comes back untouched, floats too; others are rounded to uint8 and resized.

        Args:
            example: (height, width, 3), values 0..255.

        Raises:
            DataError: wrong shape or dtype.
        """
        picture: np.ndarray = example
        if picture.shape[:2] == (self.size, self.size):
            return picture
        whole = picture if picture.dtype == np.uint8 else np.rint(picture).astype(np.uint8)
        return resize(whole, self.size, self.rule)

    def inputs(self) -> Any:
        """Return the input "pixels": float32 (n, size, size, channels)."""
        import keras

        return keras.Input(self.array_shape, dtype="float32", name="pixels")
