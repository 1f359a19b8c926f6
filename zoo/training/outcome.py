"""What a training did so far; the session evaluates it and writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zoo.specs.record import PhaseReport


def _nobody() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass
class Outcome:
    """What a training did so far.

    Attributes:
        history: metric -> one value per epoch, over all phases.
        phases: what each phase did.
        skipped: (id, reason) of examples that could not be read.
        train: positions that were trained on.
        validation: positions held out to choose.
        test: positions held out to judge.
        validation_scores: what the model says of `validation`, where the base did not change.
        test_scores: likewise of `test`.
        changed_base: whether a stage of the base trained.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    phases: list[PhaseReport] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    train: np.ndarray = field(default_factory=_nobody)
    validation: np.ndarray = field(default_factory=_nobody)
    test: np.ndarray = field(default_factory=_nobody)
    validation_scores: np.ndarray | None = None
    test_scores: np.ndarray | None = None
    changed_base: bool = False

    @property
    def epochs_done(self) -> int:
        """Return how many epochs the history has."""
        return max((len(values) for values in self.history.values()), default=0)

    def record(self, epochs: Mapping[str, Sequence[float]]) -> None:
        """Add the epochs of a phase to the history.

        Args:
            epochs: metric -> value per epoch.
        """
        for name, values in epochs.items():
            self.history.setdefault(name, []).extend(values)
