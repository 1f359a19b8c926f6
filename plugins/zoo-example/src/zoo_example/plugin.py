"""The hooks of zoo-example: each returns specs, which are data, and imports no framework."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import (
    AugmentationSpec,
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    HeadSpec,
    LabelSet,
    ModalitySpec,
)


@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """Heads."""
    from zoo_example.heads import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """Augmentations."""
    from zoo_example.augmentations import SPECS
    from zoo_example.signals import AUGMENTATIONS

    return (*SPECS, *AUGMENTATIONS)


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """Datasets."""
    from zoo_example.datasets import SPECS

    return SPECS


@hookimpl
def zoo_label_sets() -> tuple[LabelSet, ...]:
    """Label sets."""
    from zoo_example.label_sets import SPECS

    return SPECS


@hookimpl
def zoo_commands() -> tuple[CommandSpec, ...]:
    """Commands."""
    from zoo_example.commands import SPECS

    return SPECS


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Modalities."""
    from zoo_example.signals import SPECS

    return SPECS


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """Backbones."""
    from zoo_example.signals import BACKBONES

    return BACKBONES
