"""What a column of a table holds: image files, numbers, yes and no, text; and what its name says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo.data.modalities import assumed, kind_of, picture_files
from zoo.matching import folded
from zoo.specs import BOX_LABELS

FILE_NAMES = frozenset(("path", "file", "filename", "file_name", "filepath", "file_path"))
"""Names of a column with files, lower case; a modality adds those of its own."""

LABEL_NAMES = frozenset(("label", "labels", "class", "classes", "category", "categories", "tags"))
"""Names of a column with classes or labels, lower case."""

SPLIT_NAMES = frozenset(("split", "subset", "partition"))
"""Names of a column with the splits, lower case."""

BOX_NAMES = (
    BOX_LABELS,
    ("xmin", "ymin", "xmax", "ymax"),
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
"""Names of the columns of a box, lower case."""

NUMBERING = frozenset(("", "id", "index", "unnamed: 0"))
"""Columns that number the lines, as pandas writes them."""

SIZES = frozenset(("width", "height"))
"""Beside a box: the picture's, which its file says."""


def picture_columns() -> frozenset[str]:
    """Return names of a column with files of pictures, lower case."""
    return FILE_NAMES | frozenset(kind_of(assumed()).spec.columns)


@dataclass(frozen=True)
class Column:
    """A column and what its cells are."""

    name: str
    cells: tuple[str, ...]

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The cells as float64; None if one is no finite number."""
        return numbers_in(self.cells)

    @cached_property
    def zeros_and_ones(self) -> np.ndarray | None:
        """The cells as 0.0 and 1.0, True and False (as pandas writes them) too; None if one is something else."""
        if self.numbers is not None:
            return self.numbers if np.isin(self.numbers, (0, 1)).all() else None
        words = [cell.lower() for cell in self.cells]
        return np.array([word == "true" for word in words], np.float64) if set(words) <= {"true", "false"} else None

    @cached_property
    def pictures(self) -> bool:
        """Whether most cells are names of files of pictures."""
        ends = picture_files().extensions
        return sum(cell.lower().endswith(ends) for cell in self.cells) > len(self.cells) / 2

    def called(self, names: Iterable[str]) -> bool:
        """Return whether the column has one of some names, whatever the case."""
        return folded(self.name) in names

    def in_words(self) -> str:
        """Return what the column holds, for a user who has to choose."""
        different = len(set(self.cells))
        if self.numbers is None and self.zeros_and_ones is not None:
            return f"{self.name} (True and False)"
        if self.numbers is None:
            return f"{self.name} (text, {different} different, such as {self.cells[0]!r})"
        if self.zeros_and_ones is not None:
            return f"{self.name} (0 and 1)"
        return f"{self.name} (numbers {self.numbers.min():g} to {self.numbers.max():g}, {different} different)"


def numbers_in(cells: Sequence[str]) -> np.ndarray | None:
    """Return the cells as float64, or None if there is none, or one that is no finite number."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return numbers if len(numbers) and np.isfinite(numbers).all() else None


def is_number(cell: str) -> bool:
    """Return whether a cell is a finite number."""
    return numbers_in([cell]) is not None


def has_comma(cell: str) -> bool:
    """Return whether a cell is a number but for a comma in it: 0,5 or 1,000."""
    return "," in cell and is_number(cell.replace(",", ""))


def box_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the four columns of a box among some names, in order; () if they are not there."""
    by_lower = {name.lower(): name for name in names}
    for box in BOX_NAMES:
        if set(box) <= set(by_lower):
            return tuple(by_lower[name] for name in box)
    return ()


def slug(name: str) -> str:
    """Return a column's name as that of an answer: lower case letters, digits and _."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return text if re.match(r"[a-z]", text) else f"answer_{text}".rstrip("_")
