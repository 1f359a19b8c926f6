"""Any number of labels each: a sigmoid and a binary cross-entropy for every label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.tasks.arithmetic import binary_log_loss
from zoo.tasks.prediction import Prediction, best
from zoo.tasks.task import THRESHOLD, Measure, Task


class Multilabel(Task):
    """Each example has any number of labels; targets are 0 or 1 for every label."""

    name = "multilabel"
    activation = "sigmoid"
    probe = "sigmoid"
    measure = Measure("mean_average_precision", "mean average precision")
    history_metric = "accuracy"
    losses = ("crossentropy", "focal", "mse")
    by_label = True

    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None) -> Any:
        """Return the mean binary cross-entropy."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=from_logits)

    def keras_metric(self) -> Any:
        """Return the share of single labels that are right."""
        import keras

        return keras.metrics.BinaryAccuracy(name=self.history_metric, threshold=THRESHOLD)

    def history_figures(
        self, scores: np.ndarray, targets: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> dict[str, float]:
        """Compute binary cross-entropy in nats, and the share of single labels right."""
        present = targets > THRESHOLD
        right = float(((scores > THRESHOLD) == present).mean())
        return {"loss": binary_log_loss(scores, present), self.history_metric: right}

    def check_targets(self, values: np.ndarray, what: str, width: int | None = None) -> None:
        """Check that targets are 0 or 1.

        Raises:
            DataError: they are something else.
        """
        bad = ~np.isin(values, (0, 1))
        if bad.any():
            raise DataError(f"{what} must hold 0 or 1 for every label; found {values[bad][0]:g}")

    def target_in_words(self, labels: Sequence[str], target: Any) -> str:
        """Return the names of the labels that are given."""
        return ", ".join(name for name, given in zip(labels, target, strict=True) if given > 0) or "nothing"

    def activated(self, raw: np.ndarray) -> np.ndarray:
        """Return the sigmoid; both signs by a form that cannot overflow."""
        small = np.exp(-np.abs(raw))
        return np.where(raw >= 0, 1 / (1 + small), small / (1 + small))

    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> Prediction:
        """Return the labels above the threshold, and the five most likely ones."""
        given = tuple(name for name, score in zip(labels, scores, strict=True) if score > THRESHOLD)
        return Prediction(source, scores, top=best(scores, labels, 5), given=given, names=tuple(labels))


MULTILABEL = Multilabel()
