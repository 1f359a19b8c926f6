"""Fine-tuning from a cached prefix: what the frozen first stages give is computed once, only the rest is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from zoo import settings
from zoo.compose import Composition, on_one_device
from zoo.features.cache import free_disk
from zoo.keras_internals import input_in, output_in
from zoo.training.descent import devices

WORTH = 0.15
"""Share of the multiply-adds that must lie in the prefix: below that, reading it from disk costs what it saves."""


@dataclass(frozen=True)
class Cut:
    """A training graph in two parts that share its layers.

    Attributes:
        stage: the last frozen stage.
        prefix: arrays (n, size, size, channels) -> the tensor behind that stage.
        suffix: that tensor -> what the loss is computed of.
        share: multiply-adds of the prefix, as a share of those of the base.
    """

    stage: str
    prefix: Any
    suffix: Any
    share: float


def cut(composition: Composition, training: Sequence[str]) -> Cut | None:
    """Cut the training graph behind the last frozen stage.

    Args:
        composition: the model; its weights stay shared with both parts.
        training: names of the stages that train: the last ones.

    Returns:
        The two parts; None where all stages train, or no single tensor leads from the frozen ones to the others.
    """
    from zoo.architectures.facts import multiply_adds  # here, not above: it loads Keras

    stages = composition.stages
    frozen = [stage for stage in stages if stage.name not in training]
    if not frozen or not training or frozen[-1].cut is None or stages[: len(frozen)] != frozen:
        return None
    parts = halves(composition, frozen[-1].cut.output)
    share = multiply_adds(parts.inside) / max(multiply_adds(composition.backbone), 1)
    return Cut(stage=frozen[-1].name, prefix=parts.prefix, suffix=parts.suffix, share=share)


class Halves(NamedTuple):
    """A training graph in two parts that share its layers.

    Attributes:
        inside: the part of the base in front of the boundary.
        prefix: arrays (n, size, size, channels) -> the boundary.
        suffix: the boundary -> what the loss is computed of.
    """

    inside: Any
    prefix: Any
    suffix: Any


def halves(composition: Composition, boundary: Any) -> Halves:
    """Cut the training graph at a tensor of the base that everything passes through.

    Args:
        composition: the model; its weights stay shared with both parts.
        boundary: the tensor, of the base's own graph.
    """
    import keras

    base = composition.backbone
    inside = keras.Model(base.inputs[0], boundary, name="prefix_stages")
    prefix = on_one_device(
        keras.Model(composition.training.input, inside(input_in(composition.serving, base)), name="prefix")
    )
    start = keras.Input(boundary.shape[1:], dtype=boundary.dtype, name="boundary")
    rest = start
    if boundary is not base.outputs[0]:
        rest = keras.Model(boundary, base.outputs[0], name="suffix_stages")(start)
    answer = composition.training.output
    if answer is not output_in(composition.serving, base):  # it is for the pretrained classifier
        rest = keras.Model(output_in(composition.serving, base), answer, name="suffix_head")(rest)
    with devices.scope(composition.training):
        suffix = keras.Model(start, rest, name="suffix")
    return Halves(inside, prefix, suffix)


def pays(parts: Cut, *, images: int, epochs: int, views: int = 1) -> str:
    """Whether a cached prefix saves time here; "" if it does, else why not.

    The prefix is computed once for each view instead of once an epoch, so nothing is saved in as many epochs. All its
    outputs are kept on disk, which must have room.

    Args:
        parts: where the graph is cut.
        images: outputs to keep, all views together.
        epochs: passes over the data.
        views: how often each image is there.
    """
    if epochs <= views:
        if views == 1:
            return "one epoch runs through the whole network once anyway"
        return f"{epochs} epochs run through the whole network no more often than {views} views"
    if parts.share < WORTH:
        return f"the frozen stages do {parts.share:.0%} of the work only"
    needed = bytes_needed(parts, images)
    limit = settings.cache_limit() // 2
    room = free_disk() // 2
    if needed > min(limit, room):
        return (
            f"the outputs of the frozen stages would take {needed / 1e9:.1f} GB; half of the cache limit is "
            f"{limit / 1e9:.1f} GB, half of the free disk {room / 1e9:.1f} GB"
        )
    return ""


def bytes_needed(parts: Cut, images: int) -> int:
    """Bytes on disk of the prefix's output for so many images."""
    return images * math.prod(parts.prefix.output_shape[1:]) * np.dtype(settings.features_dtype()).itemsize
