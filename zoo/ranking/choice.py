"""What `zoo.recommend` returns for examples other than images: backbones from the best down, in a table and words."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo import page
from zoo.evaluation import mcnemar
from zoo.ranking.ranked import TIE, Skipped
from zoo.table import Table, cell


@dataclass(frozen=True)
class Fitted:
    """One backbone as measured.

    Attributes:
        backbone: its name.
        accuracy: of the answers to examples that were held out, 0..1.
        interval: Wilson's 95 % interval of it.
        log_loss: of these answers, in nats.
        seconds: wall time of all fits.
        license: license of the weights; "" where it has none.
        right: bool, for each example whether the answer was right.
        p_value: exact McNemar test against the most accurate, on the same examples.
        tie: whether it is as good as the most accurate as far as the examples can show (`p_value` at least 0.05).
    """

    backbone: str
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    seconds: float
    license: str
    right: np.ndarray = field(repr=False, compare=False)
    p_value: float = 1.0
    tie: bool = True

    @property
    def name(self) -> str:
        """The backbone's."""
        return self.backbone

    @property
    def arguments(self) -> dict[str, Any]:
        """Keywords for `zoo.build(**arguments, head=...)`."""
        return {"backbone": self.backbone}

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without the single answers."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "right"}
        return {"name": self.name, **data, "interval": list(self.interval)}


@dataclass(eq=False, repr=False)
class Choice(Sequence[Fitted]):
    """Backbones from the best down: a sequence of `Fitted` that prints as a table.

    First those that are as good as the most accurate one, by their log loss; then the others, by accuracy.

    Attributes:
        rows: the candidates, at least one; given in any order, kept from the best down.
        data: name of the data.
        modality: what its examples are.
        examples: how many.
        folds: of the cross-validation.
        seed: of the folds.
        skipped: every candidate left out, with the reason.
        notes: what a reader must know.
        seconds: wall time of everything.
    """

    rows: Sequence[Fitted]
    _: KW_ONLY
    data: str
    modality: str
    examples: int
    folds: int
    seed: int = 0
    skipped: Sequence[Skipped] = ()
    notes: Sequence[str] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        top = min(self.rows, key=lambda row: (-row.accuracy, row.log_loss, row.name))
        tests = ((row, mcnemar(row.right, top.right)) for row in self.rows)
        judged = [replace(row, p_value=p, tie=p >= TIE) for row, p in tests]
        judged.sort(key=lambda row: (not row.tie, row.log_loss if row.tie else -row.accuracy, row.name))
        self.rows, self.skipped, self.notes = tuple(judged), tuple(self.skipped), tuple(self.notes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    @property
    def best(self) -> Fitted:
        """Of the candidates that are as good as the most accurate, the one with the lowest log loss."""
        return self.rows[0]

    def table(self) -> Table:
        """Return the candidates as a table."""
        rows = [
            {
                "candidate": row.name,
                "accuracy": f"{row.accuracy:.3f}",
                "95 % interval": f"{row.interval[0]:.3f} to {row.interval[1]:.3f}",
                "against the top": "tie" if row.tie else f"worse (p {row.p_value:.1g})",
                "log loss": f"{row.log_loss:.3f}",
                "seconds": f"{row.seconds:.0f}",
                "license": row.license or None,
            }
            for row in self
        ]
        return Table(rows, columns=list(rows[0]))

    def sentences(self) -> list[str]:
        """Return what was measured and what follows from it, a sentence each."""
        best = self.best
        lines = [
            f"Best: {best.name}, {100 * best.accuracy:.1f} % right (95 % interval {100 * best.interval[0]:.1f} % to "
            f"{100 * best.interval[1]:.1f} %), by {self.folds} fits, each judged on the part of the {self.examples} "
            "examples that it did not see."
        ]
        late = [item.name for item in self.skipped if item.late]
        if len(self) == 1 and late:
            return [*lines, f"It was measured alone: the budget ended before {', '.join(late)}. Raise it to compare."]
        if len(self) == 1:
            return [*lines, f"It is the only backbone for examples of {self.modality!r} that could be measured here."]
        for row in self[1:]:
            points = 100 * (best.accuracy - row.accuracy)
            by = "is as right as it" if abs(points) < 0.05 else f"is {abs(points):.1f} points {_word(points)}"
            doubt = ", which these examples cannot tell from chance" if row.tie else ""
            lines.append(f"{row.name} {by} (paired test, p = {row.p_value:.1g}){doubt}.")
        if self[1].tie:
            lines.append(f"{best.name} is listed first because its log loss is the lowest ({best.log_loss:.3f}).")
        return lines

    def details(self) -> list[str]:
        """Return how it was measured and judged, a sentence each."""
        return [
            f"Each candidate was built and fitted {self.folds} times, as `zoo fit` does with nothing else named; "
            "copies of an example are in one fold.",
            f"The paired test is the exact McNemar test on the same examples; p of at least {TIE} is a tie.",
        ]

    def left_out(self) -> list[str]:
        """Return a line for each candidate that was left out."""
        return [f"left out: {item.name}: {item.reason}" for item in self.skipped]

    def next_command(self, data: str) -> str:
        """Return what to type to train the best one."""
        return shlex.join(["zoo", "fit", data, "--backbone", self.best.backbone])

    def explain(self) -> str:
        """Return everything there is to say, a sentence a line."""
        return "\n".join([*self.sentences(), *self.details(), *self.left_out(), *self.notes])

    def __repr__(self) -> str:
        return "\n".join([self.table().render(), *self.sentences(), *self.left_out()])

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready data."""
        return {
            "data": self.data,
            "modality": self.modality,
            "examples": self.examples,
            "settings": {"folds": self.folds, "seed": self.seed},
            "best": self.best.name,
            "candidates": [row.to_dict() for row in self],
            "skipped": [{"name": item.name, "reason": item.reason} for item in self.skipped],
            "notes": list(self.notes),
            "explanation": self.explain().splitlines(),
            "seconds": self.seconds,
        }

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that needs nothing else: no script, no request; every name escaped.

        Raises:
            OptionError: the folder does not exist or cannot be written.
        """
        table = self.table()
        text = page.render(
            "ranking/choice.html",
            title=f"Which backbone for {self.data}",
            lines=self.explain().splitlines(),
            command=self.next_command("DATA"),
            head=table.columns,
            rows=[[cell(column, row[column]) for column in table.columns] for row in table],
        )
        return page.write(path, text)


def _word(points: float) -> str:
    return "worse" if points > 0 else "better"
