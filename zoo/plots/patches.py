"""What a filter looks for, in numbers: the patches of a data set that most activate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.architectures.receptive import receptive_fields
from zoo.compose import Composition, as_inputs
from zoo.data import Dataset, batches
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.keras_internals import input_in
from zoo.plots.cells import as_map, fields_of_patches, is_map, side_of

_BATCH = 32

OUTSIDE = 128
"""Gray of the part of a patch that lies outside the picture."""


@dataclass(frozen=True, eq=False)
class Patch:
    """One place in one picture that activates a filter.

    Attributes:
        id: the picture.
        index: its index in the data set.
        value: the activation there.
        cell: row and column in the feature map.
        box: left, top, right, bottom (the last two not included) of what that cell sees, in px of the model's
            input; may reach beyond it.
        array: uint8 (height, width, 3), that part of the input; gray outside of the picture.
    """

    id: str
    index: int
    value: float
    cell: tuple[int, int]
    box: tuple[int, int, int, int]
    array: np.ndarray


def layer_output(composition: Composition, layer: str) -> Any:
    """The tensor behind a stage or a layer of the base.

    Raises:
        OptionError: there is neither, or the stage ends in no single tensor; names what is near.
    """
    stages = {stage.name: stage for stage in composition.stages}
    if layer in stages:
        cut = stages[layer].cut
        if cut is None:
            raise OptionError(f"{layer} of this base ends in more than one tensor: name a layer")
        return cut.output
    layers = {item.name: item for item in composition.backbone.layers}
    if layer not in layers:
        near = did_you_mean(layer, [*stages, *layers])
        raise OptionError(
            f"this base has no stage or layer {layer!r}.{near} Stages: {', '.join(stages)}; its layers are "
            f"those of model.composition.backbone"
        )
    return layers[layer].output


def up_to(composition: Composition, layer: str) -> tuple[Any, Any]:
    """The network up to a stage or layer, from its own input; and from the input, through preprocessing.

    Raises:
        OptionError: as for `layer_output`, or what is there is no map.
    """
    import keras

    output = layer_output(composition, layer)
    if not is_map(composition, output):
        raise OptionError(f"{layer} gives {tuple(output.shape)}, which is no map of places: take an earlier layer")
    base = composition.backbone
    inside = keras.Model(base.inputs[0], output, name="up_to")
    prepared = input_in(composition.serving, base)
    return inside, keras.Model(composition.training.input, inside(prepared), name="inputs_up_to")


def _check_channels(layer: str, channels: Sequence[int], count: int, k: int) -> None:
    wrong = [channel for channel in channels if not 0 <= channel < count]
    if wrong or k < 1:
        raise OptionError(f"{layer} has channels 0..{count - 1}, and k is at least 1; got channels {wrong}, k={k}")


def top_patches(
    composition: Composition,
    dataset: Dataset,
    layer: str,
    channels: Sequence[int],
    *,
    k: int = 9,
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, list[Patch]]:
    """The patches that most activate each of some filters, at most one from each picture.

    The picture of Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, arXiv
    1311.2901, figure 2: the strongest activations over a data set, each cropped to what that cell of the map sees; of a
    vision transformer, where every token sees the whole picture, to the patch that it began as.

    Args:
        composition: the model.
        dataset: pictures; labels are not needed.
        layer: a stage or a layer of the base.
        channels: which of its filters.
        k: patches of each.
        progress: called with (images done, images in all).

    Returns:
        Channel -> its patches, the strongest first.

    Raises:
        OptionError: a layer or channel that is not there, or whose receptive field is not known.
        DataError: no picture can be read.
    """
    inside, network = up_to(composition, layer)
    tokens = len(inside.output.shape) == 3
    rows, columns = fields_of_patches(composition, inside.output) if tokens else receptive_fields(inside)
    count = int(network.output_shape[-1])
    _check_channels(layer, channels, count, k)
    chosen = list(channels)
    values = np.zeros((0, len(chosen)), np.float32)
    places = np.zeros((0, len(chosen), 2), np.int64)  # picture, cell
    done = 0
    for batch in _images(composition, dataset, np.arange(len(dataset))):
        maps = as_map(composition, np.asarray(network(as_inputs(batch.arrays), training=False), np.float32))
        maps = maps[..., chosen]
        flat = maps.reshape(len(maps), -1, len(chosen))
        cells = flat.argmax(axis=1)
        pictures = np.broadcast_to(batch.positions[:, None], cells.shape)
        values = np.concatenate([values, np.take_along_axis(flat, cells[:, None], axis=1)[:, 0]])
        places = np.concatenate([places, np.stack([pictures, cells], axis=-1)])
        best = np.argsort(-values, axis=0, kind="stable")[:k]
        values = np.take_along_axis(values, best, axis=0)
        places = np.take_along_axis(places, best[..., None], axis=0)
        done += len(batch.positions)
        if progress is not None:
            progress(done, len(dataset))
    if not done:
        raise DataError(f"none of the {len(dataset)} images of {dataset.name} could be read")
    wide = side_of(composition, inside.output) or int(network.output_shape[2])
    patches_of: dict[int, list[Patch]] = {channel: [] for channel in chosen}
    inputs: dict[int, np.ndarray] = {}
    for number, channel in enumerate(chosen):
        for value, (picture, cell) in zip(values[:, number], places[:, number].tolist(), strict=True):
            if picture not in inputs:
                inputs[picture] = composition.intake.shape(dataset.image(picture))
            row, column = divmod(cell, wide)
            (top, bottom), (left, right) = rows.of(row), columns.of(column)
            box = (left, top, right + 1, bottom + 1)
            patches_of[channel].append(
                Patch(dataset.ids[picture], picture, float(value), (row, column), box, crop(inputs[picture], box))
            )
    return patches_of


def _images(composition: Composition, dataset: Dataset, indices: np.ndarray) -> Any:
    return batches(
        dataset,
        indices,
        intake=composition.intake,
        batch_size=_BATCH,
        on_skip=lambda name, reason: None,
    )


def crop(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The part of a picture within a box (left, top, right, bottom), gray where the box reaches beyond it."""
    left, top, right, bottom = box
    height, width = picture.shape[:2]
    part = np.full((bottom - top, right - left, picture.shape[2]), OUTSIDE, np.uint8)
    x0, x1, y0, y1 = max(left, 0), min(right, width), max(top, 0), min(bottom, height)
    if x0 < x1 and y0 < y1:
        part[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return part


def first_filters(composition: Composition) -> np.ndarray:
    """The kernels of the first convolution on the picture: float32 (filters, height, width, 3 or 1), channels as RGB.

    Raises:
        OptionError: the base begins with no such convolution.
    """
    import keras

    from zoo.training.freeze import leaves

    channels = composition.intake.array_shape[-1]
    for stage in composition.stages:
        for layer in stage.layers:
            for leaf in leaves(layer):
                if isinstance(leaf, keras.layers.Conv2D) and leaf.kernel.shape[2] == channels:
                    kernels = np.asarray(keras.ops.convert_to_numpy(leaf.kernel), np.float32).transpose(3, 0, 1, 2)
                    flipped = any(type(item).__name__ == "Flip" for item in composition.serving.operations)
                    return kernels[..., ::-1] if flipped else kernels
    raise OptionError("the base begins with no convolution over its pictures: there are no such filters to show")
