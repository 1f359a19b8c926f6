"""The classes among the answers of a dataset, and how many images are of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo.tasks import parts

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset


def class_answers(dataset: Dataset) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
    """Each answer of a dataset that is a class: what errors call it, the names of its classes, int64 indices (n,)."""
    if dataset.targets is None:
        return
    if dataset.task == "classification":
        names = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
        yield dataset.name, names, dataset.targets
    for output, _, true in parts(dataset.outputs, None, dataset.targets) if dataset.outputs else ():
        if output.task == "classification":
            yield f"{dataset.name}: {output.name}", output.labels, true


def class_counts(classes: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """How many of some class indices are of each class, in the order of the names; classes of one name together."""
    counts = dict.fromkeys(names, 0)
    for name, count in zip(names, np.bincount(classes, minlength=len(names)).tolist(), strict=True):
        counts[name] += count
    return counts
