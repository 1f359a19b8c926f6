"""What `zoo.compare` found: models on the same examples, pair by pair, and their cost; a table, words, a picture."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zoo.errors import DataError, OptionError, did_you_mean
from zoo.evaluation.metrics import evaluate_scores
from zoo.evaluation.of_several import MultiOutputEvaluation
from zoo.evaluation.result import Evaluation, Headline, plain
from zoo.evaluation.uncertainty import Difference
from zoo.registry import Table

TIE = 0.05
"""Two models whose paired difference has at least this p-value cannot be told apart."""

_CLEARLY = 0.8
"""A time is called the least where it is below this share of the next: timings of one network differ by as much."""


@dataclass(frozen=True)
class Compared:
    """One model of a comparison.

    Attributes:
        name: what it is called.
        evaluation: its answers, in the common order of examples and labels.
        seconds: wall time of its training as recorded, features from the cache costing nothing; 0 where nothing was
            trained; None if unknown.
        parameters: all of them; None if unknown.
        trained: how many of them were trained; None if unknown.
        ms: milliseconds per image on this machine, forward pass in batches of 32; None if not measured.
    """

    name: str
    evaluation: Evaluation
    seconds: float | None = None
    parameters: int | None = None
    trained: int | None = None
    ms: float | None = None

    @property
    def headline(self) -> Headline:
        """The figure that models are told apart by."""
        return self.evaluation.headline

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with all figures of the evaluation."""
        cost = {key: getattr(self, key) for key in ("seconds", "parameters", "trained", "ms")}
        return {"name": self.name, **cost, "evaluation": self.evaluation.to_dict()}


class Comparison(Sequence[Compared]):
    """Models from the best down, all measured on the same examples: a sequence of `Compared` that prints as a table.

    Attributes:
        data: what they were measured on, in words.
        left_out: name -> why it is not compared.
        notes: what a reader must know.
    """

    def __init__(
        self,
        rows: Sequence[Compared],
        *,
        data: str = "",
        left_out: dict[str, str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Args as the attributes; rows in any order, at least two, on the same examples (see `aligned`)."""
        if len(rows) < 2:
            missing = "".join(f" {name}: {reason}." for name, reason in (left_out or {}).items())
            raise OptionError(f"there is nothing to compare: {len(rows)} model(s) left.{missing}")
        sign = -1 if rows[0].headline.larger_is_better else 1
        self._rows = tuple(sorted(rows, key=lambda row: (sign * row.headline.value, row.name)))
        self.data, self.left_out, self.notes = data, dict(left_out or {}), tuple(notes)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        """By place, or by name."""
        if isinstance(index, str):
            for row in self._rows:
                if row.name == index:
                    return row
            names = [row.name for row in self._rows]
            raise OptionError(f"{index!r} is not compared.{did_you_mean(index, names)} Compared: {', '.join(names)}")
        return self._rows[index]

    @property
    def best(self) -> Compared:
        """The one with the best figure, whether or not it can be told from the next."""
        return self._rows[0]

    def against(self, a: str, b: str) -> Difference:
        """The figure of one less that of another, on the same examples: interval and p-value."""
        return self[a].evaluation.difference(self[b].evaluation)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The best less each of the others, in order."""
        return tuple(self.best.evaluation.difference(row.evaluation) for row in self[1:])

    @property
    def ties(self) -> tuple[Compared, ...]:
        """Those that cannot be told from the best, which itself is the first."""
        pairs = zip(self[1:], self.differences, strict=True)
        return (self.best, *(row for row, found in pairs if found.p_value >= TIE))

    def table(self) -> Table:
        """The models as a table: the figure with its interval, the difference to the best, and the costs."""
        name = self.best.headline.name
        rows = []
        for row, found in zip(self, (None, *self.differences), strict=True):
            figure = row.headline
            rows.append(
                {
                    "model": row.name,
                    name: _written(figure.value, self._unit),
                    "95 % interval": _span(figure.interval, self._unit),
                    "best less this": None if found is None else _written(found.value, self._unit, sign=True),
                    "95 % of it": None if found is None else _span(found.interval, self._unit, sign=True),
                    "p": None if found is None else f"{found.p_value:.2g}",
                    "seconds": None if row.seconds is None else round(row.seconds, 1),
                    "parameters": row.parameters,
                    "trained": row.trained,
                    "ms": None if row.ms is None else round(row.ms, 2),
                }
            )
        shown = [column for column in rows[0] if any(row[column] is not None for row in rows)]
        return Table(rows, columns=shown)

    @property
    def _unit(self) -> str:
        """ "points" of a share, in hundredths; else the unit of the targets."""
        return "points" if self.best.headline.larger_is_better else ""

    @property
    def verdict(self) -> str:
        """In words: which is best, and from which it can be told."""
        return "\n".join(self.sentences())

    def sentences(self) -> list[str]:
        """The verdict, a sentence each."""
        lines = []
        for row, found in zip(self[1:], self.differences, strict=True):
            size = _written(abs(found.value), self._unit)
            low, high = sorted(found.interval if found.value >= 0 else (-found.interval[1], -found.interval[0]))
            how = (
                f"(95 % interval {_written(low, self._unit)} to {_written(high, self._unit)}), p = {found.p_value:.2g}"
            )
            unit = f" {self._unit}" if self._unit else f" of {row.headline.name}"
            if found.p_value >= TIE:
                lines.append(f"{self.best.name} and {row.name} cannot be told apart: {size}{unit} {how}.")
            else:
                lines.append(f"{self.best.name} is better than {row.name}: {size}{unit} {how}.")
        for what, key, unit in (("cheapest to train", "seconds", "s"), ("fastest to answer", "ms", "ms an image")):
            known = sorted(value for row in self.ties if (value := getattr(row, key)) is not None)
            if len(known) > 1 and known[0] < _CLEARLY * known[1]:
                (least,) = (row.name for row in self.ties if getattr(row, key) == known[0])
                lines.append(f"Of those that tie, {least} is the {what}: {known[0]:.3g} {unit}.")
        return lines

    def remarks(self) -> list[str]:
        """How it was done, what was left out, and what a reader must know; a sentence each."""
        tests = dict.fromkeys(found.test for found in self.differences)
        many = ", not corrected for the number of models" if len(self) > 2 else ""
        of = f" of {self.data}" if self.data else ""
        return [
            f"{len(self)} models on the same {self.best.evaluation.count} examples{of}, by {self.best.headline.name}; "
            f"pairs by {' and '.join(tests)}{many}.",
            *(f"Left out: {name}: {reason}." for name, reason in self.left_out.items()),
            *self.notes,
        ]

    def __repr__(self) -> str:
        return "\n".join([self.table().render(), *self.sentences(), *self.remarks()])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready data."""
        return {
            "data": self.data,
            "examples": self.best.evaluation.count,
            "figure": self.best.headline.name,
            "best": self.best.name,
            "ties": [row.name for row in self.ties],
            "models": [
                {
                    **row.to_dict(),
                    "value": plain(row.headline.value),
                    "interval": plain(row.headline.interval),
                    "best_less_this": None
                    if found is None
                    else {
                        "value": plain(found.value),
                        "interval": plain(found.interval),
                        "p_value": found.p_value,
                        "test": found.test,
                    },
                }
                for row, found in zip(self, (None, *self.differences), strict=True)
            ],
            "left_out": self.left_out,
            "verdict": self.sentences(),
            "remarks": self.remarks(),
        }

    def figure(self) -> Any:
        """Each model's figure with its interval, the best on top, and its costs beside it: a matplotlib Figure.

        Raises:
            OptionError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise OptionError("figure() needs matplotlib: pip install 'zoo-sdk[plots]'") from error
        drawing = Figure(figsize=(9, 1.4 + 0.5 * len(self)), layout="constrained")
        axes = drawing.add_subplot()
        tied = {row.name for row in self.ties}
        for place, row in enumerate(self):
            value, (low, high) = row.headline.value, row.headline.interval
            color = "C0" if row.name in tied else "0.55"
            if not math.isnan(low):
                axes.plot([low, high], [place, place], color=color, lw=2, solid_capstyle="butt")
            axes.plot(value, place, "o", ms=7, color=color)
        axes.set_yticks(range(len(self)), [row.name.replace("$", r"\$") for row in self])  # "$" would start a formula
        axes.set_ylim(len(self) - 0.5, -0.5)
        beside = axes.secondary_yaxis("right")
        beside.set_yticks(range(len(self)), [_cost(row) for row in self])
        for axis in (axes.yaxis, beside.yaxis):
            axis.set_tick_params(length=0)
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        beside.spines["right"].set_visible(False)
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.set_xlabel(f"{self.best.headline.name}, 95 % interval; blue: cannot be told from the best")
        if self.data:
            axes.set_title(f"{self.best.evaluation.count} examples of {self.data}".replace("$", r"\$"), fontsize=10)
        return drawing


def aligned(evaluations: dict[str, Evaluation], *, answer: str | None = None) -> dict[str, Evaluation]:
    """The same evaluations with examples and labels in the order of the first.

    Examples are the same if their content is, whatever they are called; where that is not known, if their names are.

    Args:
        evaluations: name of the model -> its evaluation.
        answer: which of several answers to compare.

    Raises:
        DataError: they were not measured on the same examples, or these have other labels or targets.
        OptionError: several answers, and none was named.
    """
    found = {name: _answer(name, evaluation, answer) for name, evaluation in evaluations.items()}
    (first_name, first), *others = found.items()
    by_content = all(evaluation.hashes for evaluation in found.values())
    keys = _keys(first, by_content)
    for name, evaluation in others:
        if evaluation.task != first.task:
            raise DataError(f"{first_name} does {first.task} and {name} {evaluation.task}: there is no common figure")
        if set(evaluation.labels) != set(first.labels) or len(evaluation.labels) != len(first.labels):
            raise DataError(
                f"{first_name} knows {', '.join(first.labels[:8])}, {name} {', '.join(evaluation.labels[:8])}: models "
                f"can be compared that answer with the same labels"
            )
        own = {key: row for row, key in enumerate(_keys(evaluation, by_content))}
        common = sum(key in own for key in keys)
        if common < len(keys) or len(own) > len(keys):
            raise DataError(
                f"{first_name} and {name} were not measured on the same examples: {len(keys)} and {len(own)}, "
                f"{common} of them in common. Train them with the same data, validation=, test= and seed=, or measure "
                f"all of them on data of its own: compare(..., data=)"
            )
        found[name] = _ordered(evaluation, first, np.array([own[key] for key in keys], np.int64))
        wrong = int((np.abs(found[name].targets - first.targets).reshape(len(keys), -1) > 1e-6).any(axis=1).sum())
        if wrong:
            raise DataError(f"{first_name} and {name} were measured against other answers for {wrong} of {len(keys)}")
    return found


def _answer(name: str, evaluation: Evaluation, answer: str | None) -> Evaluation:
    if not isinstance(evaluation, MultiOutputEvaluation):
        return evaluation
    if answer is None or answer not in evaluation.answers:
        raise OptionError(f"{name} gives several answers: say which to compare, answer={list(evaluation.answers)}")
    return evaluation[answer]


def _keys(evaluation: Evaluation, by_content: bool) -> list[tuple[Any, ...]]:
    """What an example is known by; of copies the first, the second and so on, by their targets."""
    names = evaluation.hashes if by_content else evaluation.ids
    counts = Counter(names)
    if max(counts.values()) == 1:
        return [(name,) for name in names]
    order = sorted(range(len(names)), key=lambda row: (names[row], evaluation.truth(row)))
    seen: dict[str, int] = defaultdict(int)
    keys: list[tuple[Any, ...]] = [()] * len(names)
    for row in order:
        keys[row] = (names[row], seen[names[row]])
        seen[names[row]] += 1
    return keys


def _ordered(evaluation: Evaluation, like: Evaluation, rows: np.ndarray) -> Evaluation:
    """The same evaluation, its examples in the order of rows and its labels in that of another."""
    columns = np.array([evaluation.labels.index(label) for label in like.labels], np.int64)
    if (rows == np.arange(len(rows))).all() and (columns == np.arange(len(columns))).all():
        return evaluation
    targets = evaluation.ordered_targets(rows, columns)
    return evaluate_scores(
        evaluation.scores[rows][:, columns],
        targets,
        labels=like.labels,
        ids=[evaluation.ids[row] for row in rows],
        hashes=[evaluation.hashes[row] for row in rows] if evaluation.hashes else (),
        task=evaluation.task,
        skipped=evaluation.skipped,
    )


def _written(value: float, unit: str, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "-"
    plus = "+" if sign else ""
    return f"{100 * value:{plus}.1f}" if unit == "points" else f"{value:{plus}.4g}"


def _span(interval: tuple[float, float], unit: str, *, sign: bool = False) -> str:
    return f"{_written(interval[0], unit, sign=sign)} to {_written(interval[1], unit, sign=sign)}"


def _cost(row: Compared) -> str:
    parts = []
    if row.seconds is not None:
        parts.append(f"{row.seconds:.3g} s" if row.seconds else "not trained")
    if row.parameters is not None:
        trained = "" if row.trained is None else f", {_amount(row.trained)} trained"
        parts.append(f"{_amount(row.parameters)} parameters{trained}")
    if row.ms is not None:
        parts.append(f"{row.ms:.2g} ms")
    return "; ".join(parts)


def _amount(number: int) -> str:
    for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{name}"
    return str(number)
