"""What is held out by a column: `{"month": ">=2016-07"}`, `{"speaker": ["theo", "lucas"]}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.tables.columns import numbers_in
from zoo.errors import DataError, OptionError, did_you_mean

_ORDERS = (">=", "<=", ">", "<")


@dataclass(frozen=True)
class HeldCells:
    """Examples whose cell in a column is one of some, or comes before or behind one.

    Attributes:
        column: of the table.
        order: ">=", "<=", ">", "<"; "" for equal cells.
        cells: what the cells are compared with; with an order a single one.
    """

    column: str
    order: str
    cells: tuple[str, ...]

    def text(self) -> str:
        """Return it as JSON, by which `held_cells` finds it again."""
        return json.dumps({self.column: f"{self.order}{self.cells[0]}" if self.order else list(self.cells)})

    def positions(self, dataset: Dataset) -> np.ndarray:
        """Return the positions of the examples that are meant: int64, ascending.

        Numbers are compared as numbers where the whole column holds them, everything else letter by letter, which is
        right for dates that begin with the year.

        Raises:
            OptionError: there is no such column.
            DataError: none or all of the examples are meant.
        """
        known = dataset.columns()
        if self.column not in known:
            raise OptionError(
                f"{dataset.name} has no column {self.column!r} to hold out by.{did_you_mean(self.column, known)} "
                f"Columns: {', '.join(known) or 'none, only a table has them'}"
            )
        column = known[self.column]
        if self.order:
            chosen = self._ordered(column)
        else:
            chosen = np.isin(np.array(column, object), np.array(self.cells, object))
        if not chosen.any() or chosen.all():
            some = ", ".join(sorted(set(column))[:5])
            how_many = "all" if chosen.any() else "none"
            raise DataError(
                f"{dataset.name}: {self.text()} means {how_many} of its {len(column)} examples; the column holds "
                f"{some}, ..."
            )
        return np.flatnonzero(chosen)

    def _ordered(self, column: Sequence[str]) -> np.ndarray:
        numbers, limit = numbers_in(column), numbers_in(self.cells)
        cells: Any = np.array(column, object) if numbers is None or limit is None else numbers
        edge: Any = self.cells[0] if numbers is None or limit is None else limit[0]
        compared = {">=": cells >= edge, "<=": cells <= edge, ">": cells > edge, "<": cells < edge}[self.order]
        return np.asarray(compared, bool)


def held_cells(held_out: Any) -> HeldCells | None:
    """Return what `validation=` or `test=` says of a column; None where it says something else.

    Args:
        held_out: a mapping from one column to a cell, a list of cells, or an order such as ">=2016-07"; or the text of
            one, as `HeldCells.text` makes it.
    """
    if isinstance(held_out, str) and held_out.startswith('{"'):
        try:
            held_out = json.loads(held_out)
        except ValueError:
            return None
    if not isinstance(held_out, Mapping) or len(held_out) != 1:
        return None
    ((column, cells),) = held_out.items()
    if not isinstance(column, str) or isinstance(cells, Mapping):
        return None
    if isinstance(cells, str):
        order = next((order for order in _ORDERS if cells.startswith(order)), "")
        return HeldCells(column, order, (cells.removeprefix(order).strip(),))
    listed = list(cells) if isinstance(cells, Sequence | set | frozenset) else [cells]
    return HeldCells(column, "", tuple(map(str, listed))) if listed else None


def hold_out(dataset: Dataset, rules: Mapping[str, HeldCells]) -> Dataset:
    """Return the same examples with splits by columns, in place of those that the source makes.

    Args:
        dataset: the examples.
        rules: "validation" and "test" -> what is held out; what is in both is test.
    """
    splits = dict(dataset.splits)
    taken = np.zeros(0, np.int64)
    for name in ("test", "validation"):
        if name in rules:
            splits[name] = np.setdiff1d(rules[name].positions(dataset), taken)
            taken = np.union1d(taken, splits[name])
    if "train" in splits:
        splits["train"] = np.setdiff1d(splits["train"], taken)
    return dataset.with_splits(splits)
