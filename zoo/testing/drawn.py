"""Examples of any modality, drawn by it, and what is wrong with what an augmentation makes of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError


@dataclass(frozen=True)
class Drawn:
    """Examples of a modality that draws them.

    Attributes:
        modality: that of the augmentation.
        arrays: whether it changes the arrays that an intake makes, not the examples themselves.
    """

    modality: Any
    arrays: bool = False

    def example(self, seed: int = 0) -> Any:
        """Return what the augmentation takes."""
        example = self.modality.drawn(seed)
        return self._intake().shape(example) if self.arrays else example

    def digest(self, example: Any) -> str:
        """Return what tells it from others."""
        return str(self.modality.digest(example))

    def fault(self, before: Any, after: Any) -> str:
        """Return why what came back is no example; "" where it is one."""
        if not isinstance(after, type(before)):
            return f"it gave a {type(after).__name__}; an example is a {type(before).__name__}"
        try:
            self.modality.take(after)
        except ZooError as error:
            return f"what it gave is no example: {error}"
        return ""

    def dtypes(self, example: Any) -> list[str]:
        """Return the dtypes of the arrays in an example."""
        return [str(array.dtype) for array in _arrays(example)]

    def shaped(self, examples: list[Any]) -> list[np.ndarray]:
        """Return the arrays that the intake of the modality makes of examples.

        Raises:
            ValueError: one of another shape.
        """
        intake = self._intake()
        arrays = [np.asarray(intake.shape(example)) for example in examples]
        wrong = [array.shape for array in arrays if array.shape != tuple(intake.array_shape)]
        if wrong:
            raise ValueError(f"its intake makes {wrong[0]} of what it gave, in place of {tuple(intake.array_shape)}")
        return arrays

    def _intake(self) -> Any:
        return self.modality.fit(iter([self.modality.drawn(seed) for seed in range(4)]), {})


def _arrays(example: Any) -> Iterator[np.ndarray]:
    if isinstance(example, np.ndarray):
        yield example
    elif isinstance(example, list | tuple):
        for part in example:
            yield from _arrays(part)
