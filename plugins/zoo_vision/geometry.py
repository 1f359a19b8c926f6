"""Augmentations that move pixels: crop, resized crop, height, width, shear, and local warping (elastic).

The first five are affine, so that boxes move with them and both placements give the same picture; see
`zoo_vision.augmentations` for what all of them have in common.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field

from zoo.specs import AugmentationSpec
from zoo_vision.moving import Move, Place
from zoo_vision.options import AugmentationOptions

if TYPE_CHECKING:
    import numpy as np


class CropOptions(AugmentationOptions):
    """Options of `crop`."""

    factor: float = Field(
        default=0.2, ge=0, le=0.9, description="largest share of the side that is cut off; the rest fills the picture"
    )


class ResizedCropOptions(AugmentationOptions):
    """Options of `resized_crop`."""

    area: float = Field(default=0.3, gt=0, le=1, description="smallest share of the area that is kept")
    ratio: float = Field(
        default=4 / 3, ge=1, le=4, description="largest ratio of the sides of what is kept, to those of the picture"
    )


class StretchOptions(AugmentationOptions):
    """Options of `height` and `width`."""

    factor: float = Field(
        default=0.2, ge=0, le=0.9, description="things get 1 - factor to 1 + factor times as long in this direction"
    )


class ShearOptions(AugmentationOptions):
    """Options of `shear`."""

    factor: float = Field(default=0.2, ge=0, le=1, description="largest shift, per pixel of distance from the center")


class ElasticOptions(AugmentationOptions):
    """Options of `elastic`."""

    strength: float = Field(
        default=0.03, ge=0, le=0.2, description="standard deviation of the shifts, as a share of the picture's side"
    )
    cells: int = Field(default=4, ge=2, le=16, description="places along each side that shift by themselves")


SPECS: tuple[AugmentationSpec, ...] = tuple(
    AugmentationSpec(
        modality="image",
        name=name,
        summary=summary,
        tags=("geometry",),
        factory=f"zoo_vision.geometry:{name}",
        options=f"zoo_vision.geometry:{options}",
        boxes="unsupported" if name == "elastic" else "moved",
        placement="either",
    )
    for name, summary, options in (
        ("crop", "cut off borders and fill the picture with the rest", "CropOptions"),
        ("resized_crop", "a part of any place, size and shape fills the picture", "ResizedCropOptions"),
        ("height", "make things taller or flatter", "StretchOptions"),
        ("width", "make things wider or narrower", "StretchOptions"),
        ("shear", "slant in both directions", "ShearOptions"),
        ("elastic", "warp locally, as if printed on rubber", "ElasticOptions"),
    )
)


def crop(**options: Any) -> Any:
    """Cut off borders; options: `CropOptions`."""
    chosen = CropOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        side, right, down = np.random.default_rng(seed).random(3)
        return _part(1 - chosen.factor * side, 1 - chosen.factor * side, right, down)

    return Move(place)


def resized_crop(**options: Any) -> Any:
    """Fill the picture with a part of it; options: `ResizedCropOptions`."""
    chosen = ResizedCropOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        area, shape, right, down = np.random.default_rng(seed).random(4)
        area = chosen.area + (1 - chosen.area) * area
        ratio = math.exp((2 * shape - 1) * math.log(chosen.ratio))
        return _part(min(math.sqrt(area * ratio), 1), min(math.sqrt(area / ratio), 1), right, down)

    return Move(place)


def _part(wide: float, high: float, right: float, down: float) -> Place:
    """Where pixels are read, when a part of the picture fills it; its place is two numbers 0..1."""
    return (wide, 0.0, 0.0, high), ((1 - wide) * (right - 0.5), (1 - high) * (down - 0.5))


def height(**options: Any) -> Any:
    """Make things taller or flatter; options: `StretchOptions`."""
    chosen = StretchOptions(**options)
    return Move(lambda seed: ((1.0, 0.0, 0.0, 1 / _scale(chosen, seed)), (0.0, 0.0)))


def width(**options: Any) -> Any:
    """Make things wider or narrower; options: `StretchOptions`."""
    chosen = StretchOptions(**options)
    return Move(lambda seed: ((1 / _scale(chosen, seed), 0.0, 0.0, 1.0), (0.0, 0.0)))


def _scale(chosen: StretchOptions, seed: int) -> float:
    import numpy as np

    return float(np.random.default_rng(seed).uniform(1 - chosen.factor, 1 + chosen.factor))


def shear(**options: Any) -> Any:
    """Slant the picture; options: `ShearOptions`."""
    chosen = ShearOptions(**options)

    def place(seed: int) -> Place:
        import numpy as np

        sideways, upward = np.random.default_rng(seed).uniform(-chosen.factor, chosen.factor, 2)
        upward *= abs(sideways) < 0.5  # both at once strongly would turn the picture inside out
        return (1.0, float(sideways), float(upward), 1.0), (0.0, 0.0)

    return Move(place)


def elastic(**options: Any) -> Any:
    """Warp locally; options: `ElasticOptions`."""
    return _Elastic(ElasticOptions(**options))


class _Elastic:
    """Reads each pixel beside its place, by shifts that change smoothly over the picture.

    As Simard, Steinkraus and Platt 2003 (doi 10.1109/ICDAR.2003.1227801), with a coarse grid of normal shifts between
    which a raised cosine goes over, in place of a blurred field: few numbers, so that they can be drawn beforehand.
    """

    def __init__(self, chosen: ElasticOptions) -> None:
        self._chosen = chosen

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        import numpy as np

        if not self._chosen.strength:
            return image.copy()
        high, wide = image.shape[:2]
        grid = self.draw(seed).reshape(2, self._chosen.cells, self._chosen.cells)
        down, right = self._weights(high) @ grid @ self._weights(wide).T
        rows = np.clip(np.arange(high)[:, None] + down * high, 0, high - 1)
        columns = np.clip(np.arange(wide)[None] + right * wide, 0, wide - 1)
        top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
        below, beside = np.minimum(top + 1, high - 1), np.minimum(left + 1, wide - 1)
        y, x = (rows - top)[..., None], (columns - left)[..., None]
        upper = image[top, left] * (1 - x) + image[top, beside] * x
        lower = image[below, left] * (1 - x) + image[below, beside] * x
        return np.clip(np.rint(upper * (1 - y) + lower * y), 0, 255).astype(np.uint8)

    def draw(self, seed: int) -> np.ndarray:
        """The shifts down and right at the places of the grid, in sides of the picture."""
        import numpy as np

        count = 2 * self._chosen.cells**2
        return (np.random.default_rng(seed).standard_normal(count) * self._chosen.strength).astype(np.float32)

    def _weights(self, side: int) -> np.ndarray:
        """How much each place of the grid counts at each pixel of a side: float32 (side, cells), rows add up to 1."""
        import numpy as np

        cells = self._chosen.cells
        position = np.linspace(0, cells - 1, side) if side > 1 else np.zeros(1)
        distance = np.abs(position[:, None] - np.arange(cells)[None])
        return (0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1))).astype(np.float32)

    def in_graph(self, images: Any, drawn: Any) -> Any:
        """The same in a graph."""
        from keras import ops

        high, wide = images.shape[1:3]
        grid = ops.reshape(drawn, (-1, 2, self._chosen.cells, self._chosen.cells))
        shift = ops.einsum("hi,nkij,wj->nkhw", self._weights(high), grid, self._weights(wide))
        rows = ops.clip(ops.arange(high, dtype="float32")[None, :, None] + shift[:, 0] * high, 0, high - 1)
        columns = ops.clip(ops.arange(wide, dtype="float32")[None, None] + shift[:, 1] * wide, 0, wide - 1)
        top, left = ops.floor(rows), ops.floor(columns)
        below, beside = ops.minimum(top + 1, high - 1), ops.minimum(left + 1, wide - 1)
        y, x = (rows - top)[..., None], (columns - left)[..., None]
        flat = ops.reshape(images, (-1, high * wide, 3))

        def at(row: Any, column: Any) -> Any:
            places = ops.cast(ops.reshape(row * wide + column, (-1, high * wide, 1)), "int32")
            return ops.reshape(ops.take_along_axis(flat, ops.repeat(places, 3, axis=2), axis=1), (-1, high, wide, 3))

        upper = at(top, left) * (1 - x) + at(top, beside) * x
        lower = at(below, left) * (1 - x) + at(below, beside) * x
        return ops.clip(ops.round(upper * (1 - y) + lower * y), 0, 255)
