"""Augmentation in the training graph: a layer in front of a model, for as long as that trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.augment.ops import Op, derive
from zoo.errors import OptionError
from zoo.pictures.colors import gray_in_graph

Drawn = dict[str, np.ndarray]
"""Name of an input of the graph -> the random numbers of one image, or of a batch of them."""

INPUTS = "inputs"
"""Name of the input for the images, beside those for what was drawn."""


def check_in_graph(ops: Sequence[Op], *, boxes: bool) -> None:
    """Refuse ops that a graph cannot run.

    Args:
        ops: from `resolve`.
        boxes: whether the model answers with boxes: where they move to is only known in the pipeline.

    Raises:
        OptionError: one of them runs in the pipeline only; names it.
    """
    for op in ops:
        if op.in_graph is None:
            raise OptionError(
                f"augmentation {op.name!r} of {op.provider} runs in the pipeline only: leave augment_in='graph' out, "
                f"or take a Keras layer for it"
            )
        if boxes and op.boxes != "unchanged":
            raise OptionError(
                f"augmentation {op.name!r} moves boxes, which the graph does not see: leave augment_in='graph' out"
            )


def draws(ops: Sequence[Op], *, seed: int, epoch: int) -> Callable[[int], Drawn]:
    """What is drawn for each image of one epoch, with the seeds that `transform` uses.

    Args:
        ops: those that `in_front_of` runs.
        seed: of the run.
        epoch: number of the pass over the data.

    Returns:
        Index into the dataset -> input of the graph -> its random numbers.
    """
    known = _inputs(ops)

    def drawn(index: int) -> Drawn:
        return {name: op.draw(derive(seed, epoch, index, place)) for place, (name, op) in enumerate(known.items())}

    return drawn


def in_front_of(model: Any, ops: Sequence[Op], *, pictures: bool = True) -> Any:
    """A Keras model that augments its images and gives them to another, while it trains; otherwise they pass through.

    Both share their layers and weights. The new model is for `fit` alone: what is served is the other.

    Args:
        model: from float32 arrays; of pictures (n, h, w, 3 or 1), values 0..255.
        ops: those to run, in order; every one has been applied to an image before (Keras layers are built then).
        pictures: whether the arrays are pictures: ops see three channels of a gray one too.

    Returns:
        A model whose input is a mapping: `INPUTS`, and the draws of each op.
    """
    import keras

    known = _inputs(ops)
    one_channel = pictures and model.input_shape[-1] == 1

    class Augment(keras.layers.Layer):
        """Runs the ops while training."""

        def call(self, arrays: Any, drawn: Any, training: bool | None = None) -> Any:
            if not training:
                return arrays
            images = keras.ops.repeat(arrays, 3, axis=-1) if one_channel else arrays
            for name, op in known.items():
                images = op.apply(images, drawn[name])
            return gray_in_graph(images) if one_channel else images

    arrays = keras.Input(model.input_shape[1:], name=INPUTS, dtype="float32")
    drawn = {}
    for name, op in known.items():
        example = op.draw(0)
        drawn[name] = keras.Input(example.shape, name=name, dtype=str(example.dtype))
    augmented = Augment(name="augment", dtype="float32")(arrays, drawn)
    return keras.Model({INPUTS: arrays, **drawn}, model(augmented), name="augmented")


def _inputs(ops: Sequence[Op]) -> dict[str, Any]:
    return {f"augment_{place}": op.in_graph for place, op in enumerate(ops)}
