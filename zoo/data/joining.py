"""Several datasets behind one another, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from zoo.data.dataset import Dataset
from zoo.errors import DataError, OptionError
from zoo.modality import Thumbnail
from zoo.pictures.reading import Header


class Joined(Dataset):
    """Several datasets behind one another; a row is a place in that sequence."""

    def __init__(self, members: Sequence[Dataset], name: str, targets: np.ndarray | None) -> None:
        self._parts = tuple(members)
        self.modality = members[0].modality
        self._ends = np.cumsum([len(part) for part in members])
        super().__init__(
            name,
            ids=[name for part in members for name in part.ids],
            labels=members[0].labels,
            task=members[0].task,
            groups=[name for part in members for name in part.groups or [""] * len(part)],
        )
        self.outputs = members[0].outputs
        self.targets = targets
        self.reading = tuple(dict.fromkeys(finding for part in members for finding in part.reading))

    def _locate(self, row: int) -> tuple[Dataset, int]:
        """The part that holds a row, and that part's own row."""
        number = int(np.searchsorted(self._ends, row, side="right"))
        part = self._parts[number]
        return part, int(part._rows[row - (int(self._ends[number]) - len(part))])

    def read(self, row: int) -> Any:
        """See `Dataset.read`."""
        part, own = self._locate(row)
        return part.read(own)

    def digest(self, row: int) -> str:
        """See `Dataset.digest`."""
        part, own = self._locate(row)
        return part._known_digest(own)

    def problem(self, row: int) -> str | None:
        """See `Dataset.problem`."""
        part, own = self._locate(row)
        return part._known_problem(own)

    def show(self, row: int) -> Thumbnail:
        """See `Dataset.show`."""
        part, own = self._locate(row)
        return part.show(own)

    def preview(self, row: int, side: int) -> Image.Image:
        """See `Dataset.preview`."""
        part, own = self._locate(row)
        return part.preview(own, side)

    def _known_header(self, row: int) -> Header | None:
        part, own = self._locate(row)
        return part._known_header(own)


def concatenate(*datasets: Dataset, name: str | None = None) -> Dataset:
    """Several datasets as one, in the order given; splits of the sources are dropped.

    Args:
        *datasets: at least one; all with the same task and the same labels in the same order (see `relabel`).
        name: what to call the result; default the names joined with "+".

    Raises:
        DataError: tasks or labels differ, or only some have answers.
    """
    if not datasets:
        raise OptionError("concatenate needs at least one dataset")
    first = datasets[0]
    for other in datasets[1:]:
        for what in ("modality", "task", "labels", "outputs", "labeled"):
            one, another = getattr(first, what), getattr(other, what)
            if one != another:
                raise DataError(
                    f"cannot join {first.name} and {other.name}: their {what} differ, {one!r} and {another!r}"
                )
    targets = [dataset.targets for dataset in datasets if dataset.targets is not None]
    return Joined(
        datasets, name or "+".join(dataset.name for dataset in datasets), np.concatenate(targets) if targets else None
    )
