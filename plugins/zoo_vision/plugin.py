"""The hooks of zoo_vision."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import AugmentationSpec, DatasetSpec, HeadSpec, RecipeSpec


@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """Linear and mlp."""
    from zoo_vision.heads import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """Flip, rotation, zoom, translation, contrast, noise."""
    from zoo_vision.augmentations import SPECS

    return SPECS


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """Folders of class folders."""
    from zoo_vision.datasets import SPECS

    return SPECS


@hookimpl
def zoo_recipes() -> tuple[RecipeSpec, ...]:
    """Probe, head, lp-ft, gradual, surgical, full, scratch."""
    from zoo_vision.recipes import SPECS

    return SPECS
