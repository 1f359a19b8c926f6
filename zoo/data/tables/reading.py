"""From a CSV file to columns of cells; what is not whole is refused, with the line."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from zoo.data.modalities import picture_files
from zoo.data.tables.columns import Column
from zoo.errors import DataError, OptionError, did_you_mean
from zoo.matching import places
from zoo.paths import irregular

SUFFIXES = (".csv", ".tsv")
"""File name endings of tables, lower case."""

_DELIMITERS = ",;\t|"


def is_table(data: Any) -> bool:
    """Return whether data is the path of a table, by its ending."""
    return isinstance(data, str | os.PathLike) and os.fspath(data).lower().endswith(SUFFIXES)


@dataclass(frozen=True)
class Table:
    """The cells of a file by column, spaces around them removed; `lines` says where each row stands, from 1."""

    name: str
    folder: Path
    cells: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]

    @cached_property
    def columns(self) -> dict[str, Column]:
        """What each column holds."""
        return {name: Column(name, cells) for name, cells in self.cells.items()}

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.cells)

    def known(self, column: str, option: str) -> str:
        """Return the column of a name, which must be there; case does not matter where it is clear what is meant.

        Raises:
            OptionError: there is none.
        """
        (place,) = places([column], self.names)
        if place is not None:
            return self.names[place]
        raise OptionError(
            f"{self.name}: {option}={column!r} is not a column.{did_you_mean(column, self.names)} Columns: "
            f"{', '.join(self.names)}"
        )

    def where(self, rows: Sequence[int]) -> str:
        """Return the lines of some rows, in words."""
        shown = ", ".join(str(self.lines[row]) for row in rows[:5])
        return f"line{'s' if len(rows) > 1 else ''} {shown}" + (" and more" if len(rows) > 5 else "")

    def described(self, names: Sequence[str]) -> str:
        """Return what columns hold, for a user who has to choose."""
        shown = "; ".join(self.columns[name].in_words() for name in names[:12])
        return shown + (f"; and {len(names) - 12} more" if len(names) > 12 else "") if names else "no further column"


def read_table(path: Path) -> Table:
    """Read a file.

    Raises:
        DataError: it is not there, no text in UTF-8, or no table: a quote that is not closed, lines of other lengths.
    """
    text, skipped, delimiter = _text(path)
    rows, lines = _rows(path, text, delimiter, skipped)
    if len(rows) < 2:
        raise DataError(f"{path} holds no line below the names of the columns: expected one line an image")
    header, body = rows[0], rows[1:]
    _clean_header(path, header, body)
    for row, line in zip(body, lines[1:], strict=True):
        while len(row) > len(header) and not row[-1]:
            row.pop()  # a comma at the end of the line
        if len(row) != len(header):
            raise DataError(f"{path}, line {line} has {len(row)} cells; {len(header)} columns are named")
    cells = {name: tuple(row[place] for row in body) for place, name in enumerate(header)}
    return Table(path.name, path.parent, cells, tuple(lines[1:]))


def _clean_header(path: Path, header: list[str], body: Sequence[Sequence[str]]) -> None:
    """Cut empty names off the end of the first line, and refuse one that names no columns."""
    while header and not header[-1] and not any("".join(row[len(header) - 1 :]) for row in body):
        header.pop()  # commas at the end of every line
    if any(cell.lower().endswith(picture_files().extensions) for cell in header):
        raise DataError(f"{path}: its first line must name the columns (file,label, say); it is {','.join(header)}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path} has two columns {', '.join(map(repr, twice))}; rename one")


def _text(path: Path) -> tuple[str, int, str]:
    """The text of a file, how many lines were cut off its beginning, and what stands between cells."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path} cannot be read: {irregular(path)}")
    try:
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path} (looked from {Path.cwd()})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: save it as 'CSV UTF-8'") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    said = re.match(r'"?sep=(.)"?\r?\n', text)  # as Excel writes it
    if said:
        return text[said.end() :], 1, said.group(1)
    first = text.lstrip().partition("\n")[0]
    return text, 0, max(_DELIMITERS, key=first.count)


def _rows(path: Path, text: str, delimiter: str, skipped: int) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = 1 + skipped
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                if rows and any("\n" in cell for cell in row):
                    _refuse_swallowed(path, row, len(rows[0]), delimiter, begin)
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num + skipped)
            begin = reader.line_num + skipped + 1
    except csv.Error as error:
        raise DataError(
            f'{path}, line {begin}: {error}: is a quote (") opened there and not closed? Within a cell a quote is '
            'written twice: "5"" wide"'
        ) from error
    return rows, lines


def _refuse_swallowed(path: Path, row: Sequence[str], columns: int, delimiter: str, line: int) -> None:
    """A cell over several lines that look like rows themselves: a quote was opened and never closed."""
    for cell in row:
        for inner in cell.splitlines()[1:]:
            if inner.count(delimiter) >= columns - 1 and columns > 1:
                raise DataError(
                    f'{path}, line {line}: a cell goes on over the next lines ({cell[:40]!r}...): the quote (") before '
                    "it is not closed, and whole lines would be lost"
                )
