"""The head flowers5: five flowers, with weights trained on efficientnet_lite0."""

from __future__ import annotations

import json
from pathlib import Path

from zoo.specs import HeadSpec, TrainedHead

LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

_TRAINED = Path(__file__).parent / "weights" / "flowers5.json"
"""Records of the shipped weights, written by tools/train_flowers_head.py beside them."""


def _trained() -> tuple[TrainedHead, ...]:
    if not _TRAINED.is_file():
        return ()
    return tuple(TrainedHead.model_validate(record) for record in json.loads(_TRAINED.read_text(encoding="utf-8")))


SPECS = (
    HeadSpec(
        name="flowers5",
        summary="daisy, dandelion, roses, sunflowers or tulips; trained weights for efficientnet_lite0 included",
        labels=LABELS,
        factory="zoo_vision.heads:linear",
        options="zoo_vision.options:Linear",
        dataset="flowers5",
        trained=_trained(),
    ),
)
