"""Values, in the unit of their targets: mean square error in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.tasks.prediction import Prediction
from zoo.tasks.task import Measure, Task


class Regression(Task):
    """Each example has one or more numbers."""

    name = "regression"
    measure = Measure("mae", "mean absolute error", larger_is_better=False)
    in_units = True
    losses = ("mse", "mae", "huber")

    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None) -> Any:
        """Return the mean square error in units of `scale`.

        Neither the choice of meters or millimeters nor a value with large numbers then decides what is learned.
        """
        import keras

        error = keras.losses.MeanSquaredError()
        if scale is None:
            return error
        unit = scale.astype(np.float32)

        def scaled(true: Any, predicted: Any) -> Any:
            return error(keras.ops.cast(true, "float32") / unit, keras.ops.cast(predicted, "float32") / unit)

        return scaled

    def keras_metric(self) -> Any:
        """Return the mean absolute error."""
        import keras

        return keras.metrics.MeanAbsoluteError(name=self.history_metric)

    def history_figures(
        self, scores: np.ndarray, targets: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> dict[str, float]:
        """Compute mean square error in units of `scale`, and mean absolute error in the unit of the targets."""
        difference = scores.reshape(len(scores), -1) - targets.reshape(len(targets), -1)
        squares = float(((difference / scale) ** 2).mean())
        return {"loss": squares, self.history_metric: float(np.abs(difference).mean())}

    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> Prediction:
        """Return each value under its name."""
        values = {name: float(value) for name, value in zip(labels, scores, strict=True)}
        return Prediction(source, scores, values=values, names=tuple(labels))


REGRESSION = Regression()
