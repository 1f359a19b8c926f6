"""The first six image augmentations: flip, rotation, zoom, translation, contrast, noise; Pillow and numpy on uint8.

More are in `geometry`, `colors` and `policies`, and keep to the same rules.

Each factory takes options and gives a function (image uint8 (h, w, 3), seed) -> uint8 of the same shape. The same seed
gives the same image; an option of 0 gives the image itself, bit for bit. Those that move pixels also take boxes
(float32 (k, 4): x_min, y_min, x_max, y_max as shares of width and height) and then give (image, boxes). All but noise
also run in the training graph: `draw(seed)` on the CPU, and `in_graph(images, drawn)` with `keras.ops`.

What comes into the picture from outside (rotation, zoom, translation) is the picture mirrored at its border. Black
corners would be something the network never meets when it is used, and would give away how far a picture was turned;
the mirrored border has the colors and textures of the photo. Keras's layers do the same (`fill_mode="reflect"`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from zoo.specs import AugmentationSpec
from zoo_vision.moving import Move, Place
from zoo_vision.options import AugmentationOptions

if TYPE_CHECKING:
    import numpy as np

    Augmentation = Callable[..., Any]


class FlipOptions(AugmentationOptions):
    """Options of `flip`."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = Field(
        default="horizontal",
        description="which way to mirror; each way with probability 1/2 (Keras RandomFlip's words)",
    )


class RotationOptions(AugmentationOptions):
    """Options of `rotation`."""

    degrees: float = Field(
        default=15.0, ge=0, le=180, description="largest turn to either side, in degrees; every angle is equally likely"
    )


class ZoomOptions(AugmentationOptions):
    """Options of `zoom`."""

    factor: float = Field(
        default=0.2,
        ge=0,
        le=0.9,
        description="largest change of scale: things get 1 - factor to 1 + factor times as large, the shape kept",
    )


class TranslationOptions(AugmentationOptions):
    """Options of `translation`."""

    factor: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="largest shift, as a share of the height (down, up) and width (left, right)",
    )


class ContrastOptions(AugmentationOptions):
    """Options of `contrast`."""

    factor: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="(x - mean) * u + mean, with u from 1 - factor to 1 + factor and the mean of each channel",
    )


class NoiseOptions(AugmentationOptions):
    """Options of `noise`."""

    stddev: float = Field(
        default=8.0, ge=0, le=128, description="standard deviation of Gaussian noise, in levels of 0..255"
    )


SPECS: tuple[AugmentationSpec, ...] = tuple(
    AugmentationSpec(
        modality="image",
        name=name,
        summary=summary,
        tags=tags,
        factory=f"zoo_vision.augmentations:{name}",
        options=f"zoo_vision.augmentations:{options}",
        boxes="moved" if "geometry" in tags else "unchanged",
        placement="pipeline" if name == "noise" else "either",  # a number for every pixel is drawn on the CPU
    )
    for name, summary, tags, options in (
        ("flip", "mirror left and right (or up and down), half of the time", ("geometry",), "FlipOptions"),
        ("rotation", "turn about the center", ("geometry",), "RotationOptions"),
        ("zoom", "make larger or smaller about the center", ("geometry",), "ZoomOptions"),
        ("translation", "shift in both directions", ("geometry",), "TranslationOptions"),
        ("contrast", "more or less contrast", ("color",), "ContrastOptions"),
        ("noise", "Gaussian noise on every pixel", ("color",), "NoiseOptions"),
    )
)


def flip(**options: Any) -> Augmentation:
    """Mirror the image; options: `FlipOptions`."""
    return _Flip(FlipOptions(**options))


def rotation(**options: Any) -> Augmentation:
    """Turn the image about its center; options: `RotationOptions`."""
    chosen = RotationOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        angle = math.radians(np.random.default_rng(seed).uniform(-chosen.degrees, chosen.degrees))
        cos, sin = math.cos(angle), math.sin(angle)
        return (cos, -sin, sin, cos), (0.0, 0.0)

    return Move(place)


def zoom(**options: Any) -> Augmentation:
    """Make the image larger or smaller about its center; options: `ZoomOptions`."""
    chosen = ZoomOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        scale = np.random.default_rng(seed).uniform(1 - chosen.factor, 1 + chosen.factor)
        return (1 / scale, 0.0, 0.0, 1 / scale), (0.0, 0.0)

    return Move(place)


def translation(**options: Any) -> Augmentation:
    """Shift the image; options: `TranslationOptions`."""
    chosen = TranslationOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        right, down = np.random.default_rng(seed).uniform(-chosen.factor, chosen.factor, 2)
        return (1.0, 0.0, 0.0, 1.0), (-right, -down)

    return Move(place)


def contrast(**options: Any) -> Augmentation:
    """Give the image more or less contrast; options: `ContrastOptions`."""
    return _Contrast(ContrastOptions(**options))


def noise(**options: Any) -> Augmentation:
    """Add Gaussian noise; options: `NoiseOptions`."""
    chosen = NoiseOptions(**options)

    def apply(image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np

        grain = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
        return _pixels(image + grain * np.float32(chosen.stddev))

    return apply


class _Flip:
    """Mirrors images, each way half of the time."""

    def __init__(self, chosen: FlipOptions) -> None:
        self._chosen = chosen

    def __call__(self, image: np.ndarray, seed: int, boxes: np.ndarray | None = None) -> Any:
        import numpy as np

        sideways, upside_down = self.draw(seed)
        if sideways:
            image = image[:, ::-1]
            boxes = (
                None
                if boxes is None
                else np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)
            )
        if upside_down:
            image = image[::-1]
            boxes = (
                None
                if boxes is None
                else np.stack([boxes[:, 0], 1 - boxes[:, 3], boxes[:, 2], 1 - boxes[:, 1]], axis=1)
            )
        image = np.ascontiguousarray(image)
        return image if boxes is None else (image, boxes)

    def draw(self, seed: int) -> np.ndarray:
        """Whether left and right are mirrored, and whether up and down are."""
        import numpy as np

        allowed = [self._chosen.mode != "vertical", self._chosen.mode != "horizontal"]
        return np.array((np.random.default_rng(seed).random(2) < 0.5) & allowed, np.int32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        for axis in (2, 1):
            mirrored = ops.reshape(drawn[:, 2 - axis] == 1, (-1, 1, 1, 1))
            images = ops.where(mirrored, ops.flip(images, axis=axis), images)
        return images


class _Contrast:
    """Moves pixels away from the mean of their channel, or toward it."""

    def __init__(self, chosen: ContrastOptions) -> None:
        self._chosen = chosen

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np

        mean = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        return _pixels((image - mean) * self.draw(seed) + mean)

    def draw(self, seed: int) -> np.ndarray:
        """The factor."""
        import numpy as np

        gain = np.random.default_rng(seed).uniform(1 - self._chosen.factor, 1 + self._chosen.factor)
        return np.array([gain], np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        changed = (images - mean) * ops.reshape(drawn, (-1, 1, 1, 1)) + mean
        return ops.clip(ops.round(changed), 0, 255)


def _pixels(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
