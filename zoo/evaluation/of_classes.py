"""The figures of a classification: accuracy, calibration, a row for each class, the mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.evaluation.calibration import Bin, expected_calibration_error, fit_temperature, reliability, scaled
from zoo.evaluation.notes import require_probabilities, too_small, without_examples
from zoo.evaluation.result import Evaluation, Headline, aligned, number, times
from zoo.evaluation.uncertainty import Difference, paired_shares, wilson
from zoo.specs import Task as TaskName
from zoo.tasks import CLASSIFICATION
from zoo.tasks.arithmetic import normalized

_CONFUSION_WRITTEN = 100
"""Classes up to which the confusion matrix is written."""

LEAST = 1e-12
"""Probabilities below this count as this: the loss of a confident mistake stays a number."""


@dataclass(frozen=True)
class ClassFigures:
    """One class of a classification. NaN where a figure is not defined (0 / 0).

    Attributes:
        label: name of the class.
        precision: share of the examples given this label that are of this class.
        recall: share of the examples of this class that were given this label.
        f1: harmonic mean of the two.
        support: number of examples of this class.
        predicted: number of examples given this label.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class Mistake:
    """An example that was given the wrong label.

    Attributes:
        id: the example.
        true: its label.
        predicted: the label it was given.
        score: the probability of the label it was given, 0..1.
    """

    id: str
    true: str
    predicted: str
    score: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ClassificationEvaluation(Evaluation):
    """One class each.

    Attributes:
        accuracy: share right, 0..1.
        interval: Wilson's 95 % confidence interval of the accuracy.
        error: 1 - accuracy.
        log_loss: mean of -log(probability of the true class), in nats.
        top5: share with the true class among the five with the highest probability; None with five classes or fewer.
        balanced_accuracy: mean recall over the classes that have examples.
        ece: expected calibration error in 15 bins, 0..1: how far confidence is from accuracy.
        reliability: the bins: mean confidence, and accuracy.
        per_class: one row a class.
        confusion: int64 (k, k), true class down, predicted class across.
    """

    task: ClassVar[TaskName] = CLASSIFICATION.name
    figures: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "interval",
        "error",
        "log_loss",
        "top5",
        "balanced_accuracy",
        "ece",
        "reliability",
        "per_class",
        "confusion",
    )

    accuracy: float
    interval: tuple[float, float]
    error: float
    log_loss: float
    top5: float | None
    balanced_accuracy: float
    ece: float
    reliability: tuple[Bin, ...]
    per_class: tuple[ClassFigures, ...]
    confusion: np.ndarray

    @property
    def headline(self) -> Headline:
        """Accuracy, with Wilson's interval."""
        return Headline.of(CLASSIFICATION.measure, self.accuracy, self.interval)

    @property
    def right(self) -> np.ndarray:
        """bool (n,): which examples were given their class."""
        return self.scores.argmax(axis=1) == self.targets

    def top_k(self, k: int) -> float:
        """Compute the share of the examples with the true class among the k of highest probability.

        Args:
            k: from 1; from the number of classes on it is 1.

        Raises:
            OptionError: k is no whole number from 1.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"top_k takes a whole number from 1; got {k!r}")
        return top_k_share(self.scores, self.targets, int(k))

    def at_temperature(self, temperature: float) -> ClassificationEvaluation:
        """Return the same answers with the logits divided by a temperature: probabilities change, classes do not.

        Raises:
            OptionError: it is not a positive number.
        """
        scores = scaled(self.scores, temperature)
        common = {"labels": self.labels, "ids": self.ids, "hashes": self.hashes, "skipped": self.skipped}
        notes = (*self.notes, f"probabilities at temperature {temperature:.4g}")
        return replace(measure(scores, self.targets, {**common, "scores": scores}), notes=notes)

    def fit_temperature(self) -> float:
        """Find the temperature at which the log loss of these examples is the smallest.

        Raises:
            DataError: all of them are right: they do not determine a temperature.
        """
        return fit_temperature(self.scores, self.targets)

    def calibrate(self, other: ClassificationEvaluation | None = None) -> Calibration:
        """Find a temperature on these examples and say what it does to others.

        Args:
            other: evaluation of the same model on other examples; None: these, and it is said.

        Raises:
            DataError: all of these examples are right.
        """
        temperature = self.fit_temperature()
        before = other or self
        return Calibration(temperature, self.count, before, before.at_temperature(temperature), other is not None)

    def mistakes(self, k: int = 10) -> list[Mistake]:
        """Return the wrong answers that were given with the highest probability, the highest first.

        Args:
            k: how many at most.
        """
        predicted = self.scores.argmax(axis=1)
        sureness = self.scores.max(axis=1)
        wrong = np.flatnonzero(predicted != self.targets)
        surest = wrong[np.argsort(-sureness[wrong], kind="stable")][:k]
        return [
            Mistake(
                self.ids[index],
                self.labels[self.targets[index]],
                self.labels[predicted[index]],
                float(sureness[index]),
            )
            for index in surest
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them; the confusion matrix only up to 100 classes (None beyond)."""
        written = super().to_dict()
        if len(self.labels) > _CONFUSION_WRITTEN:
            written["confusion"] = None
        return written

    def example_losses(self) -> np.ndarray:
        """Return -log of the probability of the true class, in nats, float64 (n,)."""
        return -np.log(np.maximum(self.scores[np.arange(self.count), self.targets], LEAST))

    def worst_rows(self, k: int) -> list[int]:
        """Return the rows of the at most k wrong examples with the largest loss, the worst first."""
        rows = np.argsort(-self.example_losses(), kind="stable")
        wrong: list[int] = rows[~self.right[rows]][:k].tolist()
        return wrong

    def confident_mistakes(self, probability: float) -> int:
        """Return the number of wrong answers given with at least this probability."""
        return int((~self.right & (self.scores.max(axis=1) >= probability)).sum())

    def confused_pairs(self, k: int = 8) -> list[tuple[str, str, int, int]]:
        """Return (true class, predicted class, how often, examples of the true class), the most frequent first.

        Args:
            k: pairs at most.
        """
        counts = np.array(self.confusion)
        totals = counts.sum(axis=1)
        np.fill_diagonal(counts, 0)
        order = np.argsort(-counts, axis=None, kind="stable")[:k]
        pairs = [tuple(map(int, np.unravel_index(place, counts.shape))) for place in order]
        return [
            (self.labels[true], self.labels[predicted], int(counts[true, predicted]), int(totals[true]))
            for true, predicted in pairs
            if counts[true, predicted]
        ]

    def column_to_explain(self, row: int) -> int:
        """Return the predicted class of the example in a row."""
        return int(self.scores[row].argmax())

    def difference(self, other: Evaluation) -> Difference:
        """Return this accuracy less another on the same examples: exact McNemar test, Newcombe's interval."""
        if not isinstance(other, ClassificationEvaluation):
            raise TypeError(f"an accuracy has no difference to a figure of the task {other.task}")
        return paired_shares(self.right, other.right)

    def truth(self, row: int) -> str:
        """Return the true class of the example in a row."""
        return self.labels[self.targets[row]]

    def ordered_targets(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the class indices of some rows, for classes in another order: class i of them was `columns[i]`."""
        place = np.empty_like(columns)
        place[columns] = np.arange(len(columns))
        return place[self.targets[rows]]

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return a row for each class, the lowest F1 first."""
        ordered = sorted(self.per_class, key=lambda row: (math.isnan(row.f1), row.f1))
        cells = [(row.label, *map(number, (row.precision, row.recall, row.f1)), str(row.support)) for row in ordered]
        return ("class", "precision", "recall", "F1", "examples"), cells

    def in_words(self, row: int) -> tuple[str, str]:
        """Return the true class, and the predicted one with its probability."""
        scores = self.scores[row]
        predicted = int(scores.argmax())
        return self.labels[int(self.targets[row])], f"{self.labels[predicted]} {scores[predicted]:.2f}"

    def summary(self) -> str:
        """Return the figures in one line."""
        low, high = self.interval
        top5 = "" if self.top5 is None else f", top-5 {self.top5:.3f}"
        return (
            f"accuracy {self.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}) on {self.count} examples{top5}, "
            f"balanced accuracy {self.balanced_accuracy:.3f}, log loss {self.log_loss:.3f}, "
            f"calibration error {self.ece:.3f}"
        )

    def table(self) -> list[str]:
        """Return a line for each class, the lowest F1 first, and the pair most often confused."""
        lines = aligned(*self.rows(), "classes, the lowest F1 first")
        for true, predicted, count, _ in self.confused_pairs(1):
            lines.append(f'most often confused: "{true}" predicted as "{predicted}" ({times(count)})')
        return lines


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it does.

    Attributes:
        temperature: what the logits are divided by: above 1 where the model was overconfident.
        fitted_on: number of examples it was found on.
        before: the evaluation without it.
        after: the same examples with it.
        held_out: whether these are others than those it was found on.
    """

    temperature: float
    fitted_on: int
    before: ClassificationEvaluation
    after: ClassificationEvaluation
    held_out: bool

    def __repr__(self) -> str:
        where = "on the test split" if self.held_out else "on the same examples, so the gain is optimistic"
        return (
            f"temperature {self.temperature:.3f}, found on {self.fitted_on} examples; {where}: log loss "
            f"{self.before.log_loss:.3f} -> {self.after.log_loss:.3f}, calibration error {self.before.ece:.3f} -> "
            f"{self.after.ece:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the temperature, and log loss and calibration error without and with it, as JSON can hold them."""
        return {
            "temperature": self.temperature,
            "fitted_on": self.fitted_on,
            "held_out": self.held_out,
            "log_loss": [self.before.log_loss, self.after.log_loss],
            "ece": [self.before.ece, self.after.ece],
        }


def measure(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...] = ()
) -> ClassificationEvaluation:
    """Measure probabilities (n, k) against class indices (n,); `common` holds the fields of every evaluation.

    Raises:
        DataError: targets that are no class indices, scores that are no probabilities.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    n, k = scores.shape
    if targets.ndim != 1 or not np.issubdtype(targets.dtype, np.integer):
        raise DataError(f"targets of a classification are class indices (n,); got {targets.shape} of {targets.dtype}")
    if targets.min() < 0 or targets.max() >= k:
        raise DataError(f"class indices must lie in 0..{k - 1}; found {int(targets.min())}..{int(targets.max())}")
    require_probabilities(scores)
    if not np.allclose(scores.sum(axis=1), 1.0, atol=1e-3):
        raise DataError(
            "the scores of an example must add up to 1 in a classification; pass softmax outputs, not logits"
        )
    everything = list(range(k))
    predicted = scores.argmax(axis=1)
    confusion = confusion_matrix(targets, predicted, labels=everything)
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=everything, zero_division=np.nan
    )
    right = int(np.diag(confusion).sum())
    interval = wilson(right, n)
    labels = common["labels"]
    table = reliability(scores, targets)
    return ClassificationEvaluation(
        **common,
        targets=targets.astype(np.int64),
        notes=(*notes, *too_small(n, interval, "accuracy"), *without_examples(labels, support)),
        accuracy=right / n,
        interval=interval,
        error=1 - right / n,
        log_loss=float(log_loss(targets, normalized(scores), labels=everything)) if k > 1 else 0.0,
        top5=top_k_share(scores, targets, 5) if k > 5 else None,
        balanced_accuracy=float(recall[support > 0].mean()),
        ece=expected_calibration_error(table),
        reliability=table,
        per_class=tuple(
            ClassFigures(
                label=label,
                precision=float(precision[index]),
                recall=float(recall[index]),
                f1=float(f1[index]),
                support=int(support[index]),
                predicted=int(confusion[:, index].sum()),
            )
            for index, label in enumerate(labels)
        ),
        confusion=confusion.astype(np.int64),
    )


def top_k_share(scores: np.ndarray, targets: np.ndarray, k: int) -> float:
    """Compute the share of the examples with the true class among the k of highest score.

    Of equal scores the first counts first.
    """
    first = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((first == targets[:, None]).any(axis=1).mean())
