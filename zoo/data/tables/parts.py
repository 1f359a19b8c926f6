"""What a table says beside its examples: their files, their splits, their answers as a dataset takes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.layouts import split_of
from zoo.data.tables.columns import SPLIT_NAMES
from zoo.data.tables.reading import Table
from zoo.data.tables.values import Values
from zoo.errors import DataError
from zoo.paths import existing, expanded
from zoo.specs import Output


def as_answers(values: dict[str, Values], outputs: Sequence[Output]) -> dict[str, Any]:
    """The answers as `ImageFiles` takes them."""
    if outputs or len(values) > 1:
        kinds = [Output(name=name, task=task, labels=labels) for name, (task, _, labels) in values.items()]
        # Classes by name, so that a head may number them in its own way.
        by_name = {
            name: np.array(labels)[targets] if task == "classification" else targets
            for name, (task, targets, labels) in values.items()
        }
        return {"targets": by_name, "outputs": outputs or kinds}
    for task, targets, labels in values.values():
        return {"task": task, "targets": targets, "labels": labels}
    return {}


def split_column(table: Table) -> str:
    """Return the column that says the splits; "" where there is none."""
    for name, column in table.columns.items():
        if column.called(SPLIT_NAMES) and any(_split(cell) for cell in column.cells):
            return name
    return ""


def _split(cell: str) -> str:
    """The split that a cell means; "" for none."""
    split = split_of(cell)
    return "" if split == "unlabeled" else split


def paths_of(table: Table, column: str, root: Path) -> list[Path]:
    """Return the files that a column names, one a line.

    Raises:
        DataError: a line names none, two lines name one, or none of the files is there.
    """
    cells = table.cells[column]
    empty = [row for row, cell in enumerate(cells) if not cell]
    if empty:
        raise DataError(f"{table.name}: no image is named in {table.where(empty)} (column {column})")
    first: dict[str, int] = {}
    for row, cell in enumerate(cells):
        if first.setdefault(cell, row) != row:
            raise DataError(
                f"{table.name} names {cell} in {table.where([first[cell], row])}: zoo needs one line an image (several "
                f"labels of one in a cell, with ';' between them; several boxes on one picture it cannot learn)"
            )
    paths = [_path(root, cell) for cell in cells]
    if not any(os.path.isfile(path) for path in paths):
        raise DataError(
            f"{table.name}: none of its {len(paths)} images is there, such as {paths[0]}. Paths start from the folder "
            "of the file; root= says another, and image= another column"
        )
    return paths


def _path(root: Path, cell: str) -> Path:
    path = Path(cell.replace("\\", "/"))  # a table written on Windows
    if cell.startswith("~") and not os.path.lexists(root / path):
        path = expanded(path)
    return existing(root / path)


def splits_of(table: Table, column: str) -> dict[str, np.ndarray]:
    """Return the lines of each split.

    Raises:
        DataError: a cell that is no split.
    """
    members: dict[str, list[int]] = {}
    for row, cell in enumerate(table.cells[column]):
        name = _split(cell)
        if not name:
            raise DataError(
                f"{table.name}, line {table.lines[row]}: column {column} says {cell!r}; splits are called train, "
                f"validation (val, valid) and test (from_csv(..., split='') takes no column for them)"
            )
        members.setdefault(name, []).append(row)
    return {name: np.array(rows, np.int64) for name, rows in members.items()}
