"""Random changes of a clip: the same one for every frame, or the motion would be one of the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from zoo.specs import AugmentationSpec


class ShiftOptions(BaseModel):
    """Options of `clip-shift`."""

    model_config = ConfigDict(extra="forbid")

    factor: float = Field(default=0.1, ge=0, le=0.5, description="largest shift, as a share of height and width")


class ContrastOptions(BaseModel):
    """Options of `clip-contrast`."""

    model_config = ConfigDict(extra="forbid")

    factor: float = Field(default=0.2, ge=0, lt=1, description="contrast is multiplied by 1 - factor to 1 + factor")


SPECS = (
    AugmentationSpec(
        name="clip-shift",
        summary="move all frames of a clip by the same step; the border is repeated",
        modality="video",
        factory="zoo_video.augmentations:shift",
        options="zoo_video.augmentations:ShiftOptions",
    ),
    AugmentationSpec(
        name="clip-contrast",
        summary="more or less contrast, the same in all frames of a clip",
        modality="video",
        factory="zoo_video.augmentations:contrast",
        options="zoo_video.augmentations:ContrastOptions",
    ),
)

Change = Callable[[np.ndarray, int], np.ndarray]


def shift(*, factor: float = 0.1) -> Change:
    """Return (uint8 (t, h, w, 3), seed) -> the same, all frames moved alike."""

    def change(clip: np.ndarray, seed: int) -> np.ndarray:
        height, width = clip.shape[1:3]
        draw = np.random.default_rng(seed).uniform(-factor, factor, 2)
        down, right = (round(float(share) * side) for share, side in zip(draw, (height, width), strict=True))
        rows = np.clip(np.arange(height) - down, 0, height - 1)
        columns = np.clip(np.arange(width) - right, 0, width - 1)
        return clip[:, rows][:, :, columns]

    return change


def contrast(*, factor: float = 0.2) -> Change:
    """Return (uint8 (t, h, w, 3), seed) -> the same, all frames with one contrast about the mean of the clip."""

    def change(clip: np.ndarray, seed: int) -> np.ndarray:
        by = np.random.default_rng(seed).uniform(1 - factor, 1 + factor)
        mean: Any = clip.mean(axis=(0, 1, 2), dtype=np.float64)
        return np.clip(np.rint((clip - mean) * by + mean), 0, 255).astype(np.uint8)

    return change
