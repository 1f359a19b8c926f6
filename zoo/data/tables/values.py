"""From the cells of an answer's columns to its task, targets and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.answers import multi_hot, understand
from zoo.data.tables.boxes import boxes_of
from zoo.data.tables.columns import LABEL_NAMES, Column, has_comma, is_number, numbers_in
from zoo.data.tables.deciding import Answer
from zoo.data.tables.reading import Table
from zoo.data.tables.tags import labels_in, separator_of
from zoo.errors import DataError
from zoo.specs import BOX_LABELS, AnswerTask

Values = tuple[AnswerTask, Any, tuple[str, ...]]
"""Task, targets as `Dataset` takes them, and labels."""

_MOSTLY = 0.8
"""A column with a larger share of numbers is one of numbers."""

_FEW = 20
"""So many different whole numbers or fewer may be classes as well as values: the user is asked."""


def values_of(table: Table, answer: Answer, paths: Sequence[Path], separator: str | None) -> Values:
    """Return task, targets and labels of an answer.

    Args:
        table: the table.
        answer: which columns it is.
        paths: the pictures, for boxes in px.
        separator: between the labels in a cell; None: found out.

    Raises:
        DataError: cells that are no such answer, or can be read in two ways; the lines are named.
    """
    if answer.task == "box":
        numbers = np.stack([checked_numbers(table, name) for name in answer.columns], axis=1)
        return "box", boxes_of(table, answer.columns, numbers, paths), BOX_LABELS
    if len(answer.columns) == 1:
        return _of_one_column(table, answer, separator)
    if answer.task == "regression":
        cells = np.stack([checked_numbers(table, name) for name in answer.columns], axis=1)
    else:
        flags = [table.columns[name].zeros_and_ones for name in answer.columns]
        if any(column is None for column in flags):
            odd = [name for name, column in zip(answer.columns, flags, strict=True) if column is None]
            raise DataError(
                f"{table.name}: columns of labels must hold 0 and 1, or True and False, in every line; these do not: "
                f"{table.described(odd)}"
            )
        cells = np.stack([column for column in flags if column is not None], axis=1)
    task, targets, _ = understand(cells, len(cells), (), answer.task, table.name)
    return task, targets, answer.columns  # type: ignore[return-value]


def checked_numbers(table: Table, column: str) -> np.ndarray:
    """Return the numbers of a column, float64.

    Raises:
        DataError: a cell is none.
    """
    numbers = table.columns[column].numbers
    if numbers is None:
        cells = table.cells[column]
        odd = [row for row, cell in enumerate(cells) if not is_number(cell)]
        hint = "; write it with a point and no comma" if has_comma(cells[odd[0]]) else ""
        raise DataError(
            f"{table.name}: column {column} must hold a number in every line; {table.where(odd)}: "
            f"{cells[odd[0]]!r}{hint}"
        )
    return numbers


def _of_one_column(table: Table, answer: Answer, separator: str | None) -> Values:
    (name,) = answer.columns
    column = table.columns[name]
    filled = [cell for cell in column.cells if cell]
    numbers = numbers_in(filled)
    _refuse_commas(table, column, answer.task, numbers)
    if separator is None and numbers is None:
        separator = separator_of(filled, name, table.name, answer.task, answer.labels)
    if answer.task == "multilabel" or (
        answer.task is None and separator is not None and any(separator in cell for cell in column.cells)
    ):
        rows = [labels_in(cell, separator or ";") for cell in column.cells]
        _, targets, names = multi_hot(rows, len(rows), answer.labels, table.name)
        return "multilabel", targets, names
    task = answer.task or _kind(table, column, numbers)
    if task == "regression":
        return task, checked_numbers(table, name)[:, None], (name,)
    return _classes(table, column, numbers)


def _refuse_commas(table: Table, column: Column, task: AnswerTask | None, numbers: np.ndarray | None) -> None:
    cells = column.cells
    if task is None and numbers is None and sum(map(has_comma, cells)) > _MOSTLY * len(cells):
        raise DataError(
            f"{table.name}: column {column.name} writes numbers with a comma ({cells[0]}): write them with a point "
            "(1.5), or say task='classification' if they are names (on the command line --task)"
        )


def _kind(table: Table, column: Column, numbers: np.ndarray | None) -> AnswerTask:
    """What one column is, where it is not said.

    Raises:
        DataError: whole numbers that can be classes and values.
    """
    if numbers is None:
        share = sum(is_number(cell) for cell in column.cells) / len(column.cells)
        # A column of numbers with a few "n/a" or "nan" in it would make a class of each number.
        return "regression" if share > _MOSTLY and len(set(column.cells)) > _FEW else "classification"
    if np.isin(numbers, (0, 1)).all():
        return "classification"
    if (numbers != np.trunc(numbers)).any():
        return "regression"
    if column.called(LABEL_NAMES):
        return "classification"
    different = len(np.unique(numbers))
    if different > _FEW:
        return "regression"
    raise DataError(
        f"{table.name}: are the {different} different whole numbers in column {column.name} ({numbers.min():g} to "
        f"{numbers.max():g}) classes, or values to predict? Say task='classification' or task='regression' (on the "
        "command line --task); a head built for them says it too"
    )


def _classes(table: Table, column: Column, numbers: np.ndarray | None) -> Values:
    empty = [row for row, cell in enumerate(column.cells) if not cell]
    if empty:
        raise DataError(f"{table.name}: no answer in column {column.name} in {table.where(empty)}")
    cells = column.cells
    if numbers is not None and (numbers == np.trunc(numbers)).all():
        # pandas writes 3.0 where a cell of the column is empty. 007 stays: it is a name.
        cells = tuple(cell.partition(".")[0] for cell in cells)
        names = tuple(sorted(set(cells), key=lambda cell: (float(cell), cell)))
    else:
        names = tuple(sorted(set(cells)))
    _, targets, _ = understand(list(cells), len(cells), names, None, table.name)
    return "classification", targets, names
