"""The verdict on a run, in sentences: how good, how sure, where it fails, what to try next."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.evaluation import Evaluation
from zoo.reporting.advice import Commands, advice
from zoo.reporting.words import words
from zoo.specs.record import RunRecord


@dataclass(frozen=True)
class Verdict:
    """What a reader wants to know first; sentences.

    Attributes:
        good: how good it is, and beside what.
        sure: how sure that is.
        fails: where it fails.
        next: what to try, the most promising first; with what to type.
    """

    good: tuple[str, ...]
    sure: tuple[str, ...]
    fails: tuple[str, ...]
    next: tuple[str, ...]


def verdict(evaluation: Evaluation, record: RunRecord, split: str) -> Verdict:
    """Return the verdict on a run.

    Args:
        evaluation: on examples held out, with its examples.
        record: of the run.
        split: "validation" or "test": which examples.
    """
    good, sure, fails = words(evaluation)
    if split == "validation" and _was_chosen_on(record):
        hold_out = Commands(record).code("zoo fit DATA --test 0.2", "model.fit(data, test=0.2)")
        sure.append(
            "These figures are optimistic, because the epoch to keep was chosen on the same examples. For a final "
            f"figure hold out a test part: {hold_out}."
        )
    return Verdict(tuple(good), tuple(sure), tuple(fails), tuple(advice(evaluation, record)))


def _was_chosen_on(record: RunRecord) -> bool:
    phases = record.plan.recipe.phases
    return any(phase.solver == "gradient" and (phase.patience or phase.keep == "best") for phase in phases)
