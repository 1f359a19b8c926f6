"""What to try next on a run, by what its figures show."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data import is_table
from zoo.evaluation import ClassificationEvaluation, Evaluation, MultiOutputEvaluation
from zoo.reporting.words import SURE, WIDE, percent
from zoo.specs.record import RunRecord
from zoo.tasks import of

_LITTLE_LEFT = 0.98
"""Of a headline figure that is at best 1: from here on there is little to gain."""

_GAP = 0.10
"""So much more accurate on what it was trained on: it has memorized those examples."""

_MEMORIZED = 0.5
"""So much smaller an error on what it was trained on than on others."""

_UNEVEN = 5
"""The largest class has so many times the examples of the smallest."""

_DOUBTFUL = 3
"""So many confident mistakes are worth a look at their labels."""

_LINES = 3
"""Pieces of advice that are given, the most promising first."""


class Commands:
    """What to type on a run's data: a folder or name by a command, a table or arrays in Python.

    Args:
        record: of the run.
    """

    def __init__(self, record: RunRecord) -> None:
        self._source = record.plan.data.source

    def code(self, command: str, python: str) -> str:
        """Return the command with DATA filled in where it can be typed, else the Python; in backquotes."""
        source = self._source
        if source is None or is_table(source):  # of a table the command would have to name the columns too
            return f"`{python}`"
        return f"`{command.replace('DATA', shlex.quote(source))}`"


@dataclass(frozen=True)
class _Case:
    """What advice is given on."""

    evaluation: Evaluation
    record: RunRecord

    @property
    def code(self) -> Callable[[str, str], str]:
        """See `Commands.code`."""
        return Commands(self.record).code

    @property
    def figure(self) -> float | None:
        """The headline figure where 1 is the best there is; None otherwise."""
        several = isinstance(self.evaluation, MultiOutputEvaluation)
        if several or not self.evaluation.headline.larger_is_better:
            return None
        return self.evaluation.headline.value

    @property
    def room(self) -> bool:
        """Whether there is something left to gain, as far as is known."""
        return self.figure is None or self.figure < _LITTLE_LEFT

    def last(self, name: str) -> tuple[float, float] | None:
        """A figure at the end, on training and on held-out examples; None where one is missing."""
        history: Mapping[str, Sequence[float]] = self.record.history
        trained, held_out = history.get(name), history.get(f"val_{name}")
        return (float(trained[-1]), float(held_out[-1])) if trained and held_out else None


def advice(evaluation: Evaluation, record: RunRecord) -> list[str]:
    """Return what to try, the most promising first, three sentences at most.

    Args:
        evaluation: on examples held out.
        record: of the run.
    """
    case = _Case(evaluation, record)
    lines = [line for part in (_about_data, _about_memorizing, _about_the_base, _about_classes) for line in part(case)]
    if not isinstance(evaluation, ClassificationEvaluation):
        lines.append("More examples where it fails help most; then a larger input size, for small details.")
    return lines[:_LINES]


def _about_data(case: _Case) -> Iterator[str]:
    lint = case.code("zoo lint DATA", "zoo.lint(data)")
    results = case.record.results
    looked = None if results is None else results.lint
    faults = [finding for finding in (looked or {}).get("findings", ()) if finding["severity"] == "error"]
    if faults:
        yield f"Fix the data first: {faults[0]['message']}. {lint} says more."
    if not case.room:
        yield "There is little left to gain on examples like these: measure it on examples from another source."
    single = isinstance(case.evaluation, ClassificationEvaluation)
    if single and case.evaluation.confident_mistakes(SURE) >= _DOUBTFUL:
        yield f"Look at the confident mistakes below for wrong labels; {lint} lists other labels that look wrong."


def _about_memorizing(case: _Case) -> Iterator[str]:
    accuracy, error = case.last("accuracy"), case.last("mae")
    if accuracy is not None and accuracy[0] - accuracy[1] > _GAP:
        augmented = case.code("zoo fit DATA --augment flip,rotation", 'zoo.build(..., augment=["flip", "rotation"])')
        yield (
            f"It is right on {percent(accuracy[0])} of its training examples: it has memorized them. More examples "
            f"help most, then augmentation: {augmented}."
        )
    if error is not None and error[0] < _MEMORIZED * error[1]:
        yield (
            f"On its training examples it is off by {error[0]:.3g}, on others by {error[1]:.3g}: it has memorized "
            "them. More examples help most."
        )


def _about_the_base(case: _Case) -> Iterator[str]:
    evaluation = case.evaluation
    answers = list(evaluation.answers.values()) if isinstance(evaluation, MultiOutputEvaluation) else [evaluation]
    if not all(of(answer).by_label for answer in answers) and case.record.plan.model.features == "avg":
        pooled = case.code("zoo fit DATA --features stage2:gem", 'zoo.build(..., features="stage2:gem")')
        yield (
            "The mean over the last feature map loses where things are and how they are turned: "
            f"{pooled} keeps more of it."
        )
    if case.room and not any(phase.stages for phase in case.record.phases):
        tune = case.code("zoo fit DATA --recipe lp-ft", 'model.fit(data, recipe="lp-ft")')
        yield f"The base stayed frozen. Fine-tune its last stage: {tune}."


def _about_classes(case: _Case) -> Iterator[str]:
    evaluation = case.evaluation
    if not isinstance(evaluation, ClassificationEvaluation):
        return
    support = np.asarray(evaluation.confusion).sum(axis=1)
    if support.min() * _UNEVEN < support.max():
        weighted = case.code("zoo fit DATA --class-weight balanced", 'model.fit(data, class_weight="balanced")')
        yield f"Classes are uneven: {weighted} lets rare ones count more."
    if evaluation.interval[1] - evaluation.interval[0] > WIDE:
        held_out = case.code("zoo fit DATA --validation 0.3", "model.fit(data, validation=0.3)")
        yield f"Hold out more examples for a more certain figure: {held_out}."
    if case.room:
        better = case.code("zoo recommend DATA", "zoo.recommend(data)")
        yield f"Another backbone may suit these examples better: {better} measures that."
