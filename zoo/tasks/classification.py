"""One class each: softmax, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.matching import class_numbers, match
from zoo.tasks.arithmetic import clipped, normalized
from zoo.tasks.prediction import Prediction, best
from zoo.tasks.targets import class_names
from zoo.tasks.task import Measure, Task


class Classification(Task):
    """Each example is of exactly one class; targets are class indices."""

    name = "classification"
    activation = "softmax"
    probe = "softmax"
    measure = Measure("accuracy", "accuracy")
    history_metric = "accuracy"
    one_class = True
    losses = ("crossentropy", "focal", "mse")
    by_label = True

    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None, shares: bool = False) -> Any:
        """Return the cross-entropy; `shares`: targets are shares of classes (n, k) instead of class indices."""
        import keras

        if shares:
            return keras.losses.CategoricalCrossentropy(from_logits=from_logits)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)

    def keras_metric(self, *, shares: bool = False) -> Any:
        """Return the accuracy; `shares` as for `keras_loss`."""
        import keras

        if shares:
            return keras.metrics.CategoricalAccuracy(name=self.history_metric)
        return keras.metrics.SparseCategoricalAccuracy(name=self.history_metric)

    def history_figures(
        self, scores: np.ndarray, targets: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> dict[str, float]:
        """Compute cross-entropy in nats, and accuracy 0..1."""
        true = clipped(normalized(scores))[np.arange(len(scores)), targets]
        accuracy = float((scores.argmax(axis=1) == targets).mean())
        return {"loss": float(-np.log(true).mean()), self.history_metric: accuracy}

    def numbered(self, labels: Sequence[str], values: np.ndarray, what: str) -> np.ndarray:
        """Return class indices for class names, matched as `zoo.matching` does; numbers are class indices already.

        Raises:
            DataError: a name that is no class; numbers that are names of other classes.
        """
        if values.dtype.kind not in "OUS":
            whole = values.dtype.kind in "uif" and np.isfinite(values).all() and (values == np.trunc(values)).all()
            return class_numbers(values.reshape(-1), labels, what).reshape(values.shape) if whole else values
        names = class_names(values, what)
        classes = tuple(dict.fromkeys(names))
        number = dict(zip(classes, match(classes, labels, what).tolist(), strict=True))
        return np.array([number[name] for name in names], np.int64)

    def check_targets(self, values: np.ndarray, what: str, width: int | None = None) -> None:
        """Check that targets are class numbers.

        Raises:
            DataError: they are something else.
        """
        if width is None:
            return
        bad = (values < 0) | (values >= width) | (values != np.trunc(values))
        if bad.any():
            raise DataError(f"{what} must hold class numbers 0..{width - 1}; found {values[bad][0]:g}")

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        """Return class indices int64 (n,)."""
        return packed[:, 0].astype(np.int64)

    def target_in_words(self, labels: Sequence[str], target: Any) -> str:
        """Return the name of the class, or its number where classes have no names."""
        return labels[int(target)] if labels else str(int(target))

    def summary(self, labels: Sequence[str]) -> str:
        """Return the number of classes, e.g. "5 classes"."""
        return f"{len(labels)} classes"

    def activated(self, raw: np.ndarray) -> np.ndarray:
        """Return softmax over the columns."""
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> Prediction:
        """Return the most likely class, and the five most likely ones."""
        top = best(scores, labels, 5)
        return Prediction(source, scores, label=top[0][0], score=top[0][1], top=top, names=tuple(labels))


CLASSIFICATION = Classification()
