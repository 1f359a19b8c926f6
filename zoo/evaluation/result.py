"""What an evaluation holds, for each task, and how it prints and becomes JSON; the arithmetic is in metrics.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, NoReturn

import numpy as np

from zoo.errors import OptionError, did_you_mean
from zoo.evaluation.calibration import Bin, Calibration, fit_temperature, scaled
from zoo.specs import Task

_ROWS_SHOWN = 12
_CONFUSION_WRITTEN = 100


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
class LabelFigures:
    """One label of a multilabel task, told present from a score of 0.5. NaN where a figure is not defined.

    Attributes:
        label: name of the label.
        average_precision: area under the precision-recall curve as a sum of steps, over all thresholds.
        precision: share of the examples told to have it that have it.
        recall: share of the examples that have it that were told to.
        f1: harmonic mean of the two.
        support: number of examples that have it.
    """

    label: str
    average_precision: float
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class OutputFigures:
    """One output of a regression, in the unit of its target.

    Attributes:
        label: name of the output.
        mae: mean absolute error.
        rmse: root of the mean square error.
        r2: share of the variance explained; NaN if the targets do not vary.
    """

    label: str
    mae: float
    rmse: float
    r2: float


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


@dataclass(frozen=True)
class Headline:
    """The one figure that models of a task are told apart by.

    Attributes:
        name: what it is called.
        value: the figure.
        interval: its 95 % confidence interval; NaN where nothing can be said.
        larger_is_better: whether a better model has a larger one.
    """

    name: str
    value: float
    interval: tuple[float, float]
    larger_is_better: bool = True


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Evaluation:
    """Figures of a model on labeled examples; which ones depends on the task.

    Attributes:
        labels: names of the outputs, in order.
        ids: names of the examples, in the order of `targets` and `scores`.
        targets: what is true: int64 (n,), multi-hot (n, k) or values (n, k).
        scores: what the model said: float64 (n, k).
        hashes: of the content of the examples, the first 16 digits of their sha256; () where unknown.
        skipped: (id, reason) of examples that could not be read.
        notes: what a reader must know to judge the figures.
    """

    task: ClassVar[Task]
    figures: ClassVar[tuple[str, ...]]

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    targets: np.ndarray
    scores: np.ndarray
    hashes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of examples measured."""
        return len(self.targets)

    @property
    def headline(self) -> Headline:
        """Accuracy, mean average precision, mean absolute error, or mean intersection over union, with its interval.

        Raises:
            OptionError: several answers, each of which has its own.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON can hold them: undefined ones are None; neither ids, targets nor scores."""
        return {
            "task": self.task,
            "count": self.count,
            "labels": list(self.labels),
            **{name: plain(getattr(self, name)) for name in self.figures},
            "skipped": [{"id": name, "reason": reason} for name, reason in self.skipped],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [self._headline(), *self._table()]
        if self.skipped:
            shown = "; ".join(f"{name} ({reason})" for name, reason in self.skipped[:3])
            lines.append(f"skipped {len(self.skipped)}: {shown}{'; ...' if len(self.skipped) > 3 else ''}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    __repr__ = __str__

    def _headline(self) -> str:
        raise NotImplementedError

    def _table(self) -> list[str]:
        raise NotImplementedError

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # copy and the like probe for these: no prose for them
            raise AttributeError(name)
        own = ", ".join(self.figures)
        for other in Evaluation.__subclasses__():
            if name in other.figures or name in vars(other):
                raise AttributeError(
                    f"{name} is for a {other.task} task; this is an evaluation of a {self.task} task, which has: {own}"
                )
        raise AttributeError(
            f"an evaluation of a {self.task} task has no {name!r}.{did_you_mean(name, dir(self))} Its figures: {own}"
        )


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

    task: ClassVar[Task] = "classification"
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
        return Headline("accuracy", self.accuracy, self.interval)

    @property
    def right(self) -> np.ndarray:
        """bool (n,): which examples were given their class."""
        return self.scores.argmax(axis=1) == self.targets

    def top_k(self, k: int) -> float:
        """Share of the examples with the true class among the k of highest probability.

        Args:
            k: from 1; from the number of classes on it is 1.

        Raises:
            OptionError: k is no whole number from 1.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"top_k takes a whole number from 1; got {k!r}")
        from zoo.evaluation.metrics import top_k_share

        return top_k_share(self.scores, self.targets, int(k))

    def at_temperature(self, temperature: float) -> ClassificationEvaluation:
        """The same answers with the logits divided by a temperature: probabilities change, classes do not.

        Raises:
            OptionError: it is not a positive number.
        """
        from zoo.evaluation.metrics import evaluate_scores

        found = evaluate_scores(
            scaled(self.scores, temperature),
            self.targets,
            labels=self.labels,
            ids=self.ids,
            hashes=self.hashes,
            skipped=self.skipped,
        )
        assert isinstance(found, ClassificationEvaluation)
        return replace(found, notes=(*self.notes, f"probabilities at temperature {temperature:.4g}"))

    def fit_temperature(self) -> float:
        """The temperature at which the log loss of these examples is the smallest.

        Raises:
            DataError: all of them are right: the surer the better.
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
        """The wrong answers the model was most sure of, the surest first.

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
        """The figures as JSON can hold them; the confusion matrix only up to 100 classes (None beyond)."""
        written = super().to_dict()
        if len(self.labels) > _CONFUSION_WRITTEN:
            written["confusion"] = None
        return written

    def _headline(self) -> str:
        low, high = self.interval
        top5 = "" if self.top5 is None else f", top-5 {self.top5:.3f}"
        return (
            f"accuracy {self.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}) on {self.count} examples{top5}, "
            f"balanced accuracy {self.balanced_accuracy:.3f}, log loss {self.log_loss:.3f}, "
            f"calibration error {self.ece:.3f}"
        )

    def _table(self) -> list[str]:
        rows = sorted(self.per_class, key=lambda row: (math.isnan(row.f1), row.f1))
        heading = ("class", "precision", "recall", "F1", "examples")
        cells = [(row.label, *map(_number, (row.precision, row.recall, row.f1)), str(row.support)) for row in rows]
        lines = _columns(heading, cells, "classes, the lowest F1 first")
        pairs = self.confusion - np.diag(np.diag(self.confusion))
        if pairs.any():
            true, predicted = np.unravel_index(int(pairs.argmax()), pairs.shape)
            lines.append(
                f"most often confused: {self.labels[true]} taken for {self.labels[predicted]}, {pairs.max()} times"
            )
        return lines


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MultilabelEvaluation(Evaluation):
    """Any number of labels each.

    Attributes:
        subset_accuracy: share of examples with every label right, told from a score of 0.5.
        interval: Wilson's 95 % confidence interval of the subset accuracy.
        mean_average_precision: mean of the average precision over the labels that some example has; NaN if none.
        map_interval: bootstrapped 95 % confidence interval of it.
        log_loss: mean binary cross-entropy over examples and labels, in nats.
        per_class: one row a label.
    """

    task: ClassVar[Task] = "multilabel"
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
        return Headline("mean average precision", self.mean_average_precision, self.map_interval)

    def _headline(self) -> str:
        low, high = self.interval
        return (
            f"mean average precision {_number(self.mean_average_precision)} ({_span(self.map_interval, _number)}) on "
            f"{self.count} examples, all labels right "
            f"{self.subset_accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}), log loss {self.log_loss:.3f}"
        )

    def _table(self) -> list[str]:
        rows = sorted(self.per_class, key=lambda row: (math.isnan(row.average_precision), row.average_precision))
        heading = ("label", "average precision", "precision", "recall", "F1", "examples")
        cells = [
            (row.label, *map(_number, (row.average_precision, row.precision, row.recall, row.f1)), str(row.support))
            for row in rows
        ]
        return _columns(heading, cells, "labels, the lowest average precision first")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RegressionEvaluation(Evaluation):
    """Values. With several outputs each figure is the mean over the outputs, except `rmse`, the root of the mean `mse`.

    Attributes:
        mae: mean absolute error, in the unit of the targets.
        mse: mean square error, in that unit squared.
        rmse: root of `mse`.
        r2: share of the variance explained, at most 1; NaN if the targets of an output do not vary.
        mae_interval: bootstrapped 95 % confidence interval of `mae`; NaN with a single example.
        rmse_interval: of `rmse`.
        r2_interval: of `r2`.
        per_output: one row an output.
    """

    task: ClassVar[Task] = "regression"
    figures: ClassVar[tuple[str, ...]] = (
        "mae",
        "mse",
        "rmse",
        "r2",
        "mae_interval",
        "rmse_interval",
        "r2_interval",
        "per_output",
    )

    mae: float
    mse: float
    rmse: float
    r2: float
    mae_interval: tuple[float, float]
    rmse_interval: tuple[float, float]
    r2_interval: tuple[float, float]
    per_output: tuple[OutputFigures, ...]

    @property
    def headline(self) -> Headline:
        """Mean absolute error, with its bootstrapped interval."""
        return Headline("mean absolute error", self.mae, self.mae_interval, larger_is_better=False)

    def _headline(self) -> str:
        return (
            f"mean absolute error {self.mae:.4g} ({_span(self.mae_interval, _digits)}), "
            f"root mean square error {self.rmse:.4g}, "
            f"R2 {_number(self.r2)} on {self.count} examples"
        )

    def _table(self) -> list[str]:
        if len(self.per_output) == 1:
            return []
        cells = [(row.label, f"{row.mae:.4g}", f"{row.rmse:.4g}", _number(row.r2)) for row in self.per_output]
        return _columns(("output", "MAE", "RMSE", "R2"), cells, "outputs")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BoxEvaluation(Evaluation):
    """One box each.

    Attributes:
        mean_iou: mean intersection over union of the box told and the true one, 0..1.
        iou_interval: bootstrapped 95 % confidence interval of it; NaN with a single example.
        right: share of examples with an intersection over union of at least 0.5 (PASCAL VOC's criterion).
        interval: Wilson's 95 % confidence interval of `right`.
        mae: mean absolute error of the four values, as a share of width and height.
    """

    task: ClassVar[Task] = "box"
    figures: ClassVar[tuple[str, ...]] = ("mean_iou", "iou_interval", "right", "interval", "mae")

    mean_iou: float
    iou_interval: tuple[float, float]
    right: float
    interval: tuple[float, float]
    mae: float

    @property
    def headline(self) -> Headline:
        """Mean intersection over union, with its bootstrapped interval."""
        return Headline("mean intersection over union", self.mean_iou, self.iou_interval)

    def _headline(self) -> str:
        low, high = self.interval
        return (
            f"mean intersection over union {self.mean_iou:.3f} ({_span(self.iou_interval, _number)}) on {self.count} "
            f"examples, at least half "
            f"{self.right:.3f} (95 % interval {low:.3f} to {high:.3f}), mean absolute error {self.mae:.4f}"
        )

    def _table(self) -> list[str]:
        return []


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MultiOutputEvaluation(Evaluation):
    """Several answers each.

    Attributes:
        answers: name of the answer -> its own evaluation.
    """

    task: ClassVar[Task] = "multi-output"
    figures: ClassVar[tuple[str, ...]] = ("answers",)

    answers: Mapping[str, Evaluation]

    def __getitem__(self, name: str) -> Evaluation:
        return self.answers[name]

    @property
    def headline(self) -> Headline:
        """There is none: each answer has its own."""
        raise OptionError(f"several answers have no headline of their own: take one of {', '.join(self.answers)}")

    def to_dict(self) -> dict[str, Any]:
        """The figures of every answer as JSON can hold them."""
        written = super().to_dict()
        written["answers"] = {name: answer.to_dict() for name, answer in self.answers.items()}
        return written

    def _headline(self) -> str:
        return f"{len(self.answers)} answers on {self.count} examples"

    def _table(self) -> list[str]:
        lines = []
        for name, answer in self.answers.items():
            lines += [f"{name}: {answer._headline()}", *(f"  {line}" for line in answer._table())]
        return lines


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


def _span(interval: tuple[float, float], written: Callable[[float], str]) -> str:
    return f"95 % interval {written(interval[0])} to {written(interval[1])}"


def _columns(heading: tuple[str, ...], cells: Sequence[tuple[str, ...]], what: str) -> list[str]:
    """An aligned table: first column left, the others right; long tables are cut, and say so."""
    shown = cells[:_ROWS_SHOWN]
    widths = [max(len(row[column]) for row in [heading, *shown]) for column in range(len(heading))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in [heading, *shown]
    ]
    if len(cells) > len(shown):
        lines.append(f"({len(shown)} of {len(cells)} {what})")
    return lines


def plain(value: Any) -> Any:
    """The value in JSON's types; NaN becomes None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, ClassFigures | LabelFigures | OutputFigures | Bin):
        return {name: plain(item) for name, item in asdict(value).items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
