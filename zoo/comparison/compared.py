"""What `zoo.compare` returns: models on the same examples, pair by pair, and their cost; a table, words, a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zoo.comparison.picture import models_drawn
from zoo.comparison.writing import span, written
from zoo.errors import OptionError, did_you_mean
from zoo.evaluation import Difference, Evaluation, Headline, plain
from zoo.table import Table

TIE = 0.05
"""Two models whose paired difference has at least this p-value are as good as each other."""

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
        """The figure that models are compared by."""
        return self.evaluation.headline

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, with all figures of the evaluation."""
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
        """The one with the best figure, whether or not others are as good."""
        return self._rows[0]

    def against(self, a: str, b: str) -> Difference:
        """Compute the figure of one less that of another, on the same examples: interval and p-value."""
        return self[a].evaluation.difference(self[b].evaluation)

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """The best less each of the others, in order."""
        return tuple(self.best.evaluation.difference(row.evaluation) for row in self[1:])

    @property
    def ties(self) -> tuple[Compared, ...]:
        """The best, and those that are as good as far as the examples can show."""
        pairs = zip(self[1:], self.differences, strict=True)
        return (self.best, *(row for row, lead in pairs if lead.p_value >= TIE))

    def table(self) -> Table:
        """Return the models as a table: the figure with its interval, the difference to the best, and the costs."""
        name, unit = self.best.headline.name, self._unit
        away = f"difference to best{f' ({unit})' if unit else ''}"
        rows = []
        for row, lead in zip(self, (None, *self.differences), strict=True):
            figure = row.headline
            rows.append(
                {
                    "model": row.name,
                    name: written(figure.value, unit),
                    "95 % interval": span(figure.interval, unit),
                    away: None if lead is None else written(-lead.value, unit, sign=True),
                    "95 % of difference": None if lead is None else span(_negated(lead.interval), unit, sign=True),
                    "p": None if lead is None else f"{lead.p_value:.2g}",
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
        """In words: which is best, and which are as good."""
        return "\n".join(self.sentences())

    def sentences(self) -> list[str]:
        """Return the verdict, a sentence each."""
        pairs = zip(self[1:], self.differences, strict=True)
        lines = [self._beside_the_best(row, lead) for row, lead in pairs]
        for what, key, unit in (("cheapest to train", "seconds", "s"), ("fastest", "ms", "ms per image")):
            known = sorted(value for row in self.ties if (value := getattr(row, key)) is not None)
            if len(known) > 1 and known[0] < _CLEARLY * known[1]:
                (least,) = (row.name for row in self.ties if getattr(row, key) == known[0])
                lines.append(f"Of those that tie, {least} is the {what}: {known[0]:.3g} {unit}.")
        return lines

    def _beside_the_best(self, row: Compared, lead: Difference) -> str:
        best, examples = self.best, self.best.evaluation.count
        unit = f" {self._unit}" if self._unit else f" of {row.headline.name}"
        low, high = lead.interval if lead.value >= 0 else _negated(lead.interval)
        how = (
            f"{written(abs(lead.value), self._unit)}{unit} (95 % interval {written(low, self._unit)} to "
            f"{written(high, self._unit)}), p = {lead.p_value:.2g}"
        )
        if lead.p_value >= TIE:
            return f"{row.name} is as good as {best.name} as far as these {examples} examples can show: {how}."
        return f"{best.name} is better than {row.name}: {how}."

    def remarks(self) -> list[str]:
        """Return how it was done, what was left out, and what a reader must know; a sentence each."""
        tests = dict.fromkeys(lead.test for lead in self.differences)
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
        """Return everything as JSON-ready data."""
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
                    "difference_to_best": None if lead is None else _away(lead),
                }
                for row, lead in zip(self, (None, *self.differences), strict=True)
            ],
            "left_out": self.left_out,
            "verdict": self.sentences(),
            "remarks": self.remarks(),
        }

    def figure(self) -> Any:
        """Draw each model's figure with its interval, the best on top, and its costs beside it: a matplotlib Figure."""
        return models_drawn(self)


def _negated(interval: tuple[float, float]) -> tuple[float, float]:
    """The interval of a difference seen from the other side."""
    return -interval[1], -interval[0]


def _away(lead: Difference) -> dict[str, Any]:
    """How far a model is from the best, from how far the best is ahead of it."""
    return {
        "value": plain(-lead.value),
        "interval": plain(_negated(lead.interval)),
        "p_value": lead.p_value,
        "test": lead.test,
    }
