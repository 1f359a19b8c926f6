"""The pictures that runs were trained and measured on, found again for the yardsticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo import tasks
from zoo.data import Dataset, concatenate, load
from zoo.errors import DataError, OptionError
from zoo.evaluation import Evaluation, MultiOutputEvaluation
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.run import Run
from zoo.specs.record import HeldOutData


class Pictures:
    """The pictures that the first run was trained and measured on.

    Args:
        runs: name -> run; the first decides.
        given: the data of the runs; None: found again by its path or name.
    """

    def __init__(self, runs: Mapping[str, Run], given: Any = None) -> None:
        self._runs, self._given = runs, given
        self._pictures: Dataset | None = None

    @property
    def first(self) -> Run:
        """The run whose examples and labels the yardsticks take.

        Raises:
            OptionError: there is none.
        """
        if not self._runs:
            raise OptionError('"pretrained" and "scratch" are yardsticks for a run: pass one too')
        return next(iter(self._runs.values()))

    def like(self) -> Evaluation:
        """Return the evaluation of the first run.

        Raises:
            OptionError: it held out nothing, or gives several answers.
        """
        evaluation = self.first.test if self.first.test is not None else self.first.validation
        if evaluation is None:
            raise OptionError("the first run held out nothing: its labels are not known")
        if isinstance(evaluation, MultiOutputEvaluation):
            raise OptionError('"pretrained" and "scratch" are for a single answer; this run gives several')
        return evaluation

    def of(self, evaluation: Evaluation) -> Dataset:
        """Return the pictures of an evaluation, in its order."""
        pictures = self._all()
        return pictures.subset(_places(pictures, evaluation))

    def _sources(self) -> list[Any]:
        if self._given is not None:
            return [self._given]
        plan = self.first.record.plan
        apart = [part.source for part in (plan.validation, plan.test) if isinstance(part, HeldOutData)]
        return [plan.data.source, *apart]

    def _all(self) -> Dataset:
        """The pictures that the first run was trained and measured on, found again."""
        if self._pictures is None:
            sources = self._sources()
            if any(source is None for source in sources):
                raise OptionError(
                    "the run was trained on data without a path or name, and the yardsticks need it: pass trained_on= "
                    "(all of it, with what was held out)"
                )
            like = self.like()
            task = None if tasks.of(like).one_class else like.task
            try:
                loaded = [load(source, labels=like.labels, task=task) for source in sources]
            except DataError as error:
                raise DataError(f"the data of the run, which the yardsticks need (trained_on=): {error}") from error
            pictures = loaded[0] if len(loaded) == 1 else concatenate(*loaded, name=loaded[0].name)
            self._pictures = pictures.readable()
        return self._pictures

    def held_apart(self, measured_on: Dataset | None) -> Dataset:
        """Return all pictures, split as in the first run; what any run held out is not trained on.

        Args:
            measured_on: data that must not be trained on either.
        """
        pictures = self._all()
        splits = {
            part: np.unique(_places(pictures, evaluation))
            for part in ("validation", "test")
            if (evaluation := getattr(self.first, part)) is not None
        }
        evaluations = [evaluation for run in self._runs.values() for evaluation in (run.validation, run.test)]
        held = {digest for evaluation in evaluations if evaluation is not None for digest in evaluation.hashes}
        if measured_on is not None:
            held |= {digest[:HASH_DIGITS] for digest in measured_on.hashes()}
        hashes = [digest[:HASH_DIGITS] for digest in pictures.hashes()]
        splits["train"] = np.array([index for index, digest in enumerate(hashes) if digest not in held], np.int64)
        whole = pictures.subset(np.arange(len(pictures)))
        whole.splits = splits
        return whole


def _places(pictures: Dataset, evaluation: Evaluation) -> np.ndarray:
    """Where the examples of an evaluation are in a dataset, found by their content; copies each in its place.

    Raises:
        DataError: some are not there.
    """
    where: dict[str, list[int]] = {}
    for index, digest in enumerate(pictures.hashes()):
        where.setdefault(digest[:HASH_DIGITS], []).append(index)
    used: dict[str, int] = {}
    places = []
    for digest in evaluation.hashes:
        copies, number = where.get(digest, []), used.get(digest, 0)
        if number < len(copies):
            places.append(copies[number])
        used[digest] = number + 1
    if len(places) < len(evaluation.hashes) or not evaluation.hashes:
        raise DataError(
            f"{len(evaluation.hashes) - len(places)} of the {evaluation.count} examples that the run was measured on "
            f"are no longer in {pictures.name}"
        )
    return np.array(places, np.int64)
