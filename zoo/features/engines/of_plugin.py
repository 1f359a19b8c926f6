"""An engine of a plugin: called through the one place for foreign code, and held to what Keras computes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from zoo.errors import EngineError, PluginError
from zoo.features.engines.in_process import InProcess
from zoo.features.engines.interface import BATCH, Answer, Job, Task, Tell
from zoo.features.engines.onnx_runtime import TOLERANCE
from zoo.plugin import calling, load_target
from zoo.plugin.calling import short
from zoo.registry import Entry


class OfPlugin:
    """Stands in front of the engine that an entry names; what it raises or returns wrongly says whose it is."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._whose = f"engine {entry.id!r}"
        made = load_target(entry, entry.spec.engine)
        with calling(entry.provider, self._whose):
            self._engine = made()
            identity = self._engine.identity
        if not isinstance(identity, str) or not identity:
            raise PluginError(
                f"{self._whose} of {entry.provider}: identity must be a text with name and versions, since it is a "
                f"part of the key of what is kept; it is {short(identity)}"
            )
        self._identity = f"{entry.id} {entry.provider.version}: {identity}"

    @property
    def identity(self) -> str:
        """Name and versions, those of the plugin included."""
        return self._identity

    def refuses(self, job: Job) -> str:
        """Return why it cannot compute this job; "" if it can."""
        with calling(self._entry.provider, self._whose, where=" in refuses"):
            reason = self._engine.refuses(job)
        if not isinstance(reason, str):
            raise PluginError(
                f"{self._whose} of {self._entry.provider}: refuses must return a text; it returned {short(reason)}"
            )
        return reason

    def run(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Answer, None, None]:
        """Yield the answers of the plugin's engine, each checked; the first rows are compared with those of Keras.

        Raises:
            EngineError: its features are not those of Keras, or an answer is missing.
            PluginError: it fails, or an answer is none.
        """
        by_shard = {task.shard: task for task in tasks}
        missing, compared = set(by_shard), False
        answers = self._answers(job, tasks, tell)
        try:
            for given in answers:
                answer = self._checked(job, by_shard, given)
                if not compared and len(answer.positions):
                    self._compare(job, answer)
                    compared = True
                missing.discard(answer.shard)
                yield answer
        finally:
            answers.close()
        if missing:
            raise EngineError(f"{self._whose} of {self._entry.provider} gave no answer for {len(missing)} of its tasks")

    def _answers(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Any, None, None]:
        with calling(self._entry.provider, self._whose, where=" in run", keep=False):
            answers = iter(self._engine.run(job, list(tasks), tell))
        try:
            while True:
                with calling(self._entry.provider, self._whose, where=" in run", keep=False):
                    try:
                        answer = next(answers)
                    except StopIteration:
                        return
                yield answer
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                with calling(self._entry.provider, self._whose, where=" in run, when it is ended", keep=False):
                    close()

    def _checked(self, job: Job, tasks: dict[int, Task], given: Any) -> Answer:
        """The answer as zoo's own engines give it."""
        try:
            shard, values = int(given.shard), np.asarray(given.values, np.float32)
            positions = np.asarray(given.positions, np.int64).reshape(-1)
            skipped = tuple((int(number), str(reason)) for number, reason in given.skipped)
        except (AttributeError, TypeError, ValueError) as error:
            raise PluginError(
                f"{self._whose} of {self._entry.provider}: run must yield objects with shard, values, positions and "
                f"skipped; it yielded {short(given)}"
            ) from error
        if shard not in tasks:
            raise PluginError(f"{self._whose} of {self._entry.provider} answered task {shard}, which nobody gave it")
        expected = (len(positions), *job.row_shape)
        answered = sorted([*positions.tolist(), *(number for number, _ in skipped)])
        if values.shape != expected or answered != list(tasks[shard].members) or not np.isfinite(values).all():
            raise PluginError(
                f"{self._whose} of {self._entry.provider}: the answer of task {shard} must hold finite values "
                f"{expected} and account for images {tasks[shard].members}; it has values {values.shape} and accounts "
                f"for {len(answered)} images"
            )
        return Answer(shard, values, positions, skipped)

    def _compare(self, job: Job, answer: Answer) -> None:
        """Hold the first rows to those of Keras."""
        rows = answer.positions[:BATCH]
        sample = Job(job.model, job.dataset.subset(rows), job.intake, self._renumbered(job, rows))
        (expected,) = InProcess().run(sample, [Task(0, range(len(rows)))], lambda images: None)
        scale = max(float(np.abs(expected.values).max(initial=0.0)), 1e-30)
        difference = float(np.abs(answer.values[: len(rows)] - expected.values).max(initial=0.0)) / scale
        if difference > TOLERANCE:
            raise EngineError(
                f"{self._whose} of {self._entry.provider} computes other features than Keras: they differ by "
                f"{difference:.1e} of the largest, and {TOLERANCE:g} is allowed. Unset ZOO_ENGINE, and tell its author"
            )

    @staticmethod
    def _renumbered(job: Job, rows: np.ndarray) -> Any:
        """The transform of the job for images that are numbered from 0 in the sample."""
        change = job.transform
        if change is None:
            return None
        return lambda image, number, *rest: change(image, int(rows[number]), *rest)
