"""The default engine: Keras in this process, fed by decoding threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from zoo.compose import as_inputs
from zoo.compose.forks import check_not_forked
from zoo.data import batches
from zoo.features.engines.interface import BATCH, Answer, Job, Task, Tell


class InProcess:
    """Keras in this process; what any model and dataset can be computed with."""

    @property
    def identity(self) -> str:
        """See `Engine.identity`."""
        return f"keras {keras_version()}"

    def refuses(self, job: Job) -> str:
        """See `Engine.refuses`."""
        return ""

    def run(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Answer, None, None]:
        """See `Engine.run`."""

        def compute(arrays: np.ndarray) -> np.ndarray:
            return padded_forward(job.model, arrays, BATCH)

        return by_batches(job, tasks, compute, tell)


def keras_version() -> str:
    """Versions of Keras and of what it computes with."""
    import keras

    backend = keras.config.backend()
    return f"{keras.__version__} on {backend} {__import__(backend).__version__}"


def forward(model: Any, stream: Iterable[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Yield the model's outputs (inference mode, float32) for batches of arrays, each in its own size.

    One example alone then costs one example; its output may differ from that within a batch by the rounding of float32.
    Where a shape has to be compiled for (on JAX), a short batch is padded to the next power of two.

    Args:
        model: a Keras model from float32 arrays (n, size, size, channels).
        stream: batches of arrays, of at most `batch_size` examples.
        batch_size: what a batch is padded to at most.
    """
    import keras

    compiled = keras.config.backend() != "tensorflow"  # TensorFlow traces the second size for all others too
    for arrays in stream:
        size = min(2 ** (len(arrays) - 1).bit_length(), batch_size) if compiled else len(arrays)
        yield padded_forward(model, arrays, size)


def padded_forward(model: Any, arrays: np.ndarray, size: int) -> np.ndarray:
    """Return the outputs for a batch of arrays that is padded to a size, and cut again.

    The size decides the last bits of the output: what is kept is computed in one size, whatever its neighbors.

    Args:
        model: as for `forward`.
        arrays: (n, size, size, channels), n at most `size`.
        size: of the batch that the model sees.
    """
    check_not_forked()
    count = len(arrays)
    x = as_inputs(arrays)
    if count < size:
        x = np.concatenate([x, np.zeros((size - count, *x.shape[1:]), x.dtype)])
    return np.asarray(model.predict_on_batch(x), dtype=np.float32)[:count]


def by_batches(
    job: Job, tasks: Sequence[Task], compute: Callable[[np.ndarray], np.ndarray], tell: Tell
) -> Generator[Answer, None, None]:
    """Tasks one after the other, each in batches of its own, decoded ahead across their borders.

    Args:
        job: what is computed.
        tasks: which shards.
        compute: uint8 arrays (n, size, size, 3), at least one and at most `BATCH`, to float32 (n, ...).
        tell: told after every batch.
    """
    reasons: list[str] = []
    tasks = sorted(tasks, key=lambda task: len(task.members) % BATCH != 0)  # so that no batch lies in two of them
    stream = batches(
        job.dataset,
        np.concatenate([np.zeros(0, np.int64), *(np.array(task.members, np.int64) for task in tasks)]),
        intake=job.intake,
        batch_size=BATCH,
        transform=job.transform,
        on_skip=lambda name, reason: reasons.append(reason),
        fill=False,
    )
    for task in tasks:
        values = [np.zeros((0, *job.row_shape), np.float32)]
        positions = [np.zeros(0, np.int64)]
        skipped: list[tuple[int, str]] = []
        for start in range(task.members.start, task.members.stop, BATCH):
            members = np.arange(start, min(start + BATCH, task.members.stop))
            batch = next(stream)
            if len(batch.arrays):
                values.append(compute(batch.arrays))
                positions.append(batch.positions)
            lost = np.setdiff1d(members, batch.positions)
            skipped += zip(lost.tolist(), reasons[: len(lost)], strict=True)
            del reasons[: len(lost)]
            tell(len(members))
        yield Answer(task.shard, np.concatenate(values), np.concatenate(positions), tuple(skipped))
