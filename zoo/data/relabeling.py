"""The answers of a dataset in the order of a head's labels: by name, and by position only where there are no names."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.data.findings import Finding
from zoo.errors import DataError, OptionError
from zoo.matching import class_numbers, listed, match, match_columns, numbered, places
from zoo.printing import printable
from zoo.specs import Output, Task
from zoo.tasks import pack, parts

if TYPE_CHECKING:
    from zoo.data.dataset import Dataset

AnyDataset = TypeVar("AnyDataset", bound="Dataset")


def relabeled(dataset: AnyDataset, labels: Sequence[str]) -> AnyDataset:
    """Return the same images with their answers in the order of labels: see `Dataset.relabel`."""
    if dataset.labels and dataset.labels == tuple(labels):
        return copy.copy(dataset)  # whatever the names: two of ImageNet's classes are called crane
    names = _unique(labels)
    clone = copy.copy(dataset)
    clone.labels = names
    if dataset.targets is None:
        return clone
    if dataset.task != "classification":
        order = match_columns(dataset.labels, names, dataset.targets.shape[1], dataset.name)
        if order is not None:
            clone.targets = dataset.targets[:, order]
        return clone if order is not None else clone.noting(by_position(dataset.task, names))
    if dataset.labels:
        clone.targets = match(dataset.labels, names, dataset.name)[dataset.targets]
        return clone
    numbers = class_numbers(dataset.targets, names, dataset.name)
    clone.targets = clone.check_targets(numbers)
    return clone if (numbers != dataset.targets).any() else clone.noting(by_position(dataset.task, names))


def arranged(dataset: AnyDataset, outputs: Sequence[Output]) -> AnyDataset:
    """Return the same images with their several answers as `outputs` want them: see `Dataset.arrange`."""
    have, head = ([(o.name, o.task, o.labels) for o in some] for some in (dataset.outputs, outputs))
    if have == head:
        return copy.copy(dataset)
    by_name = {output.name: (output, true) for output, _, true in parts(dataset.outputs, None, dataset.targets)}
    answers: dict[str, Any] = {}
    for output in outputs:
        same, true = by_name.get(output.name, (None, None))
        if same is None or not _agree(same, output):
            described = "; ".join(f"{o.name}: {o.task} of {listed(o.labels)}" for o in dataset.outputs)
            raise DataError(
                f"{dataset.name} answers {described}; the head answers {output.name}: {output.task} of "
                f"{listed(output.labels)}"
            )
        if true is not None and same.labels != output.labels:
            if output.task == "classification":
                true = match(same.labels, output.labels, dataset.name)[true]
            else:
                true = true[:, match(output.labels, same.labels, dataset.name)]
        answers[output.name] = true
    clone = copy.copy(dataset)
    clone.outputs = tuple(outputs)
    clone.labels = tuple(label for output in outputs for label in output.labels)
    if dataset.targets is not None:
        clone.targets = pack(outputs, answers, dataset.name)
    return clone


def by_position(task: Task, labels: Sequence[str]) -> Finding | None:
    """Return a word on answers that have no names: which label a number or a column means; None for labels without."""
    if numbered(labels) or len(labels) < 2 or task == "box":
        return None
    shown = ", ".join(f'{place} is "{label}"' for place, label in enumerate(labels[:3]))
    what = "columns without names answer the labels in their order"
    if task == "classification":
        what = "whole numbers are positions among the labels"
    return Finding(
        "answers by position", "info", f"{what}: {shown}{', ...' if len(labels) > 3 else ''}",
        "Give names (text, or a table whose columns have names) where the order may be another one", 0,
    )  # fmt: skip


def _agree(output: Output, head: Output) -> bool:
    """Whether answers of a dataset can be put in the terms of a head: classes may be a part of them, in any order."""
    if output.task != head.task:
        return False
    if output.task == "classification":
        return None not in places(output.labels, head.labels)
    return len(output.labels) == len(head.labels) and None not in places(output.labels, head.labels)


def _unique(labels: Sequence[str]) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise OptionError(f"labels must be a list of names; got the text {labels!r}")
    names = tuple(printable(label) for label in labels)
    repeated = sorted({label for label in names if names.count(label) > 1})
    if repeated:
        raise OptionError(f"labels must differ; {', '.join(map(repr, repeated))} is there more than once")
    return names
