"""Tables of examples that are no images: names of their files, cells that are examples, or rows that are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.data.collection import Collection, Members
from zoo.data.dataset import Dataset
from zoo.data.modalities import Kind, assumed, provided
from zoo.data.tables.columns import FILE_NAMES, LABEL_NAMES, NUMBERING, picture_columns
from zoo.data.tables.deciding import Answer, decide, decide_for_head
from zoo.data.tables.parts import as_answers, paths_of, split_column, splits_of
from zoo.data.tables.reading import Table, read_table
from zoo.data.tables.values import values_of
from zoo.errors import DataError
from zoo.matching import places
from zoo.paths import expanded
from zoo.specs import ModalitySpec, Output, Task

ANSWER_NAMES = LABEL_NAMES | {"target", "answer", "outcome", "y"}
"""Names of the column that a table of cells or rows is to answer, lower case."""

_WORDS = 3
"""So many words in the cells of a column, on average, or more: it holds texts."""


def modality_of_table(path: str | os.PathLike[str]) -> str:
    """Return whose examples a table lists or holds; see `modality_of`.

    Raises:
        DataError: it is no table, or may be of two modalities.
    """
    return modality_of(read_table(expanded(path)))


def modality_of(table: Table) -> str:
    """Return whose examples a table lists or holds: by the endings of files, then by what the cells are.

    Raises:
        DataError: two modalities could have such a table.
    """
    specs = provided()
    for spec in specs:
        if spec.table == "files" and not spec.pictures and _file_columns(table, spec.extensions):
            return spec.name
    pictures = picture_columns()
    if any(column.pictures or column.called(pictures) for column in table.columns.values()):
        return assumed()
    for shape, fits in (("cells", _text_columns(table)), ("rows", table.names)):
        of_shape = [spec.name for spec in specs if spec.table == shape]
        if fits and len(of_shape) > 1:
            raise DataError(
                f"{table.name} may hold examples of {' and of '.join(map(repr, of_shape))}: name a backbone of the one "
                "that is meant, or say modality="
            )
        if fits and of_shape:
            return of_shape[0]
    return assumed()


def _file_columns(table: Table, extensions: Sequence[str]) -> list[str]:
    """The columns in which most cells end like files of a modality."""
    ends = tuple(extensions)
    if not ends:
        return []
    return [
        name
        for name, cells in table.cells.items()
        if sum(cell.lower().endswith(ends) for cell in cells) > len(cells) / 2
    ]


def _text_columns(table: Table) -> list[str]:
    """The columns that hold texts, those with the most words first."""
    words = {name: sum(len(cell.split()) for cell in cells) / len(cells) for name, cells in table.cells.items()}
    different = {name: len(set(cells)) / len(cells) for name, cells in table.cells.items()}
    texts = [
        name
        for name, mean in words.items()
        # Texts differ; names of streets and ranges ("10 to 12") have words too, and come again.
        if mean >= _WORDS and different[name] > _DIFFERENT and table.columns[name].numbers is None
    ]
    return sorted(texts, key=lambda name: -words[name])


_DIFFERENT = 0.5
"""Share of the cells that differ from all others, of a column with texts."""


@dataclass(frozen=True)
class Reading:
    """How a table is read; fields as the arguments of `from_csv`."""

    table: Table
    kind: Kind
    example: str | None
    group: str | None
    split: str | None
    root: str | os.PathLike[str] | None
    separator: str | None

    @property
    def spec(self) -> ModalitySpec:
        """Return the row of the modality."""
        return self.kind.spec

    def dataset(
        self, answers: str | Sequence[str] | None, task: Task | None, labels: tuple[str, ...], outputs: Sequence[Output]
    ) -> Dataset:
        """Return the dataset; arguments and errors as of `from_csv`."""
        table = self.table
        parts = table.known(self.split, "split") if self.split else split_column(table) if self.split is None else ""
        column = self._column()
        used = {column, parts, self.group}
        columns = self._answers([name for name in table.names if name not in used], answers, task, labels, outputs)
        learned = {name for answer in columns for name in answer.columns}
        members = self._members(column, [name for name in table.names if name not in learned | used])
        values = {answer.name: values_of(table, answer, (), self.separator) for answer in columns}
        dataset = Collection(
            members,
            table.name,
            splits=splits_of(table, parts) if parts else None,
            columns={name: table.cells[name] for name in table.names if name not in (column, parts)},
            **as_answers(values, outputs),
        )
        return dataset.grouped(self.group) if self.group else dataset

    def _column(self) -> str:
        """The column with the examples or their files; "" where rows are examples."""
        if self.spec.table == "rows":
            return ""
        if self.example is not None:
            return self.table.known(self.example, "example")
        files = self.spec.table == "files"
        fitting = _file_columns(self.table, self.spec.extensions) if files else _text_columns(self.table)
        known = FILE_NAMES | {self.kind.name, *self.spec.columns}
        called = [name for name in self.table.names if self.table.columns[name].called(known)]
        if fitting or called:
            return (fitting or called)[0]
        what = "files" if files else "examples"
        raise DataError(
            f"{self.table.name}: which column holds the {what} ({self.kind.name})? The columns are "
            f"{self.table.described(self.table.names)}. Say example='NAME'"
        )

    def _answers(
        self,
        left: list[str],
        answers: str | Sequence[str] | None,
        task: Task | None,
        labels: tuple[str, ...],
        outputs: Sequence[Output],
    ) -> list[Answer]:
        table = self.table
        if outputs:
            return decide_for_head(table, left, outputs)
        if answers is not None:
            named = [table.known(name, "answers") for name in ([answers] if isinstance(answers, str) else answers)]
            return decide(table, named, task, labels, named=True) if named else []
        if self.spec.table == "files":
            return decide(table, left, task, labels, named=False)
        called = self._called(left, labels)
        if called or labels:
            return decide(table, called, task, labels, named=True) if called else []
        name = next((name for name in left if not table.columns[name].called(NUMBERING)), "NAME")
        raise DataError(
            f"{table.name}: which column is to be learned? There are {table.described(left)}. Say one "
            f"(answers={name!r}, on the command line --answers {name}), or call it label"
        )

    def _called(self, left: list[str], labels: tuple[str, ...]) -> list[str]:
        """The columns of the answer by what they are called or, for a head, by what they hold; [] if it is unclear."""
        table = self.table
        there = places(labels, left)
        if labels and None not in there:
            return [left[place] for place in there if place is not None]
        called = [name for name in left if table.columns[name].called(ANSWER_NAMES)]
        if len(called) == 1:
            return called
        if self.spec.table == "cells" and len(left) == 1:
            return left
        if not labels:
            return []
        return [name for name in left if None not in places(sorted(set(table.cells[name])), labels)]

    def _members(self, column: str, rest: Sequence[str]) -> Members:
        table, members = self.table, Members(self.kind)
        if self.spec.table == "files":
            root = expanded(self.root) if self.root is not None else table.folder
            for row, path in enumerate(paths_of(table, column, root)):
                members.add_path(path, table.cells[column][row], row)
            return members
        for row, line in enumerate(table.lines):
            item = table.cells[column][row] if column else {name: table.cells[name][row] for name in rest}
            try:
                members.add_item(item, f"line {line}", row)
            except DataError as error:
                raise DataError(f"{table.name}, line {line}: {error}") from error
        return members
