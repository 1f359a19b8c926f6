"""The figures of several answers: an evaluation for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zoo.errors import OptionError
from zoo.evaluation.result import Evaluation, Headline
from zoo.specs import Task as TaskName
from zoo.tasks import SEVERAL


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MultiOutputEvaluation(Evaluation):
    """Several answers each.

    Attributes:
        answers: name of the answer -> its own evaluation.
    """

    task: ClassVar[TaskName] = SEVERAL.name
    figures: ClassVar[tuple[str, ...]] = ("answers",)

    answers: Mapping[str, Evaluation]

    def __getitem__(self, name: str) -> Evaluation:
        return self.answers[name]

    @property
    def headline(self) -> Headline:
        """There is none: each answer has its own."""
        raise OptionError(f"several answers have no headline of their own: take one of {', '.join(self.answers)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of every answer as JSON can hold them."""
        written = super().to_dict()
        written["answers"] = {name: answer.to_dict() for name, answer in self.answers.items()}
        return written

    def example_losses(self) -> np.ndarray:
        """Raise OptionError: each answer has its own."""
        raise OptionError("an evaluation with several answers has no loss of its own: take one of its .answers")

    def summary(self) -> str:
        """Return the number of answers."""
        return f"{len(self.answers)} answers on {self.count} examples"

    def table(self) -> list[str]:
        """Return the summary and table of each answer."""
        lines = []
        for name, answer in self.answers.items():
            lines += [f"{name}: {answer.summary()}", *(f"  {line}" for line in answer.table())]
        return lines
