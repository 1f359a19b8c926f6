"""A dataset of the images that a CSV file lists: which column is what, and their answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.files import ImageFiles
from zoo.data.layouts import split_of
from zoo.data.paths import existing, expanded
from zoo.data.tables.columns import IMAGE_NAMES, NUMBERING, SIZES, SPLIT_NAMES
from zoo.data.tables.deciding import Answer, decide, decide_for_head
from zoo.data.tables.reading import Table, read_table
from zoo.data.tables.values import Values, values_of
from zoo.errors import DataError
from zoo.registry import ZooNotice
from zoo.specs import Output, Task


def from_csv(
    path: str | os.PathLike[str],
    *,
    answers: str | Sequence[str] | None = None,
    task: Task | None = None,
    image: str | None = None,
    group: str | None = None,
    split: str | None = None,
    root: str | os.PathLike[str] | None = None,
    separator: str | None = None,
    labels: Sequence[str] = (),
    outputs: Sequence[Output] = (),
) -> ImageFiles:
    """Read a dataset of the images that a CSV file lists, one a line, below a line with the names of the columns.

    What is not said is found out by these rules, and where they do not decide, one error lists the columns:

    - images: the column called path, file, filename, image, ...; else the first, if it holds names of image files;
    - a column split, subset or partition with train, validation (val, valid) and test: the splits of the source;
    - four columns x_min, y_min, x_max, y_max (xmin ...; x0, y0, x1, y1; x1, y1, x2, y2; left, top, right, bottom): a
      box, all of them as shares 0..1 of width and height, or all in pixels of the upright picture. With a class beside
      it: both;
    - a column label, class or category, or the only one left, is the answer: text a class; text with `;` or `|` in some
      cells any number of labels (an empty cell: none; where commas or spaces may separate labels it is asked); numbers
      a value to predict, 0 and 1 alone a class. Whole numbers are classes in a column called label or class, values if
      there are more than 20 different ones, else it is asked;
    - several columns left: 0 and 1 (or True and False), labels yes or no; other numbers, values to predict; else it is
      asked.

    Args:
        path: the file; comma, semicolon, tab or | between cells, UTF-8; a first line `sep=;` is understood.
        answers: the column or columns to learn; columns of different kinds become several answers, each by its name.
        task: what the answers are: "classification", "multilabel", "regression" or "box".
        image: the column with the image files.
        group: a column whose equal cells a split keeps on one side (a patient, a film), or "folder".
        split: the column with the splits; "" for none.
        root: the folder that image paths start from; default that of the file.
        separator: between the labels in a cell; default found out.
        labels: classes, or names of the columns, as a head wants them.
        outputs: the several answers of a head; each is looked for in the columns of its name or its labels.

    Raises:
        DataError: a file that is no such table, a line without its image or answer, answers of which it is not clear
            what they are.
        OptionError: a column that is not there.
    """
    table = read_table(expanded(path))
    files = table.known(image, "image") if image is not None else _image_column(table)
    parts = table.known(split, "split") if split else _split_column(table) if split is None else ""
    if answers is not None:
        left = [table.known(name, "answers") for name in ([answers] if isinstance(answers, str) else answers)]
    else:
        left = [name for name in table.names if name not in (files, parts, group)]
    if outputs:
        columns = decide_for_head(table, left, outputs)
    else:
        columns = decide(table, left, task, tuple(labels), named=answers is not None)
    if answers is None and not labels and not outputs:
        _say_what_is_left(table, columns, {files, parts, group})
    paths = _paths(table, files, expanded(root) if root is not None else table.folder)
    values = {answer.name: values_of(table, answer, paths, separator) for answer in columns}
    if len(values) < len(columns):
        raise DataError(f"{table.name}: two columns would be answers of the same name; rename one")
    dataset = ImageFiles(
        table.name,
        paths,
        ids=table.cells[files],
        splits=_splits(table, parts) if parts else None,
        columns={name: table.cells[name] for name in table.names if name not in (files, parts)},
        **_answers(values, outputs),
    )
    if group:
        dataset = dataset.grouped(group)
    # A head that was built for these answers finds them again by itself; a folder or a column it would not.
    dataset.source = str(expanded(path).absolute()) if root is None and image is None else None
    return dataset


def _answers(values: dict[str, Values], outputs: Sequence[Output]) -> dict[str, Any]:
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


def _say_what_is_left(table: Table, answers: Sequence[Answer], used: set[str | None]) -> None:
    learned = [name for answer in answers for name in answer.columns]
    unused = [
        name
        for name in table.names
        if name not in used | {*learned} and not table.columns[name].called(NUMBERING | SIZES)
    ]
    if answers and unused:
        warnings.warn(
            f"{table.name}: learned from it is {', '.join(learned)}; unused: {', '.join(unused)} (answers= says which)",
            ZooNotice,
            stacklevel=3,
        )


def _image_column(table: Table) -> str:
    named = [name for name in table.names if table.columns[name].called(IMAGE_NAMES)]
    files = [name for name in named or table.names[:1] if table.columns[name].images]
    if files or named:
        return (files or named)[0]
    raise DataError(
        f"{table.name}: which column holds the image files? The columns are {table.described(table.names)}. Call it "
        "file or path, or say image='NAME'"
    )


def _split_column(table: Table) -> str:
    for name, column in table.columns.items():
        if column.called(SPLIT_NAMES) and any(_split(cell) for cell in column.cells):
            return name
    return ""


def _split(cell: str) -> str:
    """The split that a cell means; "" for none."""
    split = split_of(cell)
    return "" if split == "unlabeled" else split


def _paths(table: Table, column: str, root: Path) -> list[Path]:
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


def _splits(table: Table, column: str) -> dict[str, np.ndarray]:
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
