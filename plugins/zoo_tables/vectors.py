"""The modality `numbers`: arrays of one shape, as they are, for a Keras model of one's own that takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from zoo.errors import DataError, OptionError
from zoo.modality import Intake, Modality, Problem, Ref, Thumbnail
from zoo.specs import ModalitySpec

SPECS = (
    ModalitySpec(
        name="numbers",
        summary="arrays (n, d) as they are, for a Keras model of your own that takes vectors",
        modality="zoo_tables.vectors:Numbers",
        own_ranks=(1,),
    ),
)


class NumbersIntake(Intake):
    """The intake of arrays: float32, of the shape that the network takes, without a change."""

    kind: Literal["numbers"] = "numbers"
    size: tuple[int, ...] = Field(default=(1,), description="shape of the array of one example")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return the shape of the array of one example."""
        return self.size

    @property
    def array_dtype(self) -> str:
        """Return "float32"."""
        return "float32"

    def shape(self, example: np.ndarray) -> np.ndarray:
        """Return the array itself.

        Raises:
            DataError: it has another shape.
        """
        if example.shape != self.size:
            raise DataError(f"the network takes arrays of shape {self.size}; this example has {example.shape}")
        return example

    def inputs(self) -> Any:
        """Return the input "numbers": float32, a batch of arrays."""
        import keras

        return keras.Input(self.size, dtype="float32", name="numbers")


class Numbers(Modality):
    """Arrays of numbers in memory: float32 (d,)."""

    name = "numbers"
    extensions = ()
    intake = NumbersIntake

    def examples(self, source: str | Path) -> Iterator[Ref]:
        """Refuse: what a file of numbers means is for its owner to say."""
        raise DataError(f"{source}: arrays of numbers come from memory; read the file and give (x, y) as arrays")

    def read(self, ref: Ref) -> np.ndarray:
        """Refuse, as `examples` does."""
        raise DataError(f"{ref.path}: arrays of numbers come from memory")

    def take(self, item: Any) -> np.ndarray:
        """Return a row of numbers, an array (d,) or a list, as float32.

        Raises:
            DataError: it is none, or holds a NaN or an infinite number.
        """
        try:
            row = np.array(item, np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(f"an example is an array of numbers (d,): {error}") from error
        if row.ndim != 1 or not len(row):
            raise DataError(f"an example is an array of numbers (d,); got the shape {row.shape}")
        if not np.isfinite(row).all():
            raise DataError("an example has numbers that are NaN or infinite")
        return row

    def fit(self, training: Iterable[Any], options: Mapping[str, Any]) -> NumbersIntake:
        """Return the intake for the shape that the network takes: there is nothing to fit."""
        size = options.get("shape", (1,))
        if not all(isinstance(side, int) and side > 0 for side in size):
            raise OptionError(f"shape={size!r} must be whole numbers from 1")
        return NumbersIntake(size=tuple(size))

    def problems(self, example: np.ndarray) -> Iterator[Problem]:
        """Yield that a row is nothing but zeros."""
        if not example.any():
            yield Problem("warning", "every number of the row is 0", "Look whether the row is empty")

    def drawn(self, seed: int) -> np.ndarray:
        """Return four numbers."""
        return np.random.default_rng(seed).normal(size=4).astype(np.float32)

    def show(self, example: np.ndarray) -> Thumbnail:
        """Return the first numbers as a text."""
        shown = ", ".join(f"{value:.4g}" for value in example[:12].tolist())
        return Thumbnail(text=shown + (", ..." if len(example) > 12 else ""))
