"""The figures of several labels: average precision, a row for each label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zoo.errors import DataError
from zoo.evaluation.notes import require_probabilities, resamples, too_small, without_examples
from zoo.evaluation.result import Evaluation, Headline, aligned, number, span
from zoo.evaluation.uncertainty import Statistic, average_precisions, bootstrap, wilson
from zoo.specs import Task as TaskName
from zoo.tasks import MULTILABEL, THRESHOLD
from zoo.tasks.arithmetic import binary_log_loss

LEAST = 1e-12
"""Probabilities below this count as this: the loss of a confident mistake stays a number."""


@dataclass(frozen=True)
class LabelFigures:
    """One label of several, predicted present from a score of 0.5. NaN where a figure is not defined.

    Attributes:
        label: name of the label.
        average_precision: area under the precision-recall curve as a sum of steps, over all thresholds.
        precision: share of the examples predicted to have it that do it.
        recall: share of the examples that have it that were predicted to.
        f1: harmonic mean of the two.
        support: number of examples that have it.
    """

    label: str
    average_precision: float
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MultilabelEvaluation(Evaluation):
    """Any number of labels each.

    Attributes:
        subset_accuracy: share of examples with every label right, given from a score of 0.5.
        interval: Wilson's 95 % confidence interval of the subset accuracy.
        mean_average_precision: mean of the average precision over the labels that some example has; NaN if none.
        map_interval: bootstrapped 95 % confidence interval of it.
        log_loss: mean binary cross-entropy over examples and labels, in nats.
        per_class: one row a label.
    """

    task: ClassVar[TaskName] = MULTILABEL.name
    figures: ClassVar[tuple[str, ...]] = (
        "subset_accuracy",
        "interval",
        "mean_average_precision",
        "map_interval",
        "log_loss",
        "per_class",
    )

    subset_accuracy: float
    interval: tuple[float, float]
    mean_average_precision: float
    map_interval: tuple[float, float]
    log_loss: float
    per_class: tuple[LabelFigures, ...]

    @property
    def headline(self) -> Headline:
        """Mean average precision, with its bootstrapped interval."""
        return Headline.of(MULTILABEL.measure, self.mean_average_precision, self.map_interval)

    def example_losses(self) -> np.ndarray:
        """Return the mean binary cross-entropy over the labels, in nats, float64 (n,)."""
        right = np.where(self.targets > 0, self.scores, 1 - self.scores)
        return -np.log(np.maximum(right, LEAST)).mean(axis=1)

    def _resampled_headline(self) -> Statistic:
        return mean_average_precision(self.scores, self.targets > THRESHOLD)

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return a row for each label, the lowest average precision first."""
        ordered = sorted(self.per_class, key=lambda row: (math.isnan(row.average_precision), row.average_precision))
        cells = [
            (row.label, *map(number, (row.average_precision, row.precision, row.recall, row.f1)), str(row.support))
            for row in ordered
        ]
        return ("label", "average precision", "precision", "recall", "F1", "examples"), cells

    def in_words(self, row: int) -> tuple[str, str]:
        """Return the true labels, and the predicted ones with their probabilities."""
        true = [name for name, given in zip(self.labels, self.targets[row], strict=True) if given > 0]
        scored = zip(self.labels, self.scores[row], strict=True)
        predicted = [f"{name} {score:.2f}" for name, score in scored if score >= THRESHOLD]
        return ", ".join(true) or "nothing", ", ".join(predicted) or "nothing"

    def summary(self) -> str:
        """Return the figures in one line."""
        low, high = self.interval
        return (
            f"mean average precision {number(self.mean_average_precision)} ({span(self.map_interval, number)}) on "
            f"{self.count} examples, all labels right "
            f"{self.subset_accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}), log loss {self.log_loss:.3f}"
        )

    def table(self) -> list[str]:
        """Return a line for each label, the lowest average precision first."""
        return aligned(*self.rows(), "labels, the lowest average precision first")


def measure(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...] = ()
) -> MultilabelEvaluation:
    """Measure probabilities (n, k) against 0 or 1 (n, k); `common` holds the fields of every evaluation.

    Raises:
        DataError: targets that are not 0 or 1, scores that are no probabilities.
    """
    from sklearn.metrics import average_precision_score, precision_recall_fscore_support

    if targets.shape != scores.shape or not np.isin(targets, (0, 1)).all():
        raise DataError(
            f"targets of a multilabel task are 0 or 1, in the shape of the scores {scores.shape}; "
            f"got shape {targets.shape} of {targets.dtype}"
        )
    require_probabilities(scores)
    true, predicted = targets.astype(bool), scores > THRESHOLD
    # scikit-learn takes a single label for two classes, no and yes.
    columns = range(scores.shape[1]) if scores.shape[1] > 1 else [1]
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted, labels=columns, zero_division=np.nan)
    support = true.sum(axis=0)
    labels = common["labels"]
    average = [
        float(average_precision_score(true[:, index], scores[:, index])) if support[index] else math.nan
        for index in range(len(labels))
    ]
    defined = [value for value in average if not math.isnan(value)]
    right = int((true == predicted).all(axis=1).sum())
    interval = wilson(right, len(scores))
    return MultilabelEvaluation(
        **common,
        targets=targets,
        notes=(*notes, *too_small(len(scores), interval, "subset accuracy"), *without_examples(labels, support)),
        subset_accuracy=right / len(scores),
        interval=interval,
        mean_average_precision=float(np.mean(defined)) if defined else math.nan,
        map_interval=bootstrap(mean_average_precision(scores, true), len(scores), resamples=resamples(scores)),
        log_loss=binary_log_loss(scores, true),
        per_class=tuple(
            LabelFigures(
                label=label,
                average_precision=average[index],
                precision=float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
            )
            for index, label in enumerate(labels)
        ),
    )


def mean_average_precision(scores: np.ndarray, true: np.ndarray) -> Statistic:
    """Return the mean average precision as a figure to resample.

    Labels that no example drawn has are left out of the mean.

    Args:
        scores: (n, k).
        true: bool (n, k).
    """
    single = [average_precisions(scores[:, index], true[:, index]) for index in range(scores.shape[1])]

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.stack([figure(counts) for figure in single], axis=1)
        defined = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            result: np.ndarray = np.where(defined, values, 0.0).sum(axis=1) / defined.sum(axis=1)
        return result

    return statistic
