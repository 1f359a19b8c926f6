"""The hooks of zoo_video."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import AugmentationSpec, BackboneSpec, HeadSpec, ModalitySpec


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Clips."""
    from zoo_video.clips import SPECS

    return SPECS


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """Networks of images on every frame."""
    from zoo_video.backbones import SPECS

    return SPECS


@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """Heads that read sequences."""
    from zoo_video.heads import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """Changes of whole clips."""
    from zoo_video.augmentations import SPECS

    return SPECS
