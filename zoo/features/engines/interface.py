"""What an engine is: it computes idempotent shard tasks; who drives it owns order, progress and durability."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from zoo.data import Dataset, Transform
from zoo.features.identity import graph_digest
from zoo.modality import Intake

BATCH = 32
"""Images in one forward pass: more are no faster on a CPU."""

Tell = Callable[[int], None]
"""Called with the number of images done since the last call."""


@dataclass(frozen=True)
class Job:
    """What is computed: the output of a model for images of a dataset.

    Attributes:
        model: a Keras model from float32 values (n, size, size, channels) to (n, ...).
        dataset: the images; tasks number them from 0.
        intake: what turns an example into the array that the model takes.
        transform: what is done to each resized image, given its number; None: nothing. An engine that cannot take it to
            where images are decoded refuses the job.
    """

    model: Any
    dataset: Dataset
    intake: Intake
    transform: Transform | None = None

    @cached_property
    def graph(self) -> str | None:
        """Digest of the model; None where it holds code that is not Keras's own (see `graph_digest`)."""
        return graph_digest(self.model)

    def array(self, number: int) -> np.ndarray:
        """Return what the model takes of one example, float32: read, shaped by the intake, and transformed.

        Args:
            number: of the example in the dataset.

        Raises:
            DataError: it cannot be read.
        """
        shaped = self.intake.shape(self.dataset.example(number))
        if self.transform is not None:
            shaped, _ = self.transform(shaped, number, None)
        return np.asarray(shaped, np.float32)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the output for one image."""
        return tuple(self.model.output_shape[1:])


@dataclass(frozen=True)
class Task:
    """A shard to compute: its number, and the numbers of its images in the job's dataset, which follow one another.

    The same task gives the same answer bit for bit, whatever was computed before, and however often. Of the tasks of a
    job only one, the end of the dataset, may hold a number of images that is no multiple of `BATCH`.
    """

    shard: int
    members: range


@dataclass(frozen=True)
class Answer:
    """A shard computed.

    Attributes:
        shard: its number.
        values: float32 (m, ...), a row for every image that could be read, in order.
        positions: int64 (m,), the number of each row's image.
        skipped: (number, reason) of the images that could not be read.
    """

    shard: int
    values: np.ndarray
    positions: np.ndarray
    skipped: tuple[tuple[int, str], ...]


class Engine(Protocol):
    """Computes shards of features. Another kind (on a cluster, say) implements these three.

    `identity` goes into the key of what is kept: name, versions, and whatever else the numbers depend on.
    """

    @property
    def identity(self) -> str:
        """Name and versions."""
        ...

    def refuses(self, job: Job) -> str:
        """Why it cannot compute this job; "" if it can. Quick: nothing is computed or started."""
        ...

    def run(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Answer, None, None]:
        """The answers, each as soon as it is there: in any order, and the same one perhaps twice.

        Closing the iterator early ends all work and every process it started.
        """
        ...
