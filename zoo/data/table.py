"""Tables of images: a CSV file that names an image in every line and says what is true of it."""

from __future__ import annotations

import csv
import io
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.answers import multi_hot, understand
from zoo.data.files import SPLIT_NAMES, ImageFiles
from zoo.data.images import EXTENSIONS, UnreadableImageError, read_header
from zoo.data.pools import ordered_map
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.registry import ZooNotice
from zoo.specs import BOX_LABELS, AnswerTask, Output, Task

SUFFIXES = (".csv", ".tsv")
"""File name endings of tables, lower case."""

IMAGE_NAMES = frozenset(
    (
        *("path", "file", "filename", "file_name", "filepath", "file_path"),
        *("image", "image_path", "image_name", "img", "photo", "picture"),
    )
)
"""Names of the column with the images, lower case."""

LABEL_NAMES = frozenset(("label", "labels", "class", "classes", "category", "categories", "tags"))
"""Names of a column with classes or labels, lower case."""

BOX_NAMES = (
    BOX_LABELS,
    ("xmin", "ymin", "xmax", "ymax"),
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
"""Names of the columns of a box, lower case."""

_SPLIT_COLUMNS = frozenset(("split", "subset", "partition"))

_NUMBERING = frozenset(("", "id", "index", "unnamed: 0"))
"""Columns that number the lines, as pandas writes them."""

_SIZES = frozenset(("width", "height"))
"""Beside a box: the picture's, which its file says."""

_MOSTLY = 0.8
"""A column with a larger share of numbers is one of numbers."""

_FEW = 20
"""So many different whole numbers or fewer may be classes as well as values: the user is asked."""


def is_table(data: Any) -> bool:
    """Whether data is the path of a table, by its ending."""
    return isinstance(data, str | os.PathLike) and os.fspath(data).lower().endswith(SUFFIXES)


def from_csv(
    path: str | os.PathLike[str],
    *,
    answers: str | Sequence[str] | None = None,
    task: Task | None = None,
    image: str | None = None,
    group: str | None = None,
    split: str | None = None,
    root: str | os.PathLike[str] | None = None,
    separator: str = ";",
    labels: Sequence[str] = (),
    outputs: Sequence[Output] = (),
) -> ImageFiles:
    """A dataset of the images that a CSV file lists, one a line, below a line with the names of the columns.

    What is not said is found out by these rules, and where they do not decide, one error lists the columns:

    - images: the column called path, file, filename, image, ...; else the first, if it holds names of image files;
    - a column split, subset or partition with train, validation (val, valid) and test: the splits of the source;
    - four columns x_min, y_min, x_max, y_max (xmin ...; x0, y0, x1, y1; x1, y1, x2, y2; left, top, right, bottom): a
      box, as shares 0..1 of width and height, or in pixels of the upright picture. With a class beside it: both;
    - a column label, class or category, or the only one left, is the answer: text a class; text with `;` in some cells
      any number of labels (an empty cell: none); numbers a value to predict, 0 and 1 alone a class. Whole numbers are
      classes in a column called label or class, values if there are more than 20 different ones, else it is asked;
    - several columns left: zeros and ones, labels yes or no; other numbers, values to predict; else it is asked.

    Args:
        path: the file; comma, semicolon or tab between cells, UTF-8.
        answers: the column or columns to learn; columns of different kinds become several answers, each by its name.
        task: what the answers are: "classification", "multilabel", "regression" or "box".
        image: the column with the image files.
        group: a column whose equal cells a split keeps on one side (a patient, a film), or "folder".
        split: the column with the splits; "" for none.
        root: the folder that image paths start from; default that of the file.
        separator: between the labels in a cell.
        labels: classes, or names of the columns, as a head wants them.
        outputs: the several answers of a head; each is looked for in the columns of its name or its labels.

    Raises:
        DataError: a file that is no such table, a line without its image or answer, answers of which it is not clear
            what they are.
        OptionError: a column that is not there.
    """
    table = _read(Path(path).expanduser())
    files = table.known(image, "image") if image is not None else _image_column(table)
    parts = table.known(split, "split") if split else _split_column(table) if split is None else ""
    if answers is not None:
        asked = [answers] if isinstance(answers, str) else list(answers)
        left = [table.known(name, "answers") for name in asked]
    else:
        left = [name for name in table.names if name not in (files, parts, group)]
    wanted = tuple(labels)
    found = _asked_by_head(table, left, outputs) if outputs else _found_out(table, left, task, wanted, answers)
    if answers is None and not wanted and not outputs:
        _say_what_is_left(table, found, {files, parts, group})
    paths = _paths(table, files, Path(root).expanduser() if root is not None else table.folder)
    values = {one.name: _values(table, one, paths, separator) for one in found}
    if len(values) < len(found):
        raise DataError(f"{table.name}: two columns would be answers of the same name; rename one")
    options: dict[str, Any] = {}
    if outputs or len(values) > 1:
        kinds = [Output(name=name, task=kind, labels=own) for name, (kind, _, own) in values.items()]
        # Classes by name, so that a head may number them in its own way.
        answered = {
            k: np.array(own)[true] if kind == "classification" else true for k, (kind, true, own) in values.items()
        }
        options = {"targets": answered, "outputs": outputs or kinds}
    for kind, true, own in values.values():
        options = options or {"task": kind, "targets": true, "labels": own}
    dataset = ImageFiles(
        table.name,
        paths,
        ids=table.columns[files],
        splits=_splits(table, parts) if parts else None,
        columns={name: table.columns[name] for name in table.names if name not in (files, parts)},
        **options,
    )
    if group:
        dataset = dataset.grouped(group)
    # A head that was built for these answers finds them again by itself; a folder or a column it would not.
    dataset.source = str(Path(path).expanduser().absolute()) if root is None and image is None else None
    return dataset


def _say_what_is_left(table: _Table, found: Sequence[_Answer], used: set[str | None]) -> None:
    learned = [name for one in found for name in one.columns]
    unused = [name for name in table.names if name not in used | {*learned} and name.lower() not in _NUMBERING | _SIZES]
    if found and unused:
        warnings.warn(
            f"{table.name}: learned from it is {', '.join(learned)}; unused: {', '.join(unused)} (answers= says which)",
            ZooNotice,
            stacklevel=3,
        )


# -- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """The cells of a file by column, spaces around them removed; `lines` says where each row stands, from 1."""

    name: str
    folder: Path
    columns: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    def known(self, column: str, option: str) -> str:
        """The column, which must be there; upper and lower case do not matter where it is clear what is meant."""
        if column in self.columns:
            return column
        same = [name for name in self.names if name.lower() == column.lower()]
        if len(same) == 1:
            return same[0]
        raise OptionError(
            f"{self.name}: {option}={column!r} is not a column.{did_you_mean(column, self.names)} Columns: "
            f"{', '.join(self.names)}"
        )

    def where(self, rows: Sequence[int]) -> str:
        """Lines of some rows, in words."""
        shown = ", ".join(str(self.lines[row]) for row in rows[:5])
        return f"line{'s' if len(rows) > 1 else ''} {shown}" + (" and more" if len(rows) > 5 else "")

    def described(self, column: str) -> str:
        """What a column holds, for a user who has to choose."""
        cells = self.columns[column]
        different = len(set(cells))
        numbers = _numbers(cells)
        if numbers is None:
            return f"{column} (text, {different} different, such as {cells[0]!r})"
        if np.isin(numbers, (0, 1)).all():
            return f"{column} (0 and 1)"
        return f"{column} (numbers {numbers.min():g} to {numbers.max():g}, {different} different)"


def _read(path: Path) -> _Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path} (looked from {Path.cwd()})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: save it as 'CSV UTF-8'") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    rows, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error
    if len(rows) < 2:
        raise DataError(f"{path} holds no line below the names of the columns: expected one line an image")
    header, body = rows[0], rows[1:]
    while header and not header[-1] and not any("".join(row[len(header) - 1 :]) for row in body):
        header.pop()  # commas at the end of every line
    if any(cell.lower().endswith(EXTENSIONS) for cell in header):
        raise DataError(f"{path}: its first line must name the columns (file,label, say); it is {','.join(header)}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has two columns {', '.join(map(repr, twice))}; rename one")
    for row, line in zip(body, lines[1:], strict=True):
        while len(row) > len(header) and not row[-1]:
            row.pop()  # a comma at the end of the line
        if len(row) != len(header):
            raise DataError(f"{path}, line {line} has {len(row)} cells; {len(header)} columns are named")
    columns = {name: tuple(row[place] for row in body) for place, name in enumerate(header)}
    return _Table(path.name, path.parent, columns, tuple(lines[1:]))


def _image_column(table: _Table) -> str:
    named = [name for name in table.names if name.lower() in IMAGE_NAMES]
    files = [name for name in named or table.names[:1] if _are_images(table.columns[name])]
    if files or named:
        return (files or named)[0]
    raise DataError(
        f"{table.name}: which column holds the image files? The columns are {_listed(table, table.names)}. Call it "
        "file or path, or say image='NAME'"
    )


def _are_images(cells: Sequence[str]) -> bool:
    return sum(cell.lower().endswith(EXTENSIONS) for cell in cells) > len(cells) / 2


def _split_column(table: _Table) -> str:
    for name, cells in table.columns.items():
        if name.lower() in _SPLIT_COLUMNS and any(cell.lower() in SPLIT_NAMES for cell in cells):
            return name
    return ""


def _paths(table: _Table, column: str, root: Path) -> list[Path]:
    cells = table.columns[column]
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
    # A table written on Windows has backslashes.
    paths = [root / Path(cell.replace("\\", "/")).expanduser() for cell in cells]
    if not any(path.is_file() for path in paths):
        raise DataError(
            f"{table.name}: none of its {len(paths)} images is there, such as {paths[0]}. Paths start from the folder "
            "of the file; root= says another, and image= another column"
        )
    return paths


def _splits(table: _Table, column: str) -> dict[str, np.ndarray]:
    members: dict[str, list[int]] = {}
    for row, cell in enumerate(table.columns[column]):
        name = SPLIT_NAMES.get(cell.lower())
        if name is None:
            raise DataError(
                f"{table.name}, line {table.lines[row]}: column {column} says {cell!r}; splits are called train, "
                f"validation (val, valid) and test (from_csv(..., split='') takes no column for them)"
            )
        members.setdefault(name, []).append(row)
    return {name: np.array(rows, np.int64) for name, rows in members.items()}


# -- which columns answer what ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Answer:
    """Columns that are one answer; task None: found out from what is in them. Labels: in a cell, where known."""

    name: str
    columns: tuple[str, ...]
    task: AnswerTask | None = None
    labels: tuple[str, ...] = ()


def _asked_by_head(table: _Table, left: Sequence[str], outputs: Sequence[Output]) -> list[_Answer]:
    """Where the answers of a head with several stand."""
    found = []
    for output in outputs:
        columns = _box_columns(left) if output.task == "box" else ()
        if output.task in ("multilabel", "regression") and set(output.labels) <= set(left):
            columns = output.labels
        if not columns:
            columns = tuple(sorted((name for name in left if _slug(name) == output.name), key=output.name.__ne__)[:1])
        if not columns:
            what = "the four columns of a box" if output.task == "box" else f"a column {output.name!r}"
            if output.task in ("multilabel", "regression"):
                what += f", or the columns {', '.join(output.labels)},"
            raise DataError(
                f"{table.name} has not what the head answers as {output.name} ({output.task}): {what} must be among "
                f"{_listed(table, left)}"
            )
        found.append(_Answer(output.name, tuple(columns), output.task, output.labels))
    return found


def _found_out(
    table: _Table,
    left: list[str],
    task: Task | None,
    labels: tuple[str, ...],
    asked: str | Sequence[str] | None,
) -> list[_Answer]:
    """The answers among the columns that are left, by the rules of `from_csv`."""
    kind = "classification" if task is None and labels else None if task == "multi-output" else task
    if kind in ("multilabel", "regression") and labels and set(labels) <= set(left):
        return [_Answer("answer", labels, kind)]
    box = _box_columns(left) if kind in (None, "box") else ()
    plain = [name for name in left if name not in box]
    if asked is None:
        plain = [name for name in plain if name.lower() not in (_NUMBERING | _SIZES if box else _NUMBERING)]
        fitting = [name for name in plain if labels and set(table.columns[name]) <= set(labels)]
        one = fitting[0] if kind == "classification" and len(fitting) == 1 else _only(plain)
        plain = [one] if one is not None else plain
    if kind == "box" and not box:
        raise DataError(f"{table.name} has no four columns of a box among {_listed(table, left)}")
    if box:
        if asked is None and len(plain) > 1 and kind is None:
            raise _unclear(table, left)
        beside = plain if kind is None else []
        return [*(_Answer(_slug(name), (name,)) for name in beside), _Answer("box", box, "box")]
    if len(plain) < 2:
        return [_Answer(_slug(name), (name,), kind, labels) for name in plain]
    numbers = [_numbers(table.columns[name]) for name in plain]
    if all(values is not None and np.isin(values, (0, 1)).all() for values in numbers):
        return [_Answer("answer", tuple(plain), kind)]  # one-hot or labels: `understand` tells
    if all(values is not None for values in numbers) and kind in (None, "regression"):
        return [_Answer("answer", tuple(plain), "regression")]
    if asked is not None and kind is None:
        return [_Answer(_slug(name), (name,)) for name in plain]
    raise _unclear(table, left)


def _only(names: Sequence[str]) -> str | None:
    """The column that is meant: the one with the name of labels, or the only one."""
    named = [name for name in names if name.lower() in LABEL_NAMES]
    chosen = named or names
    return chosen[0] if len(chosen) == 1 else None


def _unclear(table: _Table, left: Sequence[str]) -> DataError:
    name = next((name for name in left if name.lower() not in _NUMBERING), left[0])
    return DataError(
        f"{table.name}: which columns are to be learned? There are {_listed(table, left)}. Say one (answers={name!r}, "
        f"on the command line --answers {name}) or several; a head whose labels are names of columns says it too"
    )


def _listed(table: _Table, names: Sequence[str]) -> str:
    shown = "; ".join(table.described(name) for name in names[:12])
    return shown + (f"; and {len(names) - 12} more" if len(names) > 12 else "") if names else "no further column"


def _box_columns(names: Iterable[str]) -> tuple[str, ...]:
    by_lower = {name.lower(): name for name in names}
    for box in BOX_NAMES:
        if set(box) <= set(by_lower):
            return tuple(by_lower[name] for name in box)
    return ()


def _slug(name: str) -> str:
    """A column's name as that of an answer: lower case letters, digits and _."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return text if re.match(r"[a-z]", text) else f"answer_{text}".rstrip("_")


# -- what is in them --------------------------------------------------------------------------------------------------


def _sizes(paths: Sequence[Path]) -> np.ndarray:
    """float64 (n, 2): width and height of each image, upright, from its header; NaN of what is no image."""

    def size(path: Path) -> tuple[float, float]:
        try:
            header = read_header(path)
        except UnreadableImageError:
            return np.nan, np.nan
        return header.width, header.height

    return np.array(ordered_map(size, paths), np.float64)


def _values(
    table: _Table, one: _Answer, paths: Sequence[Path], separator: str
) -> tuple[AnswerTask, Any, tuple[str, ...]]:
    """Task, targets as `Dataset` takes them, and labels of an answer."""
    if one.task == "box":
        return "box", _boxes(table, one.columns, paths), BOX_LABELS
    if len(one.columns) == 1:
        return _of_one_column(table, one, separator)
    cells = np.stack([_checked_numbers(table, name) for name in one.columns], axis=1)
    if one.task != "regression" and not np.isin(cells, (0, 1)).all():
        raise DataError(f"{table.name}: the columns {', '.join(one.columns)} must hold 0 or 1 for {one.task}")
    task, targets, _ = understand(cells, len(cells), (), one.task, table.name)
    return task, targets, one.columns  # type: ignore[return-value]


def _of_one_column(table: _Table, one: _Answer, separator: str) -> tuple[AnswerTask, Any, tuple[str, ...]]:
    (column,) = one.columns
    cells = table.columns[column]
    if one.task == "multilabel" or (one.task is None and any(separator in cell for cell in cells)):
        rows = [[label.strip() for label in cell.split(separator) if label.strip()] for cell in cells]
        _, targets, names = multi_hot(rows, len(rows), one.labels, table.name)
        return "multilabel", targets, names
    numbers = _numbers([cell for cell in cells if cell])
    task: AnswerTask | None = one.task
    if task is None and numbers is None:
        if sum(map(_has_comma, cells)) > _MOSTLY * len(cells):
            raise DataError(
                f"{table.name}: column {column} writes numbers with a comma ({cells[0]}): write them with a point "
                "(1.5), or say task='classification' if they are names (on the command line --task)"
            )
        share = sum(_is_number(cell) for cell in cells) / len(cells)
        # A column of numbers with a few "n/a" or "nan" in it would make a class of each number.
        task = "regression" if share > _MOSTLY and len(set(cells)) > _FEW else "classification"
    if task is None and numbers is not None:
        task = _kind_of_numbers(table, column, numbers)
    if task == "regression":
        return task, _checked_numbers(table, column)[:, None], (column,)
    empty = [row for row, cell in enumerate(cells) if not cell]
    if empty:
        raise DataError(f"{table.name}: no answer in column {column} in {table.where(empty)}")
    if numbers is not None and (numbers == np.trunc(numbers)).all():
        # pandas writes 3.0 where a cell of the column is empty. 007 stays: it is a name.
        cells = tuple(cell.partition(".")[0] for cell in cells)
        names = tuple(sorted(set(cells), key=lambda cell: (float(cell), cell)))
    else:
        names = tuple(sorted(set(cells)))
    _, targets, _ = understand(list(cells), len(cells), names, None, table.name)
    return "classification", targets, names


def _kind_of_numbers(table: _Table, column: str, numbers: np.ndarray) -> AnswerTask:
    if np.isin(numbers, (0, 1)).all():
        return "classification"
    if (numbers != np.trunc(numbers)).any():
        return "regression"
    if column.lower() in LABEL_NAMES:
        return "classification"
    different = len(np.unique(numbers))
    if different > _FEW:
        return "regression"
    raise DataError(
        f"{table.name}: are the {different} different whole numbers in column {column} ({numbers.min():g} to "
        f"{numbers.max():g}) classes, or values to predict? Say task='classification' or task='regression' (on the "
        "command line --task); a head built for them says it too"
    )


def _boxes(table: _Table, columns: Sequence[str], paths: Sequence[Path]) -> np.ndarray:
    """float32 (n, 4): x_min, y_min, x_max, y_max as shares; pixels are divided by the size of the upright picture."""
    boxes = np.stack([_checked_numbers(table, name) for name in columns], axis=1)
    pixels = bool(boxes.max() > 1)
    limits = np.ones((len(boxes), 2))
    if pixels:
        limits = _sizes(paths)
        boxes[np.isnan(limits[:, 0])] = 0, 0, 1, 1  # that image is skipped, whatever its box
        limits[np.isnan(limits)] = 1
        # The last pixel's number, or the picture's width: tables count in either way.
        over = boxes[:, 2:] - limits
        boxes[:, 2:] = np.where((over > 0) & (over <= 1), limits, boxes[:, 2:])
    wrong = np.flatnonzero(
        (boxes < 0).any(1) | (boxes[:, 2:] > limits).any(1) | (boxes[:, :2] >= boxes[:, 2:]).any(axis=1)
    )
    if len(wrong):
        row = int(wrong[0])
        what = f"of {limits[row, 0]:g} x {limits[row, 1]:g} pixels" if pixels else "(shares 0..1)"
        raise DataError(
            f"{table.name}, line {table.lines[row]}: {boxes[row].tolist()} is no box inside of {paths[row].name} "
            f"{what}: {', '.join(columns)} must hold its edges in this order, in pixels or as shares 0..1"
        )
    shares: np.ndarray = (boxes / np.tile(limits, 2)).astype(np.float32)
    return shares


def _numbers(cells: Sequence[str]) -> np.ndarray | None:
    """The cells as float64, or None if there is none, or one that is no finite number."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return numbers if len(numbers) and np.isfinite(numbers).all() else None


def _is_number(cell: str) -> bool:
    return _numbers([cell]) is not None


def _has_comma(cell: str) -> bool:
    """Whether a cell is a number but for a comma in it: 0,5 or 1,000."""
    return "," in cell and _is_number(cell.replace(",", ""))


def _checked_numbers(table: _Table, column: str) -> np.ndarray:
    numbers = _numbers(table.columns[column])
    if numbers is None:
        odd = [row for row, cell in enumerate(table.columns[column]) if not _is_number(cell)]
        cell = table.columns[column][odd[0]]
        hint = "; write it with a point and no comma" if _has_comma(cell) else ""
        raise DataError(
            f"{table.name}: column {column} must hold a number in every line; {table.where(odd)}: {cell!r}{hint}"
        )
    return numbers
