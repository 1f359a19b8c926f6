"""The figures of values: absolute and square errors, share of the variance explained, a row for each value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from zoo.errors import DataError
from zoo.evaluation.notes import resamples, too_small_for_errors
from zoo.evaluation.result import Evaluation, Headline, aligned, digits, number, quoted, span
from zoo.evaluation.uncertainty import Statistic, bootstrap, mean_of
from zoo.specs import Task as TaskName
from zoo.tasks import REGRESSION


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

    task: ClassVar[TaskName] = REGRESSION.name
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
        return Headline.of(REGRESSION.measure, self.mae, self.mae_interval)

    def example_losses(self) -> np.ndarray:
        """Return the root mean square over the values of error by standard deviation of the targets, float64 (n,)."""
        true = self.targets.reshape(self.scores.shape)
        unit = true.std(axis=0)
        return np.sqrt((((self.scores - true) / np.where(unit > 0, unit, 1.0)) ** 2).mean(axis=1))

    def column_to_explain(self, row: int) -> int:
        """Return the value of the example in a row with the largest error by its standard deviation."""
        true = np.asarray(self.targets).reshape(self.scores.shape)
        spread = true.std(axis=0)
        return int((np.abs(self.scores[row] - true[row]) / np.where(spread > 0, spread, 1)).argmax())

    def _resampled_headline(self) -> Statistic:
        return mean_of(np.abs(self.scores - self.targets).mean(axis=1))

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return a row for each value."""
        cells: list[tuple[str, ...]] = [
            (row.label, f"{row.mae:.4g}", f"{row.rmse:.4g}", number(row.r2)) for row in self.per_output
        ]
        return ("value", "MAE", "RMSE", "R2"), cells

    def in_words(self, row: int) -> tuple[str, str]:
        """Return the true values and the predicted ones."""
        true = np.asarray(self.targets[row]).reshape(-1)
        return self._values_in_words(true), self._values_in_words(self.scores[row])

    def _values_in_words(self, values: np.ndarray) -> str:
        if len(self.labels) == 1:
            return f"{values[0]:.4g}"
        return ", ".join(f"{name} {value:.4g}" for name, value in zip(self.labels, values, strict=True))

    def summary(self) -> str:
        """Return the figures in one line."""
        return (
            f"mean absolute error {self.mae:.4g} ({span(self.mae_interval, digits)}), "
            f"root mean square error {self.rmse:.4g}, "
            f"R2 {number(self.r2)} on {self.count} examples"
        )

    def table(self) -> list[str]:
        """Return a line for each value, where there are several."""
        return [] if len(self.per_output) == 1 else aligned(*self.rows(), "values")


def _values(targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Targets as float64 (n, k), checked."""
    values = targets.reshape(len(targets), -1).astype(np.float64)
    if values.shape != shape:
        raise DataError(f"targets of shape {targets.shape} do not fit scores of shape {shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{(~np.isfinite(values).all(axis=1)).sum()} of {len(values)} targets are NaN or infinite")
    return values


def measure(
    scores: np.ndarray, targets: np.ndarray, common: dict[str, Any], notes: tuple[str, ...] = ()
) -> RegressionEvaluation:
    """Measure values (n, k) against true values (n, k) or (n,); `common` holds the fields of every evaluation.

    Raises:
        DataError: targets of another shape, or not finite.
    """
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    values = _values(targets, scores.shape)
    mae = mean_absolute_error(values, scores, multioutput="raw_values")
    mse = mean_squared_error(values, scores, multioutput="raw_values")
    labels = common["labels"]
    r2 = [_r2(values[:, index], scores[:, index]) for index in range(len(labels))]
    constant = [label for label, value in zip(labels, r2, strict=True) if math.isnan(value)]
    if constant:
        notes = (
            *notes,
            f"R2 is not defined for {', '.join(quoted(label) for label in constant)}: all targets are the same",
        )
    count = resamples(scores)
    mae_interval, rmse_interval, r2_interval = (
        bootstrap(figure, len(scores), resamples=count)
        for figure in (
            mean_of(np.abs(scores - values).mean(axis=1)),
            _root(mean_of(((scores - values) ** 2).mean(axis=1))),
            _explained(scores, values),
        )
    )
    return RegressionEvaluation(
        **common,
        targets=values,
        notes=(*notes, *too_small_for_errors(len(scores), float(mae.mean()), mae_interval)),
        mae=float(mae.mean()),
        mse=float(mse.mean()),
        rmse=math.sqrt(mse.mean()),
        r2=float(np.mean(r2)),
        mae_interval=mae_interval,
        rmse_interval=rmse_interval,
        r2_interval=(math.nan, math.nan) if constant else r2_interval,
        per_output=tuple(
            OutputFigures(label, float(mae[index]), math.sqrt(mse[index]), r2[index])
            for index, label in enumerate(labels)
        ),
    )


def _root(figure: Statistic) -> Statistic:
    return lambda counts: np.sqrt(figure(counts))


def _explained(scores: np.ndarray, targets: np.ndarray) -> Statistic:
    """R2, the mean over outputs; NaN where the targets drawn do not vary."""

    def statistic(counts: np.ndarray) -> np.ndarray:
        total = counts.sum(axis=1, keepdims=True)
        center = targets.mean(axis=0)  # near 0 the sums of squares keep their digits
        values = targets - center
        spread = counts @ values**2 - (counts @ values) ** 2 / total
        varies = spread > 1e-12 * (counts @ values**2)  # of one example drawn again and again rounding leaves a spread
        left = counts @ (scores - targets) ** 2 / np.where(varies, spread, np.nan)
        result: np.ndarray = (1 - left).mean(axis=1)
        return result

    return statistic


def _r2(true: np.ndarray, predicted: np.ndarray) -> float:
    from sklearn.metrics import r2_score

    return float(r2_score(true, predicted)) if np.ptp(true) > 0 else math.nan
