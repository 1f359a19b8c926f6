"""From the rows that are trained on to the intake: what each column is, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo.errors import DataError, OptionError
from zoo_tables.cells import READERS
from zoo_tables.intake import Column, Kind, TableIntake

_READ = 0.98
"""Share of the filled cells that must be read alike for a column to be more than text."""

_NUMBERING = frozenset(("", "id", "index", "unnamed: 0"))
"""Columns that number the rows, lower case."""


class Options(BaseModel):
    """Options of the intake of tables."""

    model_config = ConfigDict(extra="forbid")

    kinds: dict[str, Kind] = Field(
        default={}, description="column -> number, date, american date, range, duration or category; else found out"
    )
    drop: list[str] = Field(default=[], description="columns that are not used")
    min_count: int = Field(
        default=5, ge=1, description="rows a category must have for a code of its own; the others share one"
    )


def fit_intake(rows: Iterable[Mapping[str, str]], options: Mapping[str, Any]) -> TableIntake:
    """Return the intake of some rows.

    Args:
        rows: column -> cell, all with the same columns.
        options: fields of `Options`.

    Raises:
        OptionError: an option has a value that cannot be used.
        DataError: rows with different columns, or with none that can be used.
    """
    try:
        chosen = Options.model_validate(dict(options))
    except ValidationError as error:
        problem = error.errors()[0]
        raise OptionError(f"option {'.'.join(map(str, problem['loc']))} of a table: {problem['msg']}") from error
    cells = _by_column(rows)
    if not cells:
        return TableIntake()
    strangers = [name for name in (*chosen.kinds, *chosen.drop) if name not in cells]
    if strangers:
        raise OptionError(f"the table has no column {strangers[0]!r}; its columns are {', '.join(map(repr, cells))}")
    columns: list[Column] = []
    unused: dict[str, str] = {}
    for name, column in cells.items():
        reason = "dropped" if name in chosen.drop else _useless(name, column)
        made = None if reason else _column(name, column, chosen)
        if made is not None:
            columns.append(made)
        else:
            unused[name] = reason or "nearly every cell is another one"
    if not columns:
        why = "; ".join(f"{name}: {reason}" for name, reason in unused.items())
        raise DataError(f"no column of the table can be learned from ({why})")
    return TableIntake(columns=tuple(columns), unused=unused)


def _by_column(rows: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    cells: dict[str, list[str]] = {}
    for number, row in enumerate(rows):
        if number == 0:
            cells = {name: [] for name in row}
        if row.keys() != cells.keys():
            raise DataError(f"rows of one table have the same columns; row {number} has {', '.join(row)}")
        for name, cell in row.items():
            cells[name].append(cell)
    return cells


def _useless(name: str, cells: Sequence[str]) -> str:
    if len(set(cells)) < 2:
        return "every cell is the same"
    return "it numbers the rows" if name.lower() in _NUMBERING else ""


def _column(name: str, cells: Sequence[str], options: Options) -> Column | None:
    """A column with its figures; None where nothing in it can be learned from."""
    filled = [cell for cell in cells if cell]
    kind = options.kinds.get(name) or kind_of(filled)
    if kind == "category":
        counts = Counter(cells)
        frequent = sorted(cell for cell, count in counts.items() if count >= options.min_count)
        return Column(name=name, kind=kind, categories=tuple(frequent)) if frequent else None
    read = READERS[kind]
    numbers = [read(cell) for cell in filled]
    values = np.array([value for value in numbers if value is not None], np.float64)
    if not len(values):
        raise OptionError(f"no cell of column {name!r} can be read as a {kind}, such as {filled[0]!r}")
    deviation = float(values.std()) or 1.0
    return Column(name=name, kind=kind, mean=float(values.mean()), deviation=deviation, gaps=len(values) < len(cells))


def kind_of(filled: Sequence[str]) -> Kind:
    """Return what the cells of a column are, as they are written.

    Args:
        filled: its cells, without those that are empty.
    """
    different = Counter(filled)
    shares: dict[str, float] = {}
    for kind, read in READERS.items():
        shares[kind] = sum(count for cell, count in different.items() if read(cell) is not None) / max(len(filled), 1)
    best = max(shares, key=lambda kind: shares[kind])  # the first of them, where several read all
    # 70 and "70 years 0 months" in one column: a mixture of ways to write one thing.
    together = shares["number"] + shares["range"] + shares["duration"]
    if shares[best] < _READ and together >= _READ:
        best = "duration" if shares["duration"] else "range"
    elif shares[best] < _READ:
        return "category"
    return best  # type: ignore[return-value]
