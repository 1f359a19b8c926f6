"""How a row becomes numbers: what each column is, in frozen figures; normalized in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from zoo.errors import DataError
from zoo.modality import Intake
from zoo.specs import Spec
from zoo_tables.cells import value_of

Kind = Literal["number", "date", "american date", "range", "duration", "category"]

UNKNOWN = 0
"""Code of a category that is too rare to be learned, or was not seen."""

_LIMIT = 8.0
"""Normalized numbers are held within it, either way, in deviations: one wild cell must not decide an answer."""


class Column(Spec):
    """A column of a table, as it was when the network was trained.

    The array has for each number its value and, where cells were missing, 0 or 1 for it; for each category its code.
    """

    name: str = Field(description="as the table calls it")
    kind: Kind = Field(description="how its cells are read")
    mean: float = Field(default=0.0, description="of a number; stands for a missing one")
    deviation: float = Field(default=1.0, gt=0, description="standard deviation of a number")
    gaps: bool = Field(default=False, description="whether cells were missing, so that the network can tell")
    categories: tuple[str, ...] = Field(
        default=(), description="what has a code of its own, from 1; 0 is everything else. A missing cell is one: ''"
    )

    @property
    def is_number(self) -> bool:
        """Return whether its cells are numbers, rather than categories."""
        return self.kind != "category"

    @cached_property
    def codes(self) -> Mapping[str, int]:
        """Category -> code."""
        return {name: code for code, name in enumerate(self.categories, 1)}


class TableIntake(Intake):
    """The intake of rows: float32 (d,): numbers, then flags of missing ones, then codes of categories."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...] = Field(default=(), description="what is used, in the order of the table")
    unused: dict[str, str] = Field(default={}, description="column -> why it is not used")

    @cached_property
    def numbers(self) -> tuple[Column, ...]:
        """The columns of numbers."""
        return tuple(column for column in self.columns if column.is_number)

    @cached_property
    def gaps(self) -> tuple[Column, ...]:
        """The columns of numbers of which some are missing."""
        return tuple(column for column in self.numbers if column.gaps)

    @cached_property
    def categories(self) -> tuple[Column, ...]:
        """The columns of categories."""
        return tuple(column for column in self.columns if not column.is_number)

    @property
    def plain_width(self) -> int:
        """Return how many of the array's numbers are no codes."""
        return len(self.numbers) + len(self.gaps)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (d,), at least 1."""
        return (max(self.plain_width + len(self.categories), 1),)

    @property
    def array_dtype(self) -> str:
        """Return "float32"."""
        return "float32"

    def shape(self, example: Any) -> np.ndarray:
        """Return the array of a row: float32 (d,).

        Args:
            example: column -> cell, texts; columns that are not used may be there.

        Raises:
            DataError: a column is not there, or a number cannot be read.
        """
        missing = [column.name for column in self.columns if column.name not in example]
        if missing:
            raise DataError(
                f"the row has no {', '.join(map(repr, missing[:5]))}; its columns are "
                f"{', '.join(map(repr, list(example)[:12]))}. A cell without a value is empty, not left out"
            )
        values = [self._value(column, example[column.name]) for column in self.numbers]
        array = np.zeros(self.array_shape, np.float32)
        array[: len(values)] = [
            column.mean if value is None else value for column, value in zip(self.numbers, values, strict=True)
        ]
        flags = [float(value is None) for column, value in zip(self.numbers, values, strict=True) if column.gaps]
        array[len(values) : self.plain_width] = flags
        for place, column in enumerate(self.categories, self.plain_width):
            array[place] = column.codes.get(example[column.name], UNKNOWN)
        return array

    @staticmethod
    def _value(column: Column, cell: str) -> float | None:
        if not cell:
            return None
        value = value_of(cell, column.kind)
        if value is None:
            raise DataError(
                f"column {column.name!r} holds a {column.kind} and cannot read {cell!r}; empty it if unknown"
            )
        return value

    def inputs(self) -> Any:
        """Return the input "row": float32 (n, d)."""
        import keras

        return keras.Input(self.array_shape, dtype="float32", name="row")

    def front(self, inputs: Any) -> Any:
        """Return the row with its numbers normalized, (n, d); flags and codes stay as they are."""
        import keras

        count = len(self.numbers)
        if not count:
            return inputs
        mean = [column.mean for column in self.numbers]
        variance = [column.deviation**2 for column in self.numbers]
        normal = keras.layers.Normalization(mean=mean, variance=variance, name="normalized")(inputs[:, :count])
        normal = keras.ops.clip(normal, -_LIMIT, _LIMIT)
        if count == self.array_shape[0]:
            return normal
        return keras.layers.Concatenate(name="normalized_row")([normal, inputs[:, count:]])

    def parts(self) -> Mapping[str, tuple[int, ...]]:
        """Return column -> its places in the array."""
        places = {column.name: [place] for place, column in enumerate(self.numbers)}
        for place, column in enumerate(self.gaps, len(self.numbers)):
            places[column.name].append(place)
        places |= {column.name: [place] for place, column in enumerate(self.categories, self.plain_width)}
        return {column.name: tuple(places[column.name]) for column in self.columns}
