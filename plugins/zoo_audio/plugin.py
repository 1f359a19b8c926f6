"""The hooks of zoo_audio."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import AugmentationSpec, BackboneSpec, ModalitySpec


@hookimpl
def zoo_modalities() -> tuple[ModalitySpec, ...]:
    """Sounds."""
    return (
        ModalitySpec(
            name="audio",
            summary="sounds: wav, flac, ogg, mp3",
            modality="zoo_audio.sounds:Sounds",
            extensions=(".wav", ".flac", ".ogg", ".mp3"),
            default_backbone="speech-embedding",
            pipeline="audio-classification",
        ),
    )


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """The speech embedding, and a network to train from random weights."""
    from zoo_audio.backbones import SPECS

    return SPECS


@hookimpl
def zoo_augmentations() -> tuple[AugmentationSpec, ...]:
    """Noise, time shift, speed, pitch, volume, masks."""
    from zoo_audio.augmentations import SPECS

    return SPECS
