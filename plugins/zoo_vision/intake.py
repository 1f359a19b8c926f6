"""How a picture becomes the array that a graph takes: the one resize rule, and the size it leads to."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from zoo.modality import Intake
from zoo.pictures import gray, resize
from zoo.specs import ResizeRule, Size, as_size, sides, size_in_words


class ImageIntake(Intake):
    """The intake of pictures: uint8 (height, width, channels), pixels 0..255, fitted by one rule."""

    fitted: ClassVar[bool] = False
    kind: Literal["image"] = "image"
    encoded: Literal["picture"] = Field(
        default="picture",
        description="bytes of a picture file can be answered: decoded, then brought to size by `rule`",
    )
    size: Size = Field(description="side of the square, or (height, width), in pixels")
    rule: ResizeRule = Field(default=ResizeRule(), description="how pictures of other sizes become it")
    channels: Literal[1, 3] = Field(default=3, description="color channels: RGB, or one of gray")

    @field_validator("size")
    @classmethod
    def _one_way_to_say_it(cls, size: Size) -> Size:
        if min(sides(size)) < 1:
            raise ValueError(f"a picture has at least one pixel; got {size}")
        return as_size(*sides(size))

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (height, width, channels)."""
        return *sides(self.size), self.channels

    @property
    def array_dtype(self) -> str:
        """Return "uint8"."""
        return "uint8"

    @property
    def summary(self) -> str:
        """Return the side of the square, or height and width, and whether it is gray."""
        return f"input {size_in_words(self.size)} px{', gray' if self.channels == 1 else ''}"

    @property
    def sentence(self) -> str:
        """Return size, channels, and the rule for pictures of other sizes."""
        height, width, channels = self.array_shape
        resizing = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in self.rule)
        return f"Input {height} × {width} pixels{', gray' if channels == 1 else ''}; resizing: {resizing}."

    def shape(self, example: Any) -> np.ndarray:
        """Return a picture in the size of the model: uint8 (height, width, channels).

        One that has its size comes back untouched, floats too; others are rounded to uint8 and resized. A model that
        takes one channel gets the luma of the colors (`zoo.pictures.gray`).

        Args:
            example: (height, width, 3), values 0..255.

        Raises:
            DataError: wrong shape or dtype.
        """
        picture: np.ndarray = example
        if picture.shape[:2] != sides(self.size):
            whole = picture if picture.dtype == np.uint8 else np.rint(picture).astype(np.uint8)
            picture = resize(whole, self.size, self.rule)
        return gray(picture) if self.channels == 1 else picture

    def inputs(self) -> Any:
        """Return the input "pixels": float32 (n, height, width, channels)."""
        import keras

        return keras.Input(self.array_shape, dtype="float32", name="pixels")
