"""Runs a model over a dataset once: decoded in parallel, streamed through the graph, kept in the cache by shards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from zoo import settings
from zoo.data import Dataset, Transform
from zoo.errors import DataError, OptionError
from zoo.features.cache import Entry, evict, features_root, shard_rows
from zoo.features.engines import Answer, Engine, Job, Task
from zoo.features.engines.choice import ENGINES, by_name, fastest
from zoo.features.identity import features_key
from zoo.modality import Intake

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


@dataclass(frozen=True)
class View:
    """Images changed at random, once.

    Attributes:
        transform: what is done to each image, given its place among those that are chosen.
        key: what it depends on (`zoo.features.identity.augmentation_key`); None: such features are not kept.
    """

    transform: Transform
    key: dict[str, Any] | None


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
        values = np.empty((len(chosen), *self.row_shape), np.float32)
        owner = np.searchsorted(self._ends, chosen, side="right")
        for number in np.unique(owner):
            of_part = owner == number
            part = self.parts[number]
            values[of_part] = part[chosen[of_part] - (self._ends[number] - len(part))]
        return values

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.parts[0].shape[1:]) if self.parts else (0,)

    def of(self, positions: np.ndarray) -> np.ndarray:
        """The rows of images by their index in the dataset, as float32.

        Raises:
            KeyError: there is no row for one of them.
        """
        return self.take(self.rows_of(positions))

    def rows_of(self, positions: np.ndarray) -> np.ndarray:
        """The number of the row, int64, of each image by its index in the dataset; errors as for `of`."""
        examples = np.asarray(positions, np.int64)
        if not len(examples):
            return examples
        if not len(self):
            raise KeyError(int(examples[0]))
        rows = np.argsort(self.positions, kind="stable")
        places = np.searchsorted(self.positions, examples, sorter=rows)
        numbers = rows[np.minimum(places, len(rows) - 1)]
        lost = examples[self.positions[numbers] != examples]
        if len(lost):
            raise KeyError(int(lost[0]))
        return numbers

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([len(part) for part in self.parts])


class Kept:
    """Rows of some images that stay on disk until they are asked for: an array as far as solvers and feeds need one.

    Args:
        views: the features of the plain images, and of their augmented views.
        positions: the images, by their index in the dataset. Row r is of image r % n in view r // n.
    """

    def __init__(self, views: Features | Sequence[Features], positions: np.ndarray) -> None:
        self._views = [views] if isinstance(views, Features) else list(views)
        self._rows = [view.rows_of(positions) for view in self._views]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and the shape of one."""
        return len(self), *self._views[0].row_shape

    def __len__(self) -> int:
        return len(self._views) * len(self._rows[0])

    def __getitem__(self, chosen: np.ndarray | slice) -> np.ndarray:
        if len(self._views) == 1:
            return self._views[0].take(self._rows[0][chosen])
        places = np.arange(*chosen.indices(len(self))) if isinstance(chosen, slice) else np.asarray(chosen, np.int64)
        view, image = np.divmod(places, max(len(self._rows[0]), 1))
        values = np.empty((len(places), *self.shape[1:]), np.float32)
        for number in np.unique(view):
            of_view = view == number
            values[of_view] = self._views[number].take(self._rows[number][image[of_view]])
        return values


def _check_modality(dataset: Dataset, intake: Intake) -> None:
    if dataset.modality != intake.kind:
        raise DataError(
            f"{dataset.name} holds examples of {dataset.modality!r}, and the network takes {intake.kind!r}: name a "
            f"backbone of that modality"
        )


def _has_key(job: Job, view: View | None) -> bool:
    """Whether what a pass gives can be known again: by the graph of the network, and by how images are changed."""
    return job.graph is not None and (view is None or view.key is not None)


def extract(
    model: Any,
    dataset: Dataset,
    indices: np.ndarray,
    *,
    intake: Intake,
    progress: Progress | None = None,
    cache: bool = False,
    view: View | None = None,
    engine: str | None = None,
) -> Features:
    """The model's output for the chosen images: from the cache as far as it is there, else by one forward pass.

    Args:
        model: a Keras model from float32 values (n, size, size, channels) to (n, ...).
        dataset: where the images come from.
        indices: which of them, in order.
        intake: what turns an example into the array that the model takes.
        progress: told after every batch.
        cache: whether to look in the cache and keep what is computed. Interrupted, the next call goes on from the last
            finished shard, and the result is the same bit for bit. A network with code that is not Keras's own is
            computed anew every time, and so is a view without a key.
        view: how the images are changed first; None: not at all.
        engine: "keras", "pool", "onnx" or "auto"; None: as `ZOO_ENGINE` says, which is "keras" unless set. With "auto"
            what is kept counts, whichever engine it came from.

    Returns:
        The outputs of all images that could be read, in order.
    """
    start = time.perf_counter()
    _check_modality(dataset, intake)
    indices = np.asarray(indices, np.int64)
    transform = view.transform if view else None
    job = Job(model, dataset.subset(indices), intake, transform)  # numbers from here on are places in `indices`
    dtype = settings.features_dtype()
    name_of_engine = engine or settings.engine()
    kept = cache and len(indices) > 0 and _has_key(job, view)
    run = _Run(job, view, _engine(name_of_engine, job, view, dtype if kept else None), progress)
    shards, name = _cached(run, dtype) if kept else (_computed(run), "")
    return Features(
        positions=indices[np.concatenate([np.zeros(0, np.int64), *(shard.positions for shard in shards)])],
        skipped=tuple((job.dataset.ids[number], reason) for shard in shards for number, reason in shard.skipped),
        seconds=time.perf_counter() - start,
        computed=run.computed,
        parts=[shard.values for shard in shards],
        entry=name,
    )


def _engine(name: str, job: Job, view: View | None, dtype: str | None) -> Engine:
    """The engine of this name; of "auto" one that has begun, where features are kept as `dtype`, else the fastest."""
    if name != "auto":
        return by_name(name, job)
    return (_started(job, view, dtype) if dtype is not None else None) or fastest(job)


def _computed(run: _Run) -> list[Answer]:
    count = len(run.job.dataset)
    rows = shard_rows(run.row_bytes("float32"))
    tasks = [Task(number, range(first, min(first + rows, count))) for number, first in enumerate(range(0, count, rows))]
    return sorted(run(tasks), key=lambda answer: answer.shard)


def _started(job: Job, view: View | None, dtype: str) -> Engine | None:
    """An engine that has computed this already, or has begun to: what is kept is used, whatever is fastest now."""
    engines = []
    for make in ENGINES.values():
        engine = make()
        if not engine.refuses(job):
            engines.append((_entry(_Run(job, view, engine, None), dtype).started, engine))
    started, engine = max(engines, key=lambda pair: pair[0])
    return engine if started else None


def _entry(run: _Run, dtype: str) -> Entry:
    job = run.job
    assert job.graph is not None
    key = features_key(job.graph, job.dataset, intake=job.intake, dtype=dtype, engine=run.engine.identity)
    if run.view is not None:
        key["view"] = run.view.key
    return Entry(features_root(), key, count=len(job.dataset), row_bytes=run.row_bytes(dtype))


def _cached(run: _Run, dtype: str) -> tuple[list[Answer], str]:
    count = len(run.job.dataset)
    entry = _entry(run, dtype)
    whole = entry.read()
    if whole is None:
        limit = settings.cache_limit()
        with entry.locked():
            # Another process may have filled it while this one waited: then nothing is missing any more.
            tasks = [Task(shard, entry.members(shard)) for shard in entry.missing()]
            for answer in run(tasks):
                entry.write(answer.shard, _as(answer.values, dtype), answer.positions.tolist(), answer.skipped)
            entry.finish()
            whole = entry.read()
        assert whole is not None
        evict(limit, keep=entry.name)
    if run.progress:
        run.progress(count, count)
    return whole, entry.name


def _as(values: np.ndarray, dtype: str) -> np.ndarray:
    largest = float(np.abs(values).max(initial=0.0))
    if dtype == "float16" and largest > float(np.finfo(np.float16).max):
        raise OptionError(
            f"features reach {largest:g}, and float16 holds up to 65504 only: unset ZOO_FEATURES to keep float32"
        )
    return values.astype(dtype)


class _Run:
    """Drives an engine: every task answered once, images counted, progress told."""

    def __init__(self, job: Job, view: View | None, engine: Engine, progress: Progress | None) -> None:
        self.job, self.view, self.engine, self.progress = job, view, engine, progress
        self.computed = 0

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Answer]:
        """The first answer to each task, in the order of their coming."""
        count = len(self.job.dataset)
        done = count - sum(len(task.members) for task in tasks)

        def tell(images: int) -> None:
            nonlocal done
            done += images
            if self.progress:
                self.progress(min(done, count), count)

        open_tasks = {task.shard for task in tasks}
        with closing(self.engine.run(self.job, tasks, tell)) as answers:
            while open_tasks:
                answer = next(answers)
                if answer.shard in open_tasks:  # else it came before: the same bits
                    open_tasks.remove(answer.shard)
                    self.computed += len(answer.positions)
                    yield answer

    def row_bytes(self, dtype: str) -> int:
        """Bytes of the output for one image."""
        return int(np.prod(self.job.row_shape)) * np.dtype(dtype).itemsize
