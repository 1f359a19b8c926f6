"""A model on the tiny backbone, for what does not depend on the network: tracing a real one takes seconds a fit."""

from __future__ import annotations

from typing import Any

import zoo
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone


def tiny_model(head: Any = None, **options: Any) -> zoo.TransferModel:
    """A base of three stages (stem, stage1, stage2) with BatchNorm, for 32 x 32 pixels; the head: "left", "right"."""
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    return zoo.build(tiny_backbone(), head or zoo.classifier(["left", "right"]), preprocessing=numbers, **options)
