"""What every phase works with: the model, the data, what was done so far, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.data import Dataset
from zoo.features import Features
from zoo.features.extraction import Kept
from zoo.features.probe import Matrix
from zoo.specs import HEAD_STAGE, PhaseSpec
from zoo.specs.record import PhaseReport
from zoo.tasks import read_scores
from zoo.training.checks import weight_of_classes
from zoo.training.descent.descend import Descent, Goal
from zoo.training.descent.sources import Images, Rows
from zoo.training.outcome import Outcome
from zoo.training.recipes.choosing import rates
from zoo.training.settings import Settings

Measure = Callable[[np.ndarray, np.ndarray], dict[str, float]]
"""(scores, targets) -> loss and accuracy, given by the caller: training knows no metrics of its own."""


@dataclass(frozen=True)
class Work:
    """One phase on one model and its data.

    Attributes:
        composition: the model; head, and the stages that the phase unfreezes, are changed in place.
        dataset: labeled data whose classes are those of the head.
        outcome: what was done so far.
        phase: what is to be done.
        settings: everything else that the numbers depend on; augmentation only if this phase augments.
        views: features of the plain examples and of their augmented views; empty for a phase on examples.
        title: what the display calls the phase.
        behind_prefix: for a phase that is resumed: whether it trained behind a cached prefix; None: not resumed.
    """

    composition: Composition
    dataset: Dataset
    outcome: Outcome
    phase: PhaseSpec
    settings: Settings
    views: tuple[Features, ...] = ()
    title: str = ""
    behind_prefix: bool | None = None

    @property
    def targets(self) -> np.ndarray:
        """Return the answers of every example of the data set."""
        assert self.dataset.targets is not None
        return self.dataset.targets

    @property
    def training_targets(self) -> np.ndarray:
        """Return the answers of the training examples."""
        return self.targets[self.outcome.train]

    def kept(self, positions: np.ndarray, *, views: bool = False) -> Kept:
        """Return the features of some examples.

        Args:
            positions: int64 (n,), which of them.
            views: whether all their views, one after the other.
        """
        return Kept(self.views if views else self.views[0], positions)

    def descent(self, model: Any, learning: Images | Rows, checking: Images | Rows | None) -> Descent:
        """Return the gradient descent of this phase.

        Args:
            model: what is trained.
            learning: examples to learn from.
            checking: examples to measure after every epoch, or None.
        """
        composition, phase = self.composition, self.phase
        return Descent(
            model=model,
            phase=phase,
            learning=learning,
            checking=checking,
            goal=Goal.of(composition),
            seed=self.settings.seed,
            first_epoch=self.outcome.epochs_done,
            title=self.title,
            class_weight=weight_of_classes(composition, self.training_targets, phase, self.settings.class_weight),
            factors=self._factors(),
            compare_start=self._compares_start(),
        )

    def _compares_start(self) -> bool:
        """Whether the weights from before this phase can be better than what it comes to: the head was trained."""
        trained = self.outcome.epochs_done > 0 or not self.settings.fresh_head
        return trained and self.phase.monitor.startswith("val_")

    def _factors(self) -> dict[int, float]:
        """`id` of each variable -> factor on its learning rate, as the phase says for its stage."""
        composition = self.composition
        assert composition.head is not None
        places = {stage.name: list(stage.layers) for stage in composition.stages}
        places[HEAD_STAGE] = composition.head.layers
        return {
            id(weight): factor
            for name, factor in rates(self.phase, composition.stage_names).items()
            for layer in places[name]
            for weight in layer.trainable_weights
        }

    def report(self, **fields: Any) -> PhaseReport:
        """Return the report of a phase of gradient descent.

        Args:
            **fields: what is to be said beside the settings of the phase.
        """
        phase = self.phase
        return PhaseReport(
            name=phase.name,
            seconds=0.0,
            solver="gradient",
            epochs=phase.epochs,
            optimizer=phase.optimizer,
            learning_rate=phase.learning_rate,
            batch_size=phase.batch_size,
            batchnorm=phase.batchnorm,
            **fields,
        )


def several(views: int) -> int | None:
    """Return a number of views for the report: None where there is only the plain one."""
    return views if views > 1 else None


def scores_of_features(composition: Composition, values: Matrix, batch_size: int = 4096) -> np.ndarray:
    """Return what the head says of features: float32 (n, columns).

    Args:
        composition: the model.
        values: float32 (n, d), in memory or on disk.
        batch_size: rows in one pass.
    """
    rows = composition.rows
    assert rows is not None
    chunks = (values[start : start + batch_size] for start in range(0, len(values), batch_size))
    raw = np.concatenate([np.asarray(rows(chunk, training=False)) for chunk in chunks])
    return read_scores(composition.outputs, raw, from_logits=composition.from_logits).astype(np.float32)
