"""The figures of a report, by task, as drawings that stand in a page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from zoo.evaluation import (
    BoxEvaluation,
    Calibration,
    ClassificationEvaluation,
    Evaluation,
    MultilabelEvaluation,
    RegressionEvaluation,
)
from zoo.plots import (
    confusion_matrix,
    most_confused,
    overlaps,
    precision_recall,
    predicted_against_true,
    reliability_diagram,
)
from zoo.plots.style import to_svg

_SCALE = 1.25
"""How much larger than in print figures stand on a screen: 8 points are 13 px."""

_VALUES = 4
"""Values of a regression that are drawn."""

ENOUGH = 100
"""With fewer examples the bins of a reliability diagram hold so few that it shows noise."""

Drawing = tuple[str, str]
"""SVG that a page takes as it is, and its caption."""


def drawing(figure: Any, caption: str, name: str) -> Drawing:
    """Return a matplotlib Figure with its caption, ready for a page; `name` is unique in it."""
    return to_svg(figure, title=caption, name=name, shown=_SCALE), caption


@singledispatch
def drawings(evaluation: Evaluation, name: str, calibrated: Calibration | None = None) -> Iterator[Drawing]:
    """Yield the figures of an answer.

    Args:
        evaluation: of one answer.
        name: a word of its own in the page.
        calibrated: what a temperature does to it.
    """
    raise TypeError(f"there are no figures of {type(evaluation).__name__}")


@drawings.register
def _of_classes(
    evaluation: ClassificationEvaluation, name: str, calibrated: Calibration | None = None
) -> Iterator[Drawing]:
    caption = "Confusion matrix: true class down, predicted across"
    yield drawing(confusion_matrix(evaluation), caption, f"confusion-{name}")
    if not evaluation.right.all():
        yield drawing(most_confused(evaluation), "The pairs most often confused", f"pairs-{name}")
    if evaluation.count < ENOUGH:
        return
    yield drawing(
        reliability_diagram(evaluation, None if calibrated is None else calibrated.after),
        "Reliability: how often it is right, by how sure it is (95 % intervals); below the line it is overconfident. "
        f"Expected calibration error {evaluation.ece:.3f}",
        f"reliability-{name}",
    )


def instead_of_reliability(evaluation: Evaluation) -> str:
    """Return what stands in place of the reliability diagram where there are too few examples for one, else ""."""
    if not isinstance(evaluation, ClassificationEvaluation) or evaluation.count >= ENOUGH:
        return ""
    sure = float(evaluation.scores.max(axis=-1).mean())
    return (
        f"On average it is {100 * sure:.0f} % sure of its answer, and right on {100 * evaluation.accuracy:.0f} %. "
        f"{evaluation.count} examples are too few to say at which probabilities it is too sure (a reliability diagram "
        f"needs {ENOUGH})."
    )


@drawings.register
def _of_labels(evaluation: MultilabelEvaluation, name: str, calibrated: Calibration | None = None) -> Iterator[Drawing]:
    if any(row.support for row in evaluation.per_class):
        caption = "Each label at all thresholds, with its average precision; the dot is the threshold 0.5"
        yield drawing(precision_recall(evaluation), caption, f"labels-{name}")


@drawings.register
def _of_values(evaluation: RegressionEvaluation, name: str, calibrated: Calibration | None = None) -> Iterator[Drawing]:
    several = len(evaluation.labels) > 1
    for place, label in enumerate(evaluation.labels[:_VALUES]):
        caption = f"Predicted against true values of {label}" if several else "Predicted against true"
        yield drawing(predicted_against_true(evaluation, place), caption, f"values-{name}-{place}")


@drawings.register
def _of_boxes(evaluation: BoxEvaluation, name: str, calibrated: Calibration | None = None) -> Iterator[Drawing]:
    caption = "Overlap of the predicted box with the true one; right of the line at least half"
    yield drawing(overlaps(evaluation), caption, f"boxes-{name}")
