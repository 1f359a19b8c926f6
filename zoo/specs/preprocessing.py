"""From files to what a network was trained on, in numbers: resize rule, scale, mean, size of the input."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from zoo.specs.words import Spec

Size = int | tuple[int, int]
"""Size of a picture in px: the side of a square, or (height, width)."""


def sides(size: Size) -> tuple[int, int]:
    """Return height and width of a size, in px."""
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def as_size(height: int, width: int) -> Size:
    """Return the size of a picture: the side where it is a square, else (height, width)."""
    return height if height == width else (height, width)


def size_in_words(size: Size) -> str:
    """Return a size as "224" or "115 x 51" (height, then width)."""
    return str(size) if isinstance(size, int) else f"{size[0]} x {size[1]}"


class ResizeRule(Spec):
    """How a picture of any size becomes one of the model's size, a square mostly (Pillow, antialiased, uint8 out)."""

    mode: Literal["crop", "stretch", "pad"] = Field(
        default="crop",
        description="crop: just large enough to fill size / crop_fraction, then the center; "
        "stretch: both sides to size; pad: just small enough to fit, black borders",
    )
    crop_fraction: float = Field(default=1.0, gt=0, le=1, description="side of the crop / side before cropping")
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = Field(
        default="bilinear", description="how values between the given ones are made"
    )


class Preprocessing(Spec):
    """From uint8 values 0..255 to what the network was trained on, in numbers.

    The network sees `((x[..., order] * scale) - mean) / std` with x in 0..255; `mean` and `std` are in the
    channel order of the network (after the reordering).
    """

    resize: ResizeRule = ResizeRule()
    channel_order: Literal["RGB", "BGR"] = Field(default="RGB", description="order of the colors in the network")
    scale: float = Field(default=1.0, description="factor on values 0..255, before mean and std")
    mean: tuple[float, ...] = Field(default=(0.0, 0.0, 0.0), description="per channel, after scale")
    std: tuple[float, ...] = Field(default=(1.0, 1.0, 1.0), description="per channel, after scale")
    source: str = Field(default="", description="where the numbers come from")

    @model_validator(mode="after")
    def _same_channels(self) -> Preprocessing:
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels and std {len(self.std)}")
        if any(value <= 0 for value in self.std):
            raise ValueError("std must be positive")
        return self


class InputSpec(Spec):
    """What the backbone accepts."""

    default_size: Size = Field(default=0, description="side of the square input, or (height, width), in px")
    min_size: int = Field(default=0, description="smallest side that still works, in px")
    channels: int = Field(default=3, ge=1, description="color channels: 3 (RGB) or 1 (gray)")
    multiple_of: int = Field(default=1, ge=1, description="the side must be a multiple of it (the patch), in px")
