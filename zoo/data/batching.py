"""Batches of decoded, resized arrays: read ahead in threads, order kept, memory bounded."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.pools import worker_count
from zoo.data.positions import as_indices
from zoo.errors import DataError, OptionError
from zoo.modality import Intake

Transform = Callable[[np.ndarray, int, np.ndarray | None], tuple[np.ndarray, np.ndarray | None]]
"""(image uint8 (s, s, 3), index into the dataset, boxes float32 (k, 4) or None) -> the same two, changed: where
augmentation comes in."""

_CHUNK = 8  # images per task: enough to make the bookkeeping of a task small beside the work of 8 tiny images


@dataclass(frozen=True)
class Batch:
    """Arrays and where they come from.

    Attributes:
        arrays: uint8 (n, size, size, 3) RGB.
        positions: int64 (n,), indices into the dataset.
        boxes: float32 (n, 4), where the transform moved them; None without boxes.
    """

    arrays: np.ndarray
    positions: np.ndarray
    boxes: np.ndarray | None = None


def batches(
    dataset: Dataset,
    indices: Any,
    *,
    intake: Intake,
    batch_size: int = 32,
    transform: Transform | None = None,
    boxes: np.ndarray | None = None,
    workers: int | None = None,
    on_skip: Callable[[str, str], None] | None = None,
    fill: bool = True,
) -> Iterator[Batch]:
    """Decode and resize images in threads and give them in batches, in the order of `indices`.

    At most about three batches and eight images per thread are in memory at a time. Images that turn out damaged are
    skipped; batches are filled up all the same, so only the last one can be smaller (unless `fill=False`). Closing the
    iterator early ends the threads. Images that are at hand (`Dataset.at_hand`) are read without threads, unless a
    transform is given.

    Args:
        dataset: where the images are.
        indices: which, int (m,), in the order wanted.
        intake: what turns an example into the array that the graph takes.
        batch_size: images per batch.
        transform: applied to each resized image in the worker threads, so it must be safe to call from several.
        boxes: float32 (images of the dataset, 4), one box an image as shares 0..1, for the transform to move.
        workers: threads, where there are any; default as many as processors.
        on_skip: told (id, reason) of every damaged image, in order; without it each is a warning.
        fill: False: the batches are those of the indices, batch_size at a time, with damaged images missing in them;
            one may be empty.

    Raises:
        OptionError: batch_size or workers below 1, or a transform whose result has another shape or dtype.
        Whatever `transform` or `on_skip` raise.
    """
    chosen = as_indices(indices, len(dataset))
    for name, value in (("batch_size", batch_size), ("workers", 1 if workers is None else workers)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise OptionError(f"{name} must be a whole number of 1 or more; got {value!r}")
    read = _Reader(dataset, intake, transform, boxes)
    report = on_skip or _warn
    return _run(read, chosen, int(batch_size), workers or worker_count(), report, fill)


def _run(
    read: _Reader, chosen: np.ndarray, batch_size: int, workers: int, report: Callable[[str, str], None], fill: bool
) -> Iterator[Batch]:
    chunks = [chosen[start : start + _CHUNK] for start in range(0, len(chosen), _CHUNK)]
    at_hand = read.transform is None and read.dataset.at_hand(read.intake.array_shape)
    results = (read(chunk) for chunk in chunks) if at_hand else _ahead(read, chunks, batch_size, workers)
    ready: list[_Result] = []
    seen = 0
    with closing(results):
        for result in chain.from_iterable(results):
            if result.image is None:
                report(result.id, result.reason)
            else:
                ready.append(result)
            seen += not fill or result.image is not None
            if seen == batch_size:
                yield _batch(ready, read.intake)
                ready, seen = [], 0
        if seen:
            yield _batch(ready, read.intake)


def _ahead(read: _Reader, chunks: list[np.ndarray], batch_size: int, workers: int) -> Generator[list[_Result]]:
    """What is read, in order, while threads go on reading."""
    coming = iter(chunks)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="zoo-batches")
    waiting: deque[Future[list[_Result]]] = deque()
    try:
        for chunk in islice(coming, workers + -(-2 * batch_size // _CHUNK)):
            waiting.append(pool.submit(read, chunk))
        while waiting:
            results = waiting.popleft().result()
            for chunk in islice(coming, 1):
                waiting.append(pool.submit(read, chunk))
            yield results
    finally:
        # Also when the caller stops early or an exception goes through: a few running images are waited for, the rest
        # is dropped.
        pool.shutdown(wait=True, cancel_futures=True)


def _batch(results: list[_Result], intake: Intake) -> Batch:
    if not results:
        return Batch(np.zeros((0, *intake.array_shape), intake.array_dtype), np.zeros(0, np.int64))
    images = [result.image for result in results if result.image is not None]
    boxes = [result.box for result in results if result.box is not None]
    positions = np.array([result.index for result in results], np.int64)
    return Batch(np.stack(images), positions, np.stack(boxes).astype(np.float32) if boxes else None)


@dataclass(frozen=True)
class _Result:
    index: int
    id: str
    image: np.ndarray | None
    reason: str = ""
    box: np.ndarray | None = None


@dataclass(frozen=True)
class _Reader:
    """What a worker thread does with a few indices."""

    dataset: Dataset
    intake: Intake
    transform: Transform | None
    boxes: np.ndarray | None

    def __call__(self, chunk: np.ndarray) -> list[_Result]:
        return [self._one(index) for index in chunk.tolist()]

    def _one(self, index: int) -> _Result:
        name = self.dataset.ids[index]
        try:
            example = self.dataset.example(index)
            on_example = getattr(self.transform, "on_example", None)
            if on_example is not None:
                example = on_example(example, index)
            image = self.intake.shape(example)
        except DataError as error:
            return _Result(index, name, None, getattr(error, "reason", str(error)))
        boxes = None if self.boxes is None else self.boxes[index : index + 1]
        if self.transform is not None:
            image, boxes = self.transform(image, index, boxes)
            if image.shape != self.intake.array_shape or image.dtype != self.intake.array_dtype:
                raise OptionError(
                    f"the transform of {name} gave {image.dtype} {image.shape}; "
                    f"it must give {self.intake.array_dtype} {self.intake.array_shape}"
                )
        return _Result(index, name, image, box=None if boxes is None else boxes[0])


def _warn(name: str, reason: str) -> None:
    warnings.warn(f"skipped {name}: {reason}", UserWarning, stacklevel=3)
