"""Runs a model over a dataset once and keeps what comes out; streams, so memory holds the results only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.compose import as_pixels
from zoo.data import Dataset, batches
from zoo.specs import ResizeRule

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


@dataclass(frozen=True)
class Features:
    """The output of a model over a dataset.

    Attributes:
        values: float32, one row an image that could be read.
        positions: int64, the index of each row in the dataset.
        skipped: (id, reason) of images that could not be read.
        seconds: wall time of decoding and forward pass together.
    """

    values: np.ndarray
    positions: np.ndarray
    skipped: tuple[tuple[str, str], ...]
    seconds: float


def forward(model: Any, stream: Iterator[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """The model's outputs (inference mode, float32) for batches of pixels.

    A short batch is padded to `batch_size` and its output cut again, so that the graph is traced once.
    """
    for pixels in stream:
        count = len(pixels)
        x = as_pixels(pixels)
        if count < batch_size:
            x = np.concatenate([x, np.zeros((batch_size - count, *x.shape[1:]), x.dtype)])
        yield np.asarray(model.predict_on_batch(x), dtype=np.float32)[:count]


def extract(
    model: Any,
    dataset: Dataset,
    indices: np.ndarray,
    *,
    size: int,
    rule: ResizeRule,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> Features:
    """One forward pass over the chosen images.

    Args:
        model: a Keras model from float32 pixels (n, size, size, channels) to (n, d).
        dataset: where the images come from.
        indices: which of them, in order.
        size: side of the model's input, in pixels.
        rule: the resize rule.
        batch_size: images in one forward pass.
        progress: told after every batch.

    Returns:
        The outputs of all images that could be read, in order.
    """
    start = time.perf_counter()
    skipped: list[tuple[str, str]] = []
    positions: list[np.ndarray] = []
    total, done = len(indices), 0

    def pixels() -> Iterator[np.ndarray]:
        for batch in batches(
            dataset,
            indices,
            size=size,
            rule=rule,
            batch_size=batch_size,
            on_skip=lambda name, reason: skipped.append((name, reason)),
        ):
            positions.append(batch.positions)
            yield batch.pixels

    values: list[np.ndarray] = []
    for output in forward(model, pixels(), batch_size):
        values.append(output)
        done += len(output)
        if progress:
            progress(done + len(skipped), total)
    if progress:
        progress(total, total)  # images skipped after the last batch count too: a bar must see the end
    return Features(
        values=np.concatenate(values) if values else np.zeros((0, int(model.output_shape[-1])), np.float32),
        positions=np.concatenate(positions) if positions else np.zeros(0, np.int64),
        skipped=tuple(skipped),
        seconds=time.perf_counter() - start,
    )
