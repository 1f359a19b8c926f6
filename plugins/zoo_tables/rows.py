"""The modality `table`: each row of a table is an example, column by column, as texts."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.modality import Intake, Modality, Problem, Ref, Thumbnail
from zoo.specs import ModalitySpec
from zoo_tables.cells import text_of
from zoo_tables.fitting import fit_intake
from zoo_tables.intake import TableIntake

SPECS = (
    ModalitySpec(
        name="table",
        summary="rows of numbers, categories, dates, durations and ranges; each row of a CSV file is an example",
        modality="zoo_tables.rows:Tables",
        table="rows",
        default_backbone="zoo_tables:table_mlp",
    ),
)
"""The modality of this plugin."""

_DELIMITERS = ",;\t|"


class Tables(Modality):
    """Rows: column -> cell, as texts; a missing cell is ''."""

    name = "table"
    extensions = ()  # a CSV file may hold anything: what it holds decides
    intake = TableIntake

    def examples(self, source: str | Path) -> Iterator[Ref]:
        """Yield the rows of a CSV file, in order."""
        path = Path(source)
        for number in range(len(_rows(path))):
            yield Ref(f"{path.name}#{number}", str(path), number)

    def read(self, ref: Ref) -> dict[str, str]:
        """Return a row."""
        return dict(_rows(Path(ref.path))[ref.part or 0])

    def take(self, item: Any) -> dict[str, str]:
        """Return a mapping, a row of a pandas table, or a row of numbers (whose columns are then x0, x1, ...)."""
        if hasattr(item, "to_dict") and not hasattr(item, "columns"):
            item = item.to_dict()  # a Series
        elif isinstance(item, np.ndarray) and item.ndim == 1 and item.dtype.kind in "biuf":
            item = {f"x{number}": value for number, value in enumerate(item.tolist())}
        if not isinstance(item, Mapping) or not item:
            raise DataError(
                f"a row is a mapping from the names of columns to cells, or numbers (d,); got {type(item).__name__}"
            )
        try:
            return {str(name): text_of(cell) for name, cell in item.items()}
        except TypeError as error:
            raise DataError(f"a row with a cell that is none: {error}") from error

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> Intake:
        """Return what each column is, and its figures; see `zoo_tables.fitting.Options`."""
        return fit_intake(training, options)

    def problems(self, example: Mapping[str, str]) -> Iterator[Problem]:
        """Yield that a row is empty, or for the most part."""
        empty = sum(not cell for cell in example.values())
        if empty == len(example):
            yield Problem("error", "every cell of the row is empty", "Delete the row")
        elif empty > len(example) / 2:
            yield Problem("warning", "more than half of the cells are empty", "Look whether the row is broken")

    def drawn(self, seed: int) -> dict[str, str]:
        """Return a row with a number, one that may be missing, a category and a date."""
        import numpy as np

        draw = np.random.default_rng(seed)
        year = "" if draw.random() < 0.2 else str(draw.integers(1960, 2020))
        day = np.datetime64("2016-01-01") + draw.integers(0, 1000)
        place = str(draw.choice(["north", "south", "east"]))
        return {"area": f"{draw.uniform(30, 150):.1f}", "built": year, "place": place, "sold": str(day)}

    def show(self, example: Mapping[str, str]) -> Thumbnail:
        """Return the first cells as a text."""
        shown = [f"{name}: {cell or '-'}" for name, cell in list(example.items())[:12]]
        return Thumbnail(text="; ".join(shown) + ("; ..." if len(example) > 12 else ""))

    def parts(self, intake: Intake) -> Mapping[str, tuple[int, ...]]:
        """Return column -> its places in the array, whose cells are shuffled to see what the model owes to it."""
        assert isinstance(intake, TableIntake)
        return intake.parts()

    def yardsticks(
        self, intake: Intake, arrays: np.ndarray, targets: np.ndarray, task: str, seed: int
    ) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
        """Yield a linear model and boosted trees, fitted to the same rows."""
        from zoo_tables.yardsticks import fitted

        assert isinstance(intake, TableIntake)
        return fitted(intake, arrays, targets, task, seed)


def _rows(path: Path) -> tuple[dict[str, str], ...]:
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(f"there is no file {path}") from error
    return _read(str(path), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=2)
def _read(path: str, changed: int, size: int) -> tuple[dict[str, str], ...]:
    """The rows of a file; time of change and size are there to notice that it is another one."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text in UTF-8: {error}") from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} is no table: {error}") from error
    filled = [line for line in lines if any(cell.strip() for cell in line)]
    if len(filled) < 2:
        raise DataError(f"{path} holds no row below the names of the columns")
    names = [name.strip() for name in filled[0]]
    if len(set(names)) < len(names):
        raise DataError(f"{path} has two columns of one name; rename one")
    for number, line in enumerate(filled[1:], 1):
        if len(line) != len(names):
            raise DataError(f"{path}, row {number}: {len(line)} cells; {len(names)} columns are named")
    return tuple({name: text_of(cell) for name, cell in zip(names, line, strict=True)} for line in filled[1:])
