"""Figures of what the model is shown: a batch as it trains on it, augmentation and all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.augment import Op, resolve, transform
from zoo.compose import Composition
from zoo.data import Dataset, batches
from zoo.data.ranges import as_uint8
from zoo.errors import DataError, OptionError
from zoo.pictures.colors import in_colors
from zoo.plots.results import draw_box
from zoo.plots.style import COLORS, COLUMN, PAGE, paper, short, tiles
from zoo.specs import Output
from zoo.tasks import box_columns, of, parts


def _boxes(composition: Composition, dataset: Dataset) -> np.ndarray | None:
    """The boxes of the examples (n, 4), where the model answers with a box."""
    if dataset.targets is None or dataset.task != composition.task:
        return None
    where = box_columns(composition.outputs)
    return None if where is None else dataset.targets[:, where]


@paper
def show_batch(
    composition: Composition,
    dataset: Dataset,
    ops: Sequence[Op] = (),
    *,
    images: int = 6,
    views: int = 4,
    seed: int = 0,
) -> Any:
    """Some images of a data set, resized as the model takes them, and as they look in the first epochs.

    Args:
        composition: the model.
        dataset: pictures; with boxes these are drawn where the augmentation has moved them.
        ops: the augmentation; none: one column.
        images: how many, drawn at random.
        views: columns: the image as it is, then as in so many epochs less one.
        seed: of the run: what is shown is what `fit(seed=...)` trains on.

    Returns:
        A matplotlib Figure, a page wide; a row for each image.

    Raises:
        OptionError: images or views below 1.
        DataError: none of the images can be read.
    """
    if images < 1 or views < 1:
        raise OptionError(f"images={images!r} and views={views!r} must be at least 1")
    drawn = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:images])
    boxes = _boxes(composition, dataset)
    columns = [_seen_in(composition, dataset, drawn, ops, seed, epoch, boxes) for epoch in range(views if ops else 1)]
    shown = columns[0].positions.tolist()
    across = len(columns) if len(columns) > 1 else 3
    figure, axes = tiles(len(shown) * len(columns), across=across, width=PAGE, extra=0.2)
    for number, single in enumerate(axes):
        row, column = divmod(number, len(columns))
        batch = columns[column]
        single.imshow(in_colors(batch.arrays[row]))
        own = _boxes_of(batch, boxes)
        if own is not None:
            draw_box(single, own[row], batch.arrays.shape[1:], COLORS[1])
        single.set_title(f"epoch {column}" if column else short(_answer(dataset, shown[row]), 26), loc="left")
    return figure


@paper
def variants(image: Any, augment: Any, *, seed: int = 0, count: int = 9) -> Any:
    """Some variants of one photo, as augmentation makes them: nine in three rows by default.

    Args:
        image: a path, an array (height, width, 3) with values 0..255, or a Pillow image.
        augment: as for `zoo.build`.
        seed: of the run.
        count: how many.

    Returns:
        A matplotlib Figure, one column wide.

    Raises:
        OptionError: there is no augmentation, or count is below 1.
        DataError: the image cannot be read.
    """
    ops = resolve(augment)
    if not ops or count < 1:
        raise OptionError(f"variants need augment= and a count of at least 1; got {augment!r} and {count!r}")
    pictures = [as_uint8(picture) for _, picture in data_room.images(image)]
    if len(pictures) != 1:
        raise DataError(f"variants are shown of one photo; got {len(pictures)}")
    height, width = pictures[0].shape[:2]
    figure, axes = tiles(count, across=math.isqrt(count - 1) + 1, width=COLUMN, aspect=height / width)
    for epoch, single in enumerate(axes):
        single.imshow(transform(ops, seed=seed, epoch=epoch)(pictures[0].copy(), 0, None)[0])
    return figure


def _boxes_of(batch: Any, boxes: np.ndarray | None) -> np.ndarray | None:
    """The boxes of a batch as the augmentation has moved them, else as they are in the data."""
    if batch.boxes is None and boxes is not None:
        return boxes[batch.positions]
    moved: np.ndarray | None = batch.boxes
    return moved


def _seen_in(
    composition: Composition,
    dataset: Dataset,
    drawn: np.ndarray,
    ops: Sequence[Op],
    seed: int,
    epoch: int,
    boxes: np.ndarray | None,
) -> Any:
    """The images as a batch: in epoch 0 as they are, then as they are changed in the epoch before."""
    read = batches(
        dataset,
        drawn,
        intake=composition.intake,
        batch_size=len(drawn),
        transform=transform(ops, seed=seed, epoch=epoch - 1) if epoch else None,
        boxes=boxes,
        on_skip=lambda name, reason: None,
    )
    batch = next(iter(read), None)
    if batch is None:
        raise DataError(f"none of the {len(drawn)} images of {dataset.name} could be read")
    return batch


def _answer(dataset: Dataset, index: int) -> str:
    """What is known of an image, in a few words; where nothing can be said in words, its name."""
    if dataset.targets is None:
        return dataset.ids[index]
    outputs = dataset.outputs or (Output(task=dataset.task, labels=dataset.labels),)
    words = [
        of(output).target_in_words(output.labels, true[0])
        for output, _, true in parts(outputs, None, dataset.targets[[index]])
    ]
    return ", ".join(word for word in words if word) or dataset.ids[index]
