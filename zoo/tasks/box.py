"""One bounding box each: x_min, y_min, x_max, y_max as shares 0..1 of width and height."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.tasks.prediction import Prediction
from zoo.tasks.task import Measure, Task

SLACK = 0.01
"""How far a share may lie outside of 0..1: rounding, and tools that count the last column in."""


class Box(Task):
    """Each example has one box; targets are its four values."""

    name = "box"
    measure = Measure("mean_iou", "mean intersection over union")
    are_places = True
    fixed_labels = ("x_min", "y_min", "x_max", "y_max")  # BOX_LABELS of zoo.specs, which is not loaded to answer
    losses = ("mae", "mse", "huber")
    # As Carion et al. 2020, arXiv 2005.12872, section 4.1 weigh the same error against cross-entropy.
    loss_weight = 5.0

    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None) -> Any:
        """Return the mean absolute error of the four values."""
        import keras

        return keras.losses.MeanAbsoluteError()

    def keras_metric(self) -> Any:
        """Return the mean absolute error of the four values."""
        import keras

        return keras.metrics.MeanAbsoluteError(name=self.history_metric)

    def history_figures(
        self, scores: np.ndarray, targets: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> dict[str, float]:
        """Compute the mean absolute error of the four values; it is loss and metric."""
        return dict.fromkeys(("loss", self.history_metric), float(np.abs(scores - targets).mean()))

    def numbered(self, labels: Sequence[str], values: np.ndarray, what: str) -> np.ndarray:
        """Return shares that rounding took outside of 0..1, by no more than `SLACK`, as 0 or 1."""
        if values.dtype.kind != "f":
            return values
        return np.where((values >= -SLACK) & (values <= 1 + SLACK), np.clip(values, 0, 1), values)

    def check_targets(self, values: np.ndarray, what: str, width: int | None = None) -> None:
        """Check that targets are boxes within the picture, and not inside out.

        Raises:
            DataError: they are not.
        """
        check_boxes(values, what)

    def target_in_words(self, labels: Sequence[str], target: Any) -> str:
        """Return an empty string: a box is drawn."""
        return ""

    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> Prediction:
        """Return the box, brought within the picture."""
        x_min, y_min, x_max, y_max = as_boxes(scores[None])[0].tolist()
        return Prediction(source, scores, box=(x_min, y_min, x_max, y_max), names=tuple(labels))


def check_boxes(boxes: np.ndarray, what: str) -> None:
    """Check that boxes are (n, 4), within 0..1, and not inside out.

    Raises:
        DataError: they are not; the message names the first that is wrong.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{what} must be boxes (n, 4): x_min, y_min, x_max, y_max; got shape {boxes.shape}")
    bad = (boxes < 0).any(1) | (boxes > 1).any(1) | (boxes[:, 0] >= boxes[:, 2]) | (boxes[:, 1] >= boxes[:, 3])
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{what}: box {row} is {boxes[row].tolist()}; boxes are x_min, y_min, x_max, y_max as shares 0..1 of width "
            f"and height (divide pixels by the picture's size), x_min < x_max, y_min < y_max"
        )


def as_boxes(values: np.ndarray) -> np.ndarray:
    """Return the boxes that values (n, 4) mean: within 0..1, and never inside out."""
    inside = np.clip(values, 0, 1)
    return np.concatenate([np.minimum(inside[:, :2], inside[:, 2:]), np.maximum(inside[:, :2], inside[:, 2:])], axis=1)


def intersection_over_union(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Compute the area that boxes share over the area of their union.

    Everingham et al. 2010, PASCAL VOC, section 4.2.

    Args:
        predicted: (n, 4), x_min, y_min, x_max, y_max; inside out counts as empty.
        true: (n, 4), with areas above 0.

    Returns:
        (n,), 0..1.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    sides = np.minimum(predicted[:, 2:], true[:, 2:]) - np.maximum(predicted[:, :2], true[:, :2])
    common = np.clip(sides, 0, None).prod(axis=1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (predicted, true)]
    return common / (areas[0] + areas[1] - common)


BOX = Box()
