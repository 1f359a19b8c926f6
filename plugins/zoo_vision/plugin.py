"""The hooks of zoo_vision."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import AugmentationSpec, DatasetSpec, HeadSpec, ModalitySpec, RecipeSpec


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Pictures."""
    from zoo_vision.images import SPECS

    return SPECS


@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """Linear and mlp."""
    from zoo_vision.heads import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """What moves pixels, what changes their colors, and policies over both."""
    from zoo_vision import augmentations, colors, geometry, policies

    return (*augmentations.SPECS, *geometry.SPECS, *colors.SPECS, *policies.SPECS)


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
