"""The hooks of zoo_text."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import AugmentationSpec, BackboneSpec, DatasetSpec, ModalitySpec


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Texts."""
    return (
        ModalitySpec(
            name="text",
            summary="texts: one file, one line, or one cell of a table an example",
            modality="zoo_text.texts:Texts",
            extensions=(".txt",),
            table="cells",
            default_backbone="tfidf",
            pipeline="text-classification",
        ),
    )


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """TF-IDF, embedded words, and a pretrained sentence encoder."""
    from zoo_text.backbones import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """Words left out, words swapped."""
    from zoo_text.augmentations import SPECS

    return SPECS


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """Files of which each line is an example."""
    from zoo_text.datasets import SPECS

    return SPECS
