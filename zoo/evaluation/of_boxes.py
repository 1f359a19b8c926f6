"""The figures of boxes: how much they overlap the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zoo.evaluation.notes import resamples, too_small
from zoo.evaluation.result import Evaluation, Headline, number, span
from zoo.evaluation.uncertainty import Statistic, bootstrap, mean_of, wilson
from zoo.specs import Task as TaskName
from zoo.tasks import BOX, THRESHOLD, as_boxes, check_boxes, intersection_over_union

EDGES = ("left", "upper", "right", "lower")
"""The edges of a box, in the order of its values."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BoxEvaluation(Evaluation):
    """One box each.

    Attributes:
        mean_iou: mean intersection over union of the predicted box and the true one, 0..1.
        iou_interval: bootstrapped 95 % confidence interval of it; NaN with a single example.
        right: share of examples with an intersection over union of at least 0.5 (PASCAL VOC's criterion).
        interval: Wilson's 95 % confidence interval of `right`.
        mae: mean absolute error of the four values, as a share of width and height.
    """

    task: ClassVar[TaskName] = BOX.name
    figures: ClassVar[tuple[str, ...]] = ("mean_iou", "iou_interval", "right", "interval", "mae")

    mean_iou: float
    iou_interval: tuple[float, float]
    right: float
    interval: tuple[float, float]
    mae: float

    @property
    def headline(self) -> Headline:
        """Mean intersection over union, with its bootstrapped interval."""
        return Headline.of(BOX.measure, self.mean_iou, self.iou_interval)

    def example_losses(self) -> np.ndarray:
        """Return 1 - intersection over union, float64 (n,)."""
        return 1 - intersection_over_union(as_boxes(self.scores), self.targets)

    def _resampled_headline(self) -> Statistic:
        return mean_of(intersection_over_union(as_boxes(self.scores), self.targets))

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return a row for each edge: how far off it is, and to which side."""
        errors = as_boxes(self.scores) - self.targets
        cells: list[tuple[str, ...]] = []
        for edge, ways, own in zip(EDGES, (("left", "right"), ("up", "down")) * 2, errors.T, strict=True):
            side = f"{100 * abs(own.mean()):.1f} too far {ways[int(own.mean() > 0)]}"
            cells.append((edge, f"{100 * np.abs(own).mean():.1f}", side))
        return ("edge", "off by, % of the picture", "mostly"), cells

    def in_words(self, row: int) -> tuple[str, str]:
        """Return "box", and how much the predicted box overlaps the true one."""
        return "box", f"overlap {1 - self.example_losses()[row]:.2f}"

    def summary(self) -> str:
        """Return the figures in one line."""
        low, high = self.interval
        return (
            f"mean intersection over union {self.mean_iou:.3f} ({span(self.iou_interval, number)}) on {self.count} "
            f"examples, at least half "
            f"{self.right:.3f} (95 % interval {low:.3f} to {high:.3f}), mean absolute error {self.mae:.4f}"
        )

    def table(self) -> list[str]:
        """Return no lines: a box has no parts with figures of their own."""
        return []


def measure(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...] = ()
) -> BoxEvaluation:
    """Measure boxes (n, 4) against true ones (n, 4); `common` holds the fields of every evaluation.

    Raises:
        DataError: targets that are no boxes.
    """
    check_boxes(targets, "targets")
    predicted = as_boxes(scores)
    overlap = intersection_over_union(predicted, targets)
    right = int((overlap >= THRESHOLD).sum())
    interval = wilson(right, len(scores))
    return BoxEvaluation(
        **common,
        targets=targets,
        notes=(*notes, *too_small(len(scores), interval, "share of boxes that overlap by half")),
        mean_iou=float(overlap.mean()),
        iou_interval=bootstrap(mean_of(overlap), len(scores), resamples=resamples(scores)),
        right=right / len(scores),
        interval=interval,
        mae=float(np.abs(predicted - targets).mean()),
    )
