"""What answers given as numbers or text mean: classes, labels yes or no, or values; the rules for every source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.dataset import misfit
from zoo.errors import DataError
from zoo.specs import Output, Task
from zoo.tasks import as_array, class_names


def understand(
    y: Any, count: int, labels: tuple[str, ...], task: Task | None, name: str, outputs: Sequence[Output] = ()
) -> tuple[Task, Any, tuple[str, ...]]:
    """Task, targets and labels from what the user gave.

    Args:
        y: answers, or None. Integers or booleans (n,) or (n, 1): class numbers from 0. Text (n,): class names. (n, k)
            with a single one in each row: one-hot. Other zeros and ones (n, k): multilabel. Lists or sets of text: the
            labels that each image has. Floats (n,): class numbers if labels are given or all are 0 or 1, else values to
            predict. Other floats (n, k): values to predict. A mapping from name to answers: several, as `outputs` say.
        count: number of images.
        labels: class names, by class number; () if not known.
        task: what y is, instead of finding it out.
        name: of the data, for errors.
        outputs: what a mapping y answers.

    Raises:
        DataError: answers of another number than the images, or that cannot be used.
    """
    if isinstance(y, Mapping):
        if not outputs:
            raise DataError(
                f"{name}: several answers ({', '.join(map(str, y))}) need outputs= that describe them, or a model "
                "whose head is a zoo.multi_output"
            )
        return "multi-output", y, ()
    if outputs:
        wanted = ", ".join(output.name for output in outputs)
        raise DataError(f"{name}: the answers must be a mapping with the entries {wanted}; got {type(y).__name__}")
    if y is None:
        return task or "classification", None, labels
    if _label_lists(y, task):
        return multi_hot(y, count, labels, name)
    answers = as_array(y, f"{name}: answers")
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.ndim not in (1, 2):
        raise DataError(f"{name}: answers must be (n,) or (n, k); got {answers.shape}")
    if len(answers) != count:
        raise DataError(f"{name}: {count} images and {len(answers)} answers")
    if answers.dtype.kind in "OUS":
        if task not in (None, "classification"):
            raise DataError(f"{name}: answers of a {task} must be numbers; got {answers.dtype}")
        return _from_names(answers, labels, name)
    if answers.dtype.kind not in "uifb":
        raise DataError(f"{name}: answers must be numbers or names; got {answers.dtype}")
    if not np.isfinite(answers).all():
        raise DataError(f"{name}: there are answers that are NaN or infinite")
    task = task or _task_of(answers, bool(labels))
    if task != "classification":
        return task, answers, labels
    if answers.ndim == 2:
        if not _one_hot(answers):
            raise DataError(f"{name}: answers (n, k) of a classification must have a single one in each row")
        answers = answers.argmax(axis=1)
    if (answers != np.trunc(answers)).any():
        raise DataError(f"{name}: class numbers must be whole; found {answers[answers != np.trunc(answers)][0]}")
    return task, answers.astype(np.int64), labels


def _task_of(answers: np.ndarray, labels_known: bool) -> Task:
    if answers.ndim == 2:
        if _one_hot(answers):
            return "classification"
        return "multilabel" if np.isin(answers, (0, 1)).all() else "regression"
    if answers.dtype.kind != "f" or labels_known or np.isin(answers, (0, 1)).all():
        return "classification"
    return "regression"


def _one_hot(answers: np.ndarray) -> bool:
    return bool(np.isin(answers, (0, 1)).all() and (answers.sum(axis=1) == 1).all())


def _from_names(answers: np.ndarray, labels: tuple[str, ...], name: str) -> tuple[Task, np.ndarray, tuple[str, ...]]:
    names = class_names(answers, f"{name}: answers")
    found = tuple(sorted(set(names)))
    known = labels or found
    if not set(found) <= set(known):
        raise DataError(misfit(name, found, known))
    number = {label: index for index, label in enumerate(known)}
    return "classification", np.array([number[answer] for answer in names], np.int64), known


def multi_hot(
    y: Sequence[Iterable[str]], count: int, labels: tuple[str, ...], name: str
) -> tuple[Task, np.ndarray, tuple[str, ...]]:
    """As `understand`, of the labels that each image has; without labels given, those found, sorted."""
    if len(y) != count:
        raise DataError(f"{name}: {count} images and {len(y)} answers")
    found = tuple(sorted({label for row in y for label in row}))
    known = labels or found
    if not set(found) <= set(known):
        raise DataError(misfit(name, found, known))
    if not known:
        raise DataError(f"{name}: no image has a label")
    number = {label: index for index, label in enumerate(known)}
    answers = np.zeros((count, len(known)), np.float32)
    for row, given in enumerate(y):
        answers[row, [number[label] for label in given]] = 1
    return "multilabel", answers, known


def _label_lists(y: Any, task: Task | None) -> bool:
    """Whether y lists labels by name; one name each is a class, unless it is said to be multilabel."""
    if task not in (None, "multilabel") or not isinstance(y, list | tuple):
        return False
    if not all(isinstance(row, list | tuple | set | frozenset) and all(isinstance(n, str) for n in row) for row in y):
        return False
    return task == "multilabel" or any(len(row) != 1 for row in y)
