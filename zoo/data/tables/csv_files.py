"""A dataset of the images that a CSV file lists: which column is what, and their answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from zoo.data.dataset import Dataset
from zoo.data.files import ImageFiles
from zoo.data.modalities import files_of, has_pictures, kind_of
from zoo.data.tables.columns import NUMBERING, SIZES, picture_columns
from zoo.data.tables.deciding import Answer, decide, decide_for_head
from zoo.data.tables.others import Reading, modality_of
from zoo.data.tables.parts import as_answers, paths_of, split_column, splits_of
from zoo.data.tables.reading import Table, read_table
from zoo.data.tables.values import values_of
from zoo.errors import DataError
from zoo.paths import expanded
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
    modality: str | None = None,
    example: str | None = None,
) -> Dataset:
    """Read a dataset of the images that a CSV file lists, one a line, below a line with the names of the columns.

    What is not said is found out by these rules, and where they do not decide, one error lists the columns:

    - images: the column called path, file, filename, image, ...; else the first, if it holds names of image files;
    - a column split, subset or partition with train, validation (val, valid) and test: the splits of the source;
    - four columns x_min, y_min, x_max, y_max (xmin ...; x0, y0, x1, y1; x1, y1, x2, y2; left, top, right, bottom): a
      box, all of them as shares 0..1 of width and height, or all in px of the upright picture. With a class beside
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
        modality: what the examples are; None: by the endings of the files that a column names, or by what the cells
            hold. Of a modality whose examples are cells (texts) or rows (tables) nothing is in other files.
        example: of other modalities than images, the column with the examples or the names of their files.

    Raises:
        DataError: a file that is no such table, a line without its image or answer, answers of which it is not clear
            what they are.
        OptionError: a column that is not there.
    """
    table = read_table(expanded(path))
    kind = modality or modality_of(table)
    if not has_pictures(kind):
        reading = Reading(table, kind_of(kind), example or image, group, split, root, separator)
        dataset = reading.dataset(answers, task, tuple(labels), outputs)
        return _with_source(dataset, path, named=(root, example))
    files = _image_column(table) if image is None else table.known(image, files_of(kind).word)
    parts = _column_of_splits(table, split)
    used = {files, parts, group}
    candidates = _candidates(table, answers, used)
    if outputs:
        columns = decide_for_head(table, candidates, outputs)
    else:
        columns = decide(table, candidates, task, tuple(labels), named=answers is not None)
    if answers is None and not (labels or outputs):
        _say_what_is_left(table, columns, used)
    paths = paths_of(table, files, expanded(root) if root is not None else table.folder)
    values = {answer.name: values_of(table, answer, paths, separator) for answer in columns}
    if len(values) < len(columns):
        raise DataError(f"{table.name}: two columns would be answers of the same name; rename one")
    dataset = ImageFiles(
        table.name,
        paths,
        ids=table.cells[files],
        splits=splits_of(table, parts) if parts else None,
        columns=_others(table, (files, parts)),
        **as_answers(values, outputs),
    )
    dataset.modality = kind
    return _with_source(dataset.grouped(group) if group else dataset, path, named=(root, image))


def _with_source(dataset: Dataset, path: str | os.PathLike[str], *, named: Sequence[Any]) -> Dataset:
    """The dataset with the path that it is loaded by again, where nothing else was named.

    A head that was built for its answers finds them again by itself; a folder or a column it would not.
    """
    dataset.source = str(expanded(path).absolute()) if all(item is None for item in named) else None
    return dataset


def _others(table: Table, used: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {name: table.cells[name] for name in table.names if name not in used}


def _column_of_splits(table: Table, split: str | None) -> str:
    """The column with the splits, as named or found out; "" for none."""
    return table.known(split, "split") if split else split_column(table) if split is None else ""


def _candidates(table: Table, answers: str | Sequence[str] | None, used: set[str | None]) -> list[str]:
    """The columns that may be answers: those named, or all that are nothing else."""
    if answers is None:
        return [name for name in table.names if name not in used]
    return [table.known(name, "answers") for name in ([answers] if isinstance(answers, str) else answers)]


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
    known = picture_columns()
    named = [name for name in table.names if table.columns[name].called(known)]
    files = [name for name in named or table.names[:1] if table.columns[name].pictures]
    if files or named:
        return (files or named)[0]
    raise DataError(
        f"{table.name}: which column holds the image files? The columns are {table.described(table.names)}. Call it "
        "file or path, or say image='NAME'"
    )
