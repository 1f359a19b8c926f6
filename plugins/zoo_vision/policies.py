"""Policies over augmentations: RandAugment and TrivialAugment choose for each photo what is done, and how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from zoo.specs import AugmentationSpec
from zoo_vision import augmentations, colors, geometry
from zoo_vision.options import AugmentationOptions

if TYPE_CHECKING:
    import numpy as np

CHOICES: Mapping[str, tuple[Callable[..., Any], Callable[[float], dict[str, Any]]]] = {
    "identity": (geometry.crop, lambda much: {"factor": 0}),
    "rotation": (augmentations.rotation, lambda much: {"degrees": 30 * much}),
    "zoom": (augmentations.zoom, lambda much: {"factor": 0.4 * much}),
    "translation": (augmentations.translation, lambda much: {"factor": 0.3 * much}),
    "shear": (geometry.shear, lambda much: {"factor": 0.3 * much}),
    "contrast": (augmentations.contrast, lambda much: {"factor": 0.9 * much}),
    "brightness": (colors.brightness, lambda much: {"factor": 0.5 * much}),
    "saturation": (colors.saturation, lambda much: {"factor": 0.9 * much}),
    "hue": (colors.hue, lambda much: {"degrees": 60 * much}),
    "color_shift": (colors.color_shift, lambda much: {"stddev": 0.2 * much}),
    "blur": (colors.blur, lambda much: {"sigma": 2 * much}),
    "cutout": (colors.cutout, lambda much: {"side": 0.4 * much}),
}
"""Name -> what makes it, and its options at a strength 0..1."""

_MOVING = {"identity", "rotation", "zoom", "translation", "shear"}


class RandAugmentOptions(AugmentationOptions):
    """Options of `randaugment`."""

    count: int = Field(default=2, ge=1, le=8, description="operations, one after another, for each photo")
    magnitude: float = Field(default=0.5, ge=0, le=1, description="strength of each: the bound that it draws within")


class TrivialAugmentOptions(AugmentationOptions):
    """Options of `trivialaugment`."""

    magnitude: float = Field(default=1.0, ge=0, le=1, description="largest strength; each photo draws its own")


SPECS: tuple[AugmentationSpec, ...] = (
    AugmentationSpec(
        modality="image",
        name="randaugment",
        summary="some operations drawn for each photo, all of one strength (Cubuk et al. 2019, arXiv 1909.13719)",
        tags=("policy",),
        factory="zoo_vision.policies:randaugment",
        options="zoo_vision.policies:RandAugmentOptions",
        boxes="moved",
    ),
    AugmentationSpec(
        modality="image",
        name="trivialaugment",
        summary="one operation of a drawn strength for each photo (Mueller and Hutter 2021, arXiv 2103.10158)",
        tags=("policy",),
        factory="zoo_vision.policies:trivialaugment",
        options="zoo_vision.policies:TrivialAugmentOptions",
        boxes="moved",
    ),
)


def randaugment(**options: Any) -> Any:
    """Do some operations, all of one strength; options: `RandAugmentOptions`."""
    chosen = RandAugmentOptions(**options)
    return _Policy(chosen.count, lambda draw: chosen.magnitude)


def trivialaugment(**options: Any) -> Any:
    """Do one operation of a drawn strength; options: `TrivialAugmentOptions`."""
    chosen = TrivialAugmentOptions(**options)
    return _Policy(1, lambda draw: chosen.magnitude * float(draw.random()))


class _Policy:
    """Draws operations and does them, boxes with them."""

    def __init__(self, count: int, strength: Callable[[np.random.Generator], float]) -> None:
        self._count = count
        self._strength = strength

    def __call__(self, image: np.ndarray, seed: int, boxes: np.ndarray | None = None) -> Any:
        import numpy as np

        draw = np.random.default_rng(seed)
        image = image.copy()
        for number in draw.integers(len(CHOICES), size=self._count):
            name = list(CHOICES)[number]
            make, options = CHOICES[name]
            apply = make(**options(self._strength(draw)))
            own = int(draw.integers(2**31))
            if boxes is not None and name in _MOVING:
                image, boxes = apply(image, own, boxes=boxes)
            else:
                image = apply(image, own)
        return image if boxes is None else (image, boxes)
