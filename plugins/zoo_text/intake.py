"""How a text becomes the array that a graph takes: counts, or numbers of words or of word pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from zoo.errors import DataError
from zoo.modality import Intake
from zoo_text.units import WordCounts, WordIds, WordPieces

if TYPE_CHECKING:
    import numpy as np


class TextIntake(Intake):
    """The intake of texts; what it counts or numbers, and the vocabulary, are in `units`."""

    kind: Literal["text"] = "text"
    units: Annotated[WordCounts | WordIds | WordPieces, Field(discriminator="form")] = Field(
        description="what texts become: counts of words and pairs, ids of words, or numbers of word pieces"
    )

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (terms,) of counts, else (length,)."""
        return self.units.array_shape

    @property
    def array_dtype(self) -> str:
        """Return "uint8" of counts, else "int32"."""
        return self.units.array_dtype

    def shape(self, example: Any) -> np.ndarray:
        """Return the counts or numbers of a text.

        Raises:
            DataError: it is no text.
        """
        if not isinstance(example, str):
            raise DataError(f"a text is a str; got {type(example).__name__}")
        return self.units.shape(example)

    def inputs(self) -> Any:
        """Return the input "counts" or "ids": float32, whole numbers."""
        import keras

        name = "counts" if isinstance(self.units, WordCounts) else "ids"
        return keras.Input(self.array_shape, dtype="float32", name=name)

    def front(self, inputs: Any) -> Any:
        """Return counts times their idf; ids as they are."""
        if not isinstance(self.units, WordCounts):
            return inputs
        import keras

        return keras.layers.Rescaling(list(self.units.idf), dtype="float32", name="idf")(inputs)
