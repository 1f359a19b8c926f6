"""Runs a model over a dataset once: decoded in parallel, streamed through the graph, kept in the cache by shards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo import settings
from zoo.compose import as_pixels
from zoo.data import Dataset, batches
from zoo.errors import OptionError
from zoo.features.cache import Entry, evict, features_root
from zoo.features.identity import features_key
from zoo.specs import ResizeRule

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""

BATCH = 32
"""Images in one forward pass: more are no faster on a CPU."""


@dataclass(frozen=True)
class Features:
    """The output of a model over a dataset.

    Attributes:
        positions: int64, the index of each row in the dataset; a row for every image that could be read.
        skipped: (id, reason) of images that could not be read.
        seconds: wall time of decoding and forward pass together.
        computed: images that went through the model; the others came from the cache.
        parts: the rows in order, float32 or float16, in memory or memory-mapped.
        entry: sha256 of the cache entry; "" without cache.
    """

    positions: np.ndarray
    skipped: tuple[tuple[str, str], ...]
    seconds: float
    computed: int
    parts: Sequence[np.ndarray] = field(repr=False)
    entry: str = ""

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def values(self) -> np.ndarray:
        """All rows as one float32 array."""
        return self.take(np.arange(len(self)))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Some of the rows as float32 (m, ...); reads only what it needs."""
        chosen = np.asarray(rows, np.int64)
        shape = self.parts[0].shape[1:] if self.parts else (0,)
        found = np.empty((len(chosen), *shape), np.float32)
        ends = np.cumsum([len(part) for part in self.parts])
        owner = np.searchsorted(ends, chosen, side="right")
        for number in np.unique(owner):
            mine = owner == number
            part = self.parts[number]
            found[mine] = part[chosen[mine] - (ends[number] - len(part))]
        return found

    def of(self, positions: np.ndarray) -> np.ndarray:
        """The rows of images by their index in the dataset, as float32.

        Raises:
            KeyError: there is no row for one of them.
        """
        return self.take(self.rows_of(positions))

    def rows_of(self, positions: np.ndarray) -> np.ndarray:
        """The number of the row, int64, of each image by its index in the dataset; errors as for `of`."""
        where = {int(position): row for row, position in enumerate(self.positions)}
        return np.array([where[int(position)] for position in positions], np.int64)


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
    progress: Progress | None = None,
    cache: bool = False,
) -> Features:
    """The model's output for the chosen images: from the cache as far as it is there, else by one forward pass.

    Args:
        model: a Keras model from float32 pixels (n, size, size, channels) to (n, ...).
        dataset: where the images come from.
        indices: which of them, in order.
        size: side of the model's input, in pixels.
        rule: the resize rule.
        progress: told after every batch.
        cache: whether to look in the cache and keep what is computed. Interrupted, the next call goes on from the last
            finished shard, and the result is the same bit for bit. A network with code that is not Keras's own is
            computed anew every time.

    Returns:
        The outputs of all images that could be read, in order.
    """
    start = time.perf_counter()
    indices = np.asarray(indices, np.int64)
    chosen = dataset.subset(indices)  # numbers from here on are places in `indices`
    run = _Run(model, chosen, size, rule, progress)
    dtype = settings.features_dtype()
    key = None
    if cache and len(indices):
        key = features_key(model, chosen, size=size, rule=rule, dtype=dtype, engine=run.engine)
    if key is None:
        groups = [range(len(indices))] if len(indices) else []
        shards = [(values, positions) for _, values, positions, _ in run(groups)]
        skipped, name = run.skipped, ""
    else:
        shards, skipped, name = _cached(run, key, dtype)
    return Features(
        positions=indices[np.concatenate([np.zeros(0, np.int64), *(positions for _, positions in shards)])],
        skipped=tuple((chosen.ids[number], reason) for number, reason in skipped),
        seconds=time.perf_counter() - start,
        computed=run.computed,
        parts=[values for values, _ in shards],
        entry=name,
    )


def _cached(
    run: _Run, key: dict[str, Any], dtype: str
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[tuple[int, str]], str]:
    row_bytes = int(np.prod(run.model.output_shape[1:])) * np.dtype(dtype).itemsize
    entry = Entry(features_root(), key, count=len(run.dataset), row_bytes=row_bytes)
    whole = entry.read()
    if whole is None:
        limit = settings.cache_limit()
        with entry.locked():
            # Another process may have filled it while this one waited: then nothing is missing any more.
            missing = entry.missing()
            run.done = len(run.dataset) - sum(len(entry.members(shard)) for shard in missing)
            for number, values, positions, skipped in run([entry.members(shard) for shard in missing]):
                entry.write(missing[number], _as(values, dtype), positions.tolist(), skipped)
            entry.finish()
            whole = entry.read()
        assert whole is not None
        evict(limit, keep=entry.name)
    if run.progress:
        run.progress(len(run.dataset), len(run.dataset))
    return whole[0], whole[1], entry.name


def _as(values: np.ndarray, dtype: str) -> np.ndarray:
    largest = float(np.abs(values).max(initial=0.0))
    if dtype == "float16" and largest > np.finfo(np.float16).max:
        raise OptionError(
            f"features reach {largest:g}, and float16 holds up to 65504 only: unset ZOO_FEATURES to keep float32"
        )
    return values.astype(dtype)


class _Run:
    """One pass over some of the images, in groups (shards): a group gives the same bits, whatever came before."""

    engine = "keras"

    def __init__(self, model: Any, dataset: Dataset, size: int, rule: ResizeRule, progress: Progress | None) -> None:
        self.model, self.dataset, self.size, self.rule, self.progress = model, dataset, size, rule, progress
        self.done = self.computed = 0
        self.skipped: list[tuple[int, str]] = []

    def __call__(self, groups: Sequence[range]) -> Iterator[tuple[int, np.ndarray, np.ndarray, list[tuple[int, str]]]]:
        """Number of the group, values, numbers of the images that could be read, and (number, reason) of the others.

        Only the last group may hold a number of images that is no multiple of the batch: no batch lies in two groups.
        """
        reasons: list[str] = []
        stream = batches(
            self.dataset,
            np.concatenate([np.arange(group.start, group.stop) for group in groups]) if groups else [],
            size=self.size,
            rule=self.rule,
            batch_size=BATCH,
            on_skip=lambda name, reason: reasons.append(reason),
            fill=False,
        )
        for number, group in enumerate(groups):
            values: list[np.ndarray] = []
            positions: list[np.ndarray] = []
            skipped: list[tuple[int, str]] = []
            for start in range(group.start, group.stop, BATCH):
                members = np.arange(start, min(start + BATCH, group.stop))
                batch = next(stream)
                values.append(self._forward(batch.pixels))
                positions.append(batch.positions)
                lost = np.setdiff1d(members, batch.positions)
                skipped += zip(lost.tolist(), reasons[: len(lost)], strict=True)
                del reasons[: len(lost)]
                self.done += len(members)
                self.computed += len(batch.positions)
                if self.progress:
                    self.progress(self.done, len(self.dataset))
            self.skipped += skipped
            yield number, np.concatenate(values), np.concatenate(positions), skipped

    def _forward(self, pixels: np.ndarray) -> np.ndarray:
        if not len(pixels):
            return np.zeros((0, *self.model.output_shape[1:]), np.float32)
        (output,) = forward(self.model, iter([pixels]), BATCH)
        return output
