"""The augmentations of zoo-example: random changes of a training picture; its boxes move along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from zoo.specs import AugmentationSpec

if TYPE_CHECKING:
    import numpy as np


class ZoomOutOptions(BaseModel):
    """Options of `zoom-out`."""

    model_config = ConfigDict(extra="forbid")

    smallest: float = Field(
        default=0.6, gt=0, le=1, description="smallest side of the picture after shrinking, as a share of the side"
    )


SPECS = (
    AugmentationSpec(
        modality="image",
        name="zoom-out",
        summary="a smaller picture at a random place on a ground of its mean color",
        tags=("example", "geometry"),
        factory="zoo_example.augmentations:zoom_out",
        options="zoo_example.augmentations:ZoomOutOptions",
        boxes="moved",  # so zoo calls the function with boxes= where a model answers with a box
    ),
)


def zoom_out(smallest: float = 0.6) -> Callable[..., Any]:
    """Shrink the picture (the "zoom out" of Liu et al. 2016, arXiv 1512.02325, section 3.6) within its own size.

    Args:
        smallest: smallest side after shrinking, as a share of the side; every share up to 1 is equally likely.

    Returns:
        (picture uint8 (h, w, 3), seed) -> uint8 of the same shape; with boxes= (float32 (k, 4) as shares 0..1) the
        picture and its boxes. All randomness comes from the seed.
    """

    def apply(picture: np.ndarray, seed: int, boxes: np.ndarray | None = None) -> Any:
        import numpy as np
        from PIL import Image

        height, width = picture.shape[:2]
        share, right, down = np.random.default_rng(seed).uniform((smallest, 0, 0), 1)
        small_width, small_height = max(1, round(width * share)), max(1, round(height * share))
        left, top = round((width - small_width) * right), round((height - small_height) * down)
        result = np.empty_like(picture)
        result[:] = np.rint(picture.mean(axis=(0, 1)))
        small = Image.fromarray(picture).resize((small_width, small_height), Image.Resampling.BILINEAR)
        result[top : top + small_height, left : left + small_width] = np.asarray(small)
        if boxes is None:
            return result
        scale = np.array([small_width / width, small_height / height] * 2)
        moved = boxes * scale + np.array([left / width, top / height] * 2)
        return result, moved.clip(0, 1).astype(np.float32)

    return apply
