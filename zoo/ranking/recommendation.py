"""What `zoo.recommend` returns: candidates from the best down, as a table, in words, as a picture, as a page."""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo import page
from zoo.plots.style import to_svg
from zoo.ranking.explaining import details, left_out, sentences
from zoo.ranking.picture import accuracy_against_time
from zoo.ranking.ranked import TIE, Ranked, Skipped
from zoo.table import Table, cell

_COLUMNS = {
    "candidate": lambda row: row.name,
    "score": lambda row: f"{row.score:.3f}",
    "accuracy": lambda row: f"{row.accuracy:.3f}",
    "95 % interval": lambda row: _span(row.interval),
    "against the top": lambda row: "tie" if row.tie else f"worse (p {row.p_value:.1g})",
    "knn": lambda row: None if row.knn is None else f"{row.knn:.3f}",
    "knn 95 %": lambda row: _span(row.knn_interval),
    "logme": lambda row: None if row.logme is None else f"{row.logme:.3f}",
    "hscore": lambda row: None if row.hscore is None else f"{row.hscore:.2f}",
    "top1": lambda row: row.top1,
    "params": lambda row: row.params,
    "macs": lambda row: row.macs,
    "ms": lambda row: round(row.ms, 2),
    "size": lambda row: row.size,
    "license": lambda row: row.license,
}

_LABELS = 50
"""Classes that the page names."""


@dataclass(eq=False, repr=False)
class Recommendation(Sequence[Ranked]):
    """Candidates from the best down: a sequence of `Ranked` that prints as a table.

    First those that are as good as the most accurate one, by their `score`; then the others, by accuracy.

    Attributes:
        rows: the candidates, at least one; given in any order, kept from the best down.
        data: name of the data.
        labels: its classes.
        images: images in the data that could be read.
        skipped: every candidate left out, with the reason.
        notes: what a reader must know.
        seconds: wall time of everything.
        computed: images that went through a base in this call; 0 when everything came from the cache.
        settings: folds, repeats, seed, scores, budget, and about the budget that would do for all.
        source: path or name of the data; None where it has none.
    """

    rows: Sequence[Ranked]
    _: KW_ONLY
    data: str
    labels: Sequence[str]
    images: int
    skipped: Sequence[Skipped] = ()
    notes: Sequence[str] = ()
    seconds: float = 0.0
    computed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None

    def __post_init__(self) -> None:
        self.rows = _from_the_best(self.rows)
        self.labels, self.skipped, self.notes = tuple(self.labels), tuple(self.skipped), tuple(self.notes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    @property
    def best(self) -> Ranked:
        """Of the candidates that are as good as the most accurate, the one with the highest score."""
        return self.rows[0]

    @property
    def fastest(self) -> Ranked:
        """The fastest of those that are as good as the most accurate."""
        return min((row for row in self if row.tie), key=lambda row: row.ms)

    @cached_property
    def pareto(self) -> tuple[Ranked, ...]:
        """The candidates than which no other is both as accurate and as fast, and better in one; from the fastest."""
        front: list[Ranked] = []
        for row in sorted(self, key=lambda row: (row.ms, -row.accuracy)):
            if not front or row.accuracy > front[-1].accuracy:
                front.append(row)
        return tuple(front)

    @property
    def to_fine_tune(self) -> tuple[Ranked, ...]:
        """What to fine-tune: the best by published accuracy among the good ones, then the best by probe.

        The hybrid rule of Renggli et al., "Which Model to Transfer? Finding the Needle in the Growing Haystack", CVPR
        2022, arXiv 2010.06402. Good: the interval reaches that of the best. Of its input sizes the largest, for which
        the published figure speaks most. The published accuracy comes first since it misled less about fine-tuned
        networks than frozen features did (`benchmarks/RESULTS.md`). If both are the same backbone, or nothing is
        published, the second is the next backbone by probe. One candidate where there is only one backbone.
        """
        good = [row for row in self if row.interval[1] >= self.best.interval[0] and row.top1 is not None]
        first = max(good, key=lambda row: (row.top1, row.input_size, row.accuracy), default=self.best)
        second = next((row for row in self if row.backbone != first.backbone), None)
        return (first,) if second is None else (first, second)

    def table(self) -> Table:
        """Return the candidates as a table; scores that were not measured have no column."""
        rows = [{name: value(row) for name, value in _COLUMNS.items()} for row in self]
        shown = [name for name in _COLUMNS if any(row[name] is not None for row in rows)]
        return Table(rows, columns=shown)

    def skipped_by_reason(self) -> dict[str, list[Skipped]]:
        """Return reason -> the candidates left out for it."""
        grouped: dict[str, list[Skipped]] = defaultdict(list)
        for item in self.skipped:
            grouped[item.reason].append(item)
        return dict(grouped)

    def left_out(self) -> list[str]:
        """Return a line for each reason for which candidates were left out."""
        return left_out(self)

    def next_command(self, data: str) -> str:
        """Return what to type to train the best one."""
        best = self.best
        words = ["zoo", "fit", data, "--backbone", best.backbone, "--input-size", str(best.input_size)]
        return shlex.join([*words, "--features", best.features])

    def sentences(self) -> list[str]:
        """Return what was measured and what follows from it, a sentence each."""
        return sentences(self)

    def details(self) -> list[str]:
        """Return how it was measured and judged, a sentence each."""
        return details(self)

    def explain(self) -> str:
        """Return everything there is to say, a sentence a line."""
        return "\n".join([*self.sentences(), *self.details(), *self.left_out(), *self.notes])

    def __repr__(self) -> str:
        return "\n".join([self.table().render(), *self.left_out()])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {
            "data": self.data,
            "labels": list(self.labels),
            "images": self.images,
            "settings": dict(self.settings),
            "best": self.best.name,
            "fastest_of_ties": self.fastest.name,
            "to_fine_tune": [row.name for row in self.to_fine_tune],
            "pareto": [row.name for row in self.pareto],
            "candidates": [row.to_dict() for row in self],
            "skipped": [{"name": item.name, "reason": item.reason} for item in self.skipped],
            "notes": list(self.notes),
            "explanation": self.explain().splitlines(),
            "seconds": self.seconds,
            "computed": self.computed,
        }

    def plot(self) -> Any:
        """Draw accuracy with its interval against milliseconds per image: a matplotlib Figure, a page wide."""
        return accuracy_against_time(self)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else: no script, no request; every name escaped.

        Raises:
            OptionError: the folder does not exist or cannot be written.
        """
        more = len(self.labels) - _LABELS
        labels = ", ".join(self.labels[:_LABELS]) + (f" and {more} more" if more > 0 else "")
        table = self.table()
        text = page.render(
            "ranking/recommendation.html",
            title=f"Which backbone for {self.data}",
            labels=labels,
            found=self,
            command=self.next_command(self.source or "DATA"),
            head=table.columns,
            rows=[[cell(column, row[column]) for column in table.columns] for row in table],
            picture=to_svg(self.plot(), title="Accuracy against milliseconds per image", name="candidates"),
        )
        return page.write(path, text)


def _from_the_best(rows: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """Rows with their p-values against the most accurate: first those that tie with it, by score."""
    top = min(rows, key=lambda row: (-row.accuracy, row.log_loss, row.ms, row.name))
    judged = [replace(row, p_value=p, tie=p >= TIE) for row, p in ((row, row.against(top)) for row in rows)]
    ties = [row for row in judged if row.tie]
    others = [row for row in judged if not row.tie]
    ties.sort(key=lambda row: (-row.score, -row.accuracy, row.ms, row.name))
    others.sort(key=lambda row: (-row.accuracy, row.log_loss, row.ms, row.name))
    return (*ties, *others)


def _span(interval: tuple[float, float] | None) -> str | None:
    return None if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
