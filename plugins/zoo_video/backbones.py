"""The backbones of clips, as rows of the catalog."""

from __future__ import annotations

from typing import Any

from zoo.specs import BackboneSpec

_COMMON: dict[str, Any] = {
    "family": "frozen network of images on every frame",
    "paper": "Donahue et al. 2015, Long-term Recurrent Convolutional Networks, arXiv 1411.4389; likeness of moved maps "
    "after Dosovitskiy et al. 2015, FlowNet, arXiv 1504.06852",
    "modality": "video",
    "builder": "zoo_video.network:build_frames",
    "intake_options": {"frames": 8, "size": 128},
    "output": "tokens",
    "cuts": ("clip_features",),
    "portable": True,
}

SPECS = (
    BackboneSpec(
        name="video_frames",
        summary="what each frame shows, and what moves between frames, by a frozen network of images",
        builder_options={
            "backbone": "efficientnet_lite0", "weights": "pretrained", "appearance": True, "motion": True,
        },
        **_COMMON,
    ),
    BackboneSpec(
        name="video_motion",
        summary="what moves between frames alone: for labels of motion, whatever is seen",
        builder_options={
            "backbone": "efficientnet_lite0", "weights": "pretrained", "appearance": False, "motion": True,
        },
        **_COMMON,
    ),
)  # fmt: skip
