"""Two datasets behind one another, so that data of its own can serve as the validation part."""

from __future__ import annotations

import numpy as np

from zoo.data.dataset import Dataset
from zoo.errors import DataError


class Joined(Dataset):
    """The images of one dataset, then those of another with the same labels.

    Raises:
        DataError: tasks or labels differ, or one of them has no answers.
    """

    def __init__(self, first: Dataset, second: Dataset) -> None:
        if first.task != second.task or first.labels != second.labels:
            raise DataError(
                f"{first.name} ({first.task}, {list(first.labels)}) and {second.name} ({second.task}, "
                f"{list(second.labels)}) do not go together"
            )
        if first.targets is None or second.targets is None:
            raise DataError(f"{first.name} and {second.name}: both need answers")
        self._parts = (first, second)
        super().__init__(
            first.name,
            ids=first.ids + second.ids,
            targets=np.concatenate([first.targets, second.targets]),
            labels=first.labels,
            task=first.task,
        )

    def _part(self, row: int) -> tuple[Dataset, int]:
        first, second = self._parts
        return (first, row) if row < len(first) else (second, row - len(first))

    def read(self, row: int) -> np.ndarray:
        """The image of a row, uint8 (height, width, 3)."""
        part, index = self._part(row)
        return part.image(index)

    def digest(self, row: int) -> str:
        """sha256 of the content, as the part computes it."""
        part, index = self._part(row)
        return part.digest(int(part._rows[index]))

    def problem(self, row: int) -> str | None:
        """Why the image cannot be read, as the part sees it."""
        part, index = self._part(row)
        return part.problem(int(part._rows[index]))
