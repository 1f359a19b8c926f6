"""Augmentations that leave every pixel in its place: light and colors, blur, JPEG, cutout.

See `zoo_vision.augmentations` for what all augmentations have in common.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from zoo.specs import AugmentationSpec
from zoo_vision.options import AugmentationOptions

if TYPE_CHECKING:
    import numpy as np

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in gray (ITU-R 601-2)."""

EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
"""Of the colors of ImageNet's pixels 0..1, rows red, green, blue: as published with fb.resnet.torch (`Lighting`)."""


class FactorOptions(AugmentationOptions):
    """Options of `saturation`."""

    factor: float = Field(default=0.3, ge=0, le=1, description="colors get 1 - factor to 1 + factor times as strong")


class BrightnessOptions(AugmentationOptions):
    """Options of `brightness`."""

    factor: float = Field(default=0.2, ge=0, le=1, description="largest number added, as a share of 255")


class HueOptions(AugmentationOptions):
    """Options of `hue`."""

    degrees: float = Field(default=20.0, ge=0, le=180, description="largest turn of the color wheel to either side")


class ColorShiftOptions(AugmentationOptions):
    """Options of `color_shift`."""

    method: Literal["channels", "pca"] = Field(
        default="channels",
        description="channels: a number for each of red, green and blue; pca: along the principal components of "
        "ImageNet's colors (Krizhevsky et al. 2012, section 4.1)",
    )
    stddev: float = Field(
        default=0.1, ge=0, le=1, description="standard deviation: as a share of 255; of pca: of each component's factor"
    )


class ProbabilityOptions(AugmentationOptions):
    """Options of `invert` and `grayscale`."""

    probability: float = Field(default=0.5, ge=0, le=1, description="how often it is done")


class BlurOptions(AugmentationOptions):
    """Options of `blur`."""

    sigma: float = Field(default=1.5, ge=0, le=5, description="largest standard deviation of the Gaussian, in pixels")


class JpegOptions(AugmentationOptions):
    """Options of `jpeg`."""

    low: int = Field(default=30, ge=1, le=95, description="lowest quality")
    high: int = Field(default=95, ge=1, le=95, description="highest quality")

    @model_validator(mode="after")
    def _in_order(self) -> JpegOptions:
        if self.low > self.high:
            raise ValueError(f"low={self.low} is above high={self.high}")
        return self


class CutoutOptions(AugmentationOptions):
    """Options of `cutout`."""

    side: float = Field(default=0.3, ge=0, le=1, description="side of the square, as a share of height and width")
    probability: float = Field(default=1.0, ge=0, le=1, description="how often a square is cut out")


SPECS: tuple[AugmentationSpec, ...] = tuple(
    AugmentationSpec(
        modality="image",
        name=name,
        summary=summary,
        tags=("color",),
        factory=f"zoo_vision.colors:{name}",
        options=f"zoo_vision.colors:{options}",
        boxes="unchanged",
        placement="pipeline" if name == "jpeg" else "either",
    )
    for name, summary, options in (
        ("brightness", "lighter or darker", "BrightnessOptions"),
        ("saturation", "stronger or weaker colors", "FactorOptions"),
        ("hue", "turn the color wheel", "HueOptions"),
        (
            "color_shift",
            "shift the colors, by channel or along the principal components (AlexNet)",
            "ColorShiftOptions",
        ),
        ("invert", "the negative, half of the time", "ProbabilityOptions"),
        ("grayscale", "without colors, half of the time", "ProbabilityOptions"),
        ("blur", "Gaussian blur", "BlurOptions"),
        ("jpeg", "save as JPEG of a low quality", "JpegOptions"),
        ("cutout", "cut out a square and fill it with the mean color", "CutoutOptions"),
    )
)

Affine = tuple["np.ndarray", "np.ndarray"]
"""Matrix (3, 3) and offset (3,): a color is mapped to matrix @ color + offset."""


class _Color:
    """Maps colors by a matrix and an offset that it draws from the seed."""

    def __init__(self, affine: Callable[[np.random.Generator], Affine]) -> None:
        self._affine = affine

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        numbers = self.draw(seed)
        return _pixels(image.astype("float32") @ numbers[:9].reshape(3, 3).T + numbers[9:])

    def draw(self, seed: int) -> np.ndarray:
        """Matrix and offset, twelve numbers."""
        import numpy as np

        matrix, offset = self._affine(np.random.default_rng(seed))
        return np.concatenate([np.reshape(matrix, 9), np.reshape(offset, 3)]).astype(np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        matrix = ops.reshape(drawn[:, :9], (-1, 3, 3))
        changed = ops.einsum("nhwc,ndc->nhwd", images, matrix) + drawn[:, None, None, 9:]
        return ops.clip(ops.round(changed), 0, 255)


def brightness(**options: Any) -> Any:
    """Make the image lighter or darker; options: `BrightnessOptions`."""
    import numpy as np

    chosen = BrightnessOptions(**options)
    return _Color(lambda draw: (np.eye(3), np.full(3, 255 * draw.uniform(-chosen.factor, chosen.factor))))


def saturation(**options: Any) -> Any:
    """Make colors stronger or weaker; options: `FactorOptions`."""
    import numpy as np

    chosen = FactorOptions(**options)

    def affine(draw: np.random.Generator) -> Affine:
        gain = draw.uniform(1 - chosen.factor, 1 + chosen.factor)
        return gain * np.eye(3) + (1 - gain) * np.tile(LUMA, (3, 1)), np.zeros(3)

    return _Color(affine)


def hue(**options: Any) -> Any:
    """Turn the color wheel, the brightness kept; options: `HueOptions`. The turn is one of the IQ plane of YIQ."""
    import numpy as np

    chosen = HueOptions(**options)
    to_yiq = np.array([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])

    def affine(draw: np.random.Generator) -> Affine:
        angle = math.radians(draw.uniform(-chosen.degrees, chosen.degrees))
        cos, sin = math.cos(angle), math.sin(angle)
        turn = np.array([(1, 0, 0), (0, cos, -sin), (0, sin, cos)])
        return np.linalg.inv(to_yiq) @ turn @ to_yiq, np.zeros(3)

    return _Color(affine)


def color_shift(**options: Any) -> Any:
    """Shift the colors; options: `ColorShiftOptions`."""
    import numpy as np

    chosen = ColorShiftOptions(**options)

    def affine(draw: np.random.Generator) -> Affine:
        numbers = draw.normal(0, chosen.stddev, 3)
        shift = np.array(EIGENVECTORS) @ (numbers * EIGENVALUES) if chosen.method == "pca" else numbers
        return np.eye(3), 255 * shift

    return _Color(affine)


def invert(**options: Any) -> Any:
    """Make the negative; options: `ProbabilityOptions`."""
    import numpy as np

    chosen = ProbabilityOptions(**options)

    def affine(draw: np.random.Generator) -> Affine:
        return (-np.eye(3), np.full(3, 255.0)) if draw.random() < chosen.probability else (np.eye(3), np.zeros(3))

    return _Color(affine)


def grayscale(**options: Any) -> Any:
    """Take the colors away; options: `ProbabilityOptions`."""
    import numpy as np

    chosen = ProbabilityOptions(**options)

    def affine(draw: np.random.Generator) -> Affine:
        return np.tile(LUMA, (3, 1)) if draw.random() < chosen.probability else np.eye(3), np.zeros(3)

    return _Color(affine)


def blur(**options: Any) -> Any:
    """Blur the image; options: `BlurOptions`."""
    return _Blur(BlurOptions(**options))


class _Blur:
    """Means over near pixels, weighted by a Gaussian; what lies outside is the picture mirrored at its border."""

    def __init__(self, chosen: BlurOptions) -> None:
        self._chosen = chosen
        self._reach = math.ceil(3 * chosen.sigma)

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np

        weights = self.draw(seed)
        blurred: Any = image.astype(np.float32)
        for axis in (0, 1):
            around = [(self._reach, self._reach) if axis == place else (0, 0) for place in range(3)]
            padded = np.pad(blurred, around, mode="symmetric")
            parts = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=axis)
            blurred = parts @ weights
        return _pixels(blurred)

    def draw(self, seed: int) -> np.ndarray:
        """The weights of the pixels along a row or column."""
        import numpy as np

        sigma = max(np.random.default_rng(seed).uniform(0, self._chosen.sigma), 1e-3)
        weights = np.exp(-0.5 * (np.arange(-self._reach, self._reach + 1) / sigma) ** 2)
        return (weights / weights.sum()).astype(np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        taps = 2 * self._reach + 1
        for axis in (1, 2):
            side = images.shape[axis]
            places = [_mirrored(place - self._reach, side) for place in range(side + taps - 1)]
            padded = ops.take(images, places, axis=axis)
            parts = [ops.take(padded, range(tap, tap + side), axis=axis) for tap in range(taps)]
            images = sum(part * drawn[:, tap, None, None, None] for tap, part in enumerate(parts))
        return ops.clip(ops.round(images), 0, 255)


def _mirrored(place: int, side: int) -> int:
    """The pixel that lies at a place outside, when the picture is mirrored at its border again and again."""
    place %= 2 * side
    return place if place < side else 2 * side - 1 - place


def jpeg(**options: Any) -> Any:
    """Save as JPEG and read again; options: `JpegOptions`."""
    chosen = JpegOptions(**options)

    def apply(image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np
        from PIL import Image

        quality = int(np.random.default_rng(seed).integers(chosen.low, chosen.high + 1))
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.array(Image.open(file).convert("RGB"))

    return apply


def cutout(**options: Any) -> Any:
    """Cut out a square; options: `CutoutOptions` (DeVries and Taylor 2017, arXiv 1708.04552)."""
    return _Cutout(CutoutOptions(**options))


class _Cutout:
    """Fills a square, whose center is anywhere, with the mean color of the picture."""

    def __init__(self, chosen: CutoutOptions) -> None:
        self._chosen = chosen

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np

        high, wide = image.shape[:2]
        down, right, half = (float(number) for number in self.draw(seed))
        top, bottom = max(round((down - half) * high), 0), max(round((down + half) * high), 0)
        left, end = max(round((right - half) * wide), 0), max(round((right + half) * wide), 0)
        changed = image.copy()
        changed[top:bottom, left:end] = _pixels(image.mean(axis=(0, 1), dtype=np.float64))
        return changed

    def draw(self, seed: int) -> np.ndarray:
        """The center, and half of the side, as shares of height and width."""
        import numpy as np

        down, right, often = np.random.default_rng(seed).random(3)
        half = self._chosen.side / 2 if often < self._chosen.probability else 0.0
        return np.array([down, right, half], np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        inside = []
        for column, side in ((0, images.shape[1]), (1, images.shape[2])):
            place = ops.arange(side, dtype="float32")[None]
            first = ops.round((drawn[:, column, None] - drawn[:, 2, None]) * side)
            last = ops.round((drawn[:, column, None] + drawn[:, 2, None]) * side)
            inside.append(ops.logical_and(place >= first, place < last))
        square = ops.logical_and(inside[0][:, :, None, None], inside[1][:, None, :, None])
        return ops.where(square, ops.round(ops.mean(images, axis=(1, 2), keepdims=True)), images)


def _pixels(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
