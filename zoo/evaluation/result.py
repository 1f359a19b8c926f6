"""What every evaluation holds, prints and writes; the tasks' own figures are in the modules beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from zoo.errors import did_you_mean
from zoo.evaluation.uncertainty import Difference, Statistic, paired_bootstrap
from zoo.printing import preformatted
from zoo.specs import Task as TaskName
from zoo.tasks import SEVERAL, SINGLE, Measure

_ROWS_SHOWN = 12


@dataclass(frozen=True)
class Headline:
    """The one figure that models of a task are compared by.

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

    @classmethod
    def of(cls, measure: Measure, value: float, interval: tuple[float, float]) -> Headline:
        """Return the figure of a task's measure."""
        return cls(measure.words, value, interval, measure.larger_is_better)


@dataclass(frozen=True)
class PluginFigure:
    """A figure that a plugin computed.

    Attributes:
        name: the metric's name, or `plugin:name` where two plugins have one of that name.
        value: the figure; NaN where it is not defined.
        higher_is_better: whether a better model has a larger one.
        provider: plugin, distribution and version.
    """

    name: str
    value: float
    higher_is_better: bool
    provider: str


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
        plugin_figures: the figures of plugins (see `zoo_metrics`), sorted by name.
    """

    task: ClassVar[TaskName]
    figures: ClassVar[tuple[str, ...]]

    labels: tuple[str, ...]
    ids: tuple[str, ...]
    targets: np.ndarray
    scores: np.ndarray
    hashes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    plugin_figures: tuple[PluginFigure, ...] = ()

    @property
    def count(self) -> int:
        """Number of examples measured."""
        return len(self.targets)

    @property
    def headline(self) -> Headline:
        """The figure that models of the task are compared by, with its interval.

        Raises:
            OptionError: several answers, each of which has its own.
        """
        raise NotImplementedError

    def example_losses(self) -> np.ndarray:
        """Return a loss for each example, float64 (n,), at least 0; the larger the worse.

        Raises:
            OptionError: several answers, each of which has its own.
        """
        raise NotImplementedError

    def worst_rows(self, k: int) -> list[int]:
        """Return the rows of the at most k examples with the largest loss, the worst first."""
        rows: list[int] = np.argsort(-self.example_losses(), kind="stable")[:k].tolist()
        return rows

    def column_to_explain(self, row: int) -> int:
        """Return the column of the scores whose explanation says most about the example in a row: the most wrong."""
        error = np.abs(self.scores[row] - np.asarray(self.targets[row]).reshape(-1))
        return int(error.argmax())

    def difference(self, other: Evaluation) -> Difference:
        """Return the headline of this less that of another on the same examples in the same order: paired bootstrap."""
        return paired_bootstrap(self._resampled_headline(), other._resampled_headline(), self.count)

    def _resampled_headline(self) -> Statistic:
        raise NotImplementedError

    def truth(self, row: int) -> Any:
        """Return what is true of the example in a row, comparable with that of another evaluation."""
        return np.asarray(self.targets[row]).tolist()

    def ordered_targets(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the targets of some rows, for labels in another order: column i of them was `columns[i]`."""
        return self.targets[rows][:, columns]

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return the figures of each class, label, value or edge in writing: the heading and the cells."""
        return (), []

    def in_words(self, row: int) -> tuple[str, str]:
        """Return what is true of the example in a row and what the model predicted, in a few words each."""
        raise NotImplementedError

    def summary(self) -> str:
        """Return the figures in one line."""
        raise NotImplementedError

    def table(self) -> list[str]:
        """Return lines with the figures of each class, label or value."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them: undefined ones are None; neither ids, targets nor scores."""
        return {
            "task": self.task,
            "count": self.count,
            "labels": list(self.labels),
            **{name: plain(getattr(self, name)) for name in self.figures},
            "skipped": [{"id": name, "reason": reason} for name, reason in self.skipped],
            "notes": list(self.notes),
            **({"plugin_figures": plain(self.plugin_figures)} if self.plugin_figures else {}),
        }

    def __str__(self) -> str:
        lines = [self.summary(), *self.table()]
        if self.plugin_figures:
            lines.append("; ".join(f"{figure.name} {digits(figure.value)}" for figure in self.plugin_figures))
        if self.skipped:
            shown = "; ".join(f"{name} ({reason})" for name, reason in self.skipped[:3])
            lines.append(f"skipped {len(self.skipped)}: {shown}{'; ...' if len(self.skipped) > 3 else ''}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return preformatted(repr(self))

    __repr__ = __str__

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # copy and the like probe for these: no prose for them
            raise AttributeError(name)
        own = ", ".join(self.figures)
        others = [kind.task for kind in Evaluation.__subclasses__() if name in kind.figures or name in vars(kind)]
        if others:
            tasks = " or ".join(task.name for task in (*SINGLE, SEVERAL) if task.name in others)
            raise AttributeError(
                f"{name} is for a {tasks} task; this is an evaluation of a {self.task} task, which has: {own}"
            )
        raise AttributeError(
            f"an evaluation of a {self.task} task has no {name!r}.{did_you_mean(name, dir(self))} Its figures: {own}"
        )


def number(value: float) -> str:
    """Return a share or score with three decimals; "-" for NaN."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def digits(value: float) -> str:
    """Return a value with four digits; "-" for NaN."""
    return "-" if math.isnan(value) else f"{value:.4g}"


def span(interval: tuple[float, float], written: Callable[[float], str]) -> str:
    """Return an interval in words."""
    return f"95 % interval {written(interval[0])} to {written(interval[1])}"


def aligned(heading: tuple[str, ...], cells: Sequence[tuple[str, ...]], what: str) -> list[str]:
    """Return an aligned table: first column left, the others right; long tables are cut, and say so."""
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
    """Return the value in JSON's types; NaN becomes None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in asdict(value).items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def times(count: int) -> str:
    """Return a number of times in words: "once", "3 times"."""
    return "once" if count == 1 else f"{count} times"


def quoted(label: str) -> str:
    """Return a label as it stands in a sentence: in quotes."""
    return f'"{label}"'
