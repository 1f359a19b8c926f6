"""What answers given as numbers or text mean: classes, labels yes or no, or values; the rules for every source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.matching import class_numbers, listed, match, match_columns
from zoo.printing import printable
from zoo.specs import Output, Task
from zoo.tasks import as_array, class_names

Understood = tuple[Task, Any, tuple[str, ...]]
"""Task, targets as `Dataset` takes them, and labels."""


def understand(
    y: Any,
    count: int,
    labels: tuple[str, ...],
    task: Task | None,
    name: str,
    outputs: Sequence[Output] = (),
    *,
    by_number: bool = False,
) -> Understood:
    """Return task, targets and labels from what the user gave.

    Args:
        y: answers, or None. Integers or booleans (n,) or (n, 1): class numbers from 0. Text (n,): class names. (n, k)
            with a single one in each row: one-hot. Other zeros and ones (n, k): multilabel. Lists or sets of text: the
            labels that each image has. Floats (n,): class numbers if labels are given or all are 0 or 1, else values to
            predict. Other floats (n, k): values to predict. A DataFrame (n, k): as an array, its columns matched to the
            labels by their names. A mapping from name to answers: several, as `outputs` say.
        count: number of images.
        labels: class names or names of the columns, in the order wanted; () if not known.
        task: what y is, instead of finding it out.
        name: of the data, for errors.
        outputs: what a mapping y answers.
        by_number: the labels are those of y itself, so that its numbers are their positions. Otherwise they are those
            of a head, and numbers that are names of other classes are refused.

    Raises:
        DataError: answers of another number than the images, that can be read in two ways, or that cannot be used.
    """
    if isinstance(y, Mapping) or outputs:
        return _several(y, name, outputs)
    if y is None:
        return task or "classification", None, labels
    if _label_lists(y, task):
        return multi_hot(y, count, labels, name)
    answers = _rows_or_numbers(y, count, name)
    if answers.dtype.kind in "OUS":
        return _from_names(answers, labels, name, task)
    _check_numbers(answers, name)
    task = task or _task_of(answers, bool(labels))
    if answers.ndim == 1:
        if task != "classification":
            return _in_columns(task, answers, (), labels, name)
        return task, _class_numbers(answers, labels, name, by_number=by_number), labels
    columns = column_names(y)
    if labels and not columns and not by_number:
        class_numbers(np.arange(answers.shape[1]), labels, name)  # a column is a number too: to_categorical(y)
    if task == "classification":
        return _from_one_hot(answers, columns, labels, name)
    return _in_columns(task, answers, columns, labels, name)


def _class_numbers(answers: np.ndarray, labels: tuple[str, ...], name: str, *, by_number: bool) -> np.ndarray:
    broken = answers[answers != np.trunc(answers)]
    if len(broken):
        raise DataError(f"{name}: class numbers must be whole; found {broken[0]}")
    return answers.astype(np.int64) if by_number else class_numbers(answers, labels, name)


def _rows_or_numbers(y: Any, count: int, name: str) -> np.ndarray:
    """Answers as an array (n,) or (n, k), k at least 2, of as many as there are images."""
    answers = as_array(y, f"{name}: answers")
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.ndim not in (1, 2):
        raise DataError(f"{name}: answers must be (n,) or (n, k); got {answers.shape}")
    if len(answers) != count:
        raise DataError(f"{name}: {count} images and {len(answers)} answers")
    return answers


def _check_numbers(answers: np.ndarray, name: str) -> None:
    if answers.dtype.kind not in "uifb":
        raise DataError(f"{name}: answers must be numbers or names; got {answers.dtype}")
    if not np.isfinite(answers).all():
        raise DataError(f"{name}: there are answers that are NaN or infinite")


def column_names(y: Any) -> tuple[str, ...]:
    """Return the names of the columns of a table in memory (pandas, polars); () if they merely count from 0."""
    columns = getattr(y, "columns", None)
    if columns is None or not hasattr(y, "to_numpy"):
        return ()
    names = list(columns)
    return () if names == list(range(len(names))) else tuple(printable(str(name)) for name in names)


def has_names(y: Any) -> bool:
    """Return whether answers say by name what they mean: text, labels, a table with columns, several answers."""
    if y is None or isinstance(y, Mapping) or column_names(y):
        return True
    try:
        return np.asarray(y).dtype.kind in "OUS"
    except ValueError:  # lists of labels, of different lengths
        return True


def _several(y: Any, name: str, outputs: Sequence[Output]) -> Understood:
    if not outputs:
        raise DataError(
            f"{name}: several answers ({', '.join(map(str, y))}) need outputs= that describe them, or a model "
            "whose head is a zoo.multi_output"
        )
    if not isinstance(y, Mapping):
        entries = ", ".join(output.name for output in outputs)
        raise DataError(f"{name}: the answers must be a mapping with the entries {entries}; got {type(y).__name__}")
    return "multi-output", y, ()


def _in_columns(
    task: Task, answers: np.ndarray, columns: tuple[str, ...], labels: tuple[str, ...], name: str
) -> Understood:
    """Several labels or values: columns by name where they have names."""
    if not columns or not labels or (task == "box" and set(columns) != set(labels)):
        return task, answers, labels or columns
    order = match_columns(columns, labels, len(columns), name)
    return task, answers if order is None else answers[:, order], labels


def _from_one_hot(
    answers: np.ndarray, columns: tuple[str, ...], labels: tuple[str, ...], name: str
) -> tuple[Task, np.ndarray, tuple[str, ...]]:
    if not _one_hot(answers):
        raise DataError(f"{name}: answers (n, k) of a classification must have a single one in each row")
    numbers = answers.argmax(axis=1).astype(np.int64)
    if columns:
        return "classification", match(columns, labels, name)[numbers] if labels else numbers, labels or columns
    if labels and answers.shape[1] != len(labels):
        raise DataError(
            f"{name}: one-hot answers with {answers.shape[1]} columns for {len(labels)} classes ({listed(labels)}), "
            "and the columns have no names to tell which are which. Give class names (text), or all columns: "
            "pd.get_dummies(...).reindex(columns=labels, fill_value=0), to_categorical(y, num_classes)"
        )
    return "classification", numbers, labels


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


def _from_names(answers: np.ndarray, labels: tuple[str, ...], name: str, task: Task | None) -> Understood:
    if task not in (None, "classification"):
        raise DataError(f"{name}: answers of a {task} must be numbers; got {answers.dtype}")
    names = [printable(text) for text in class_names(answers, f"{name}: answers")]
    classes = tuple(sorted(set(names)))
    known = labels or classes
    number = dict(zip(classes, match(classes, known, name).tolist(), strict=True))
    return "classification", np.array([number[answer] for answer in names], np.int64), known


def multi_hot(
    y: Sequence[Iterable[str]], count: int, labels: tuple[str, ...], name: str
) -> tuple[Task, np.ndarray, tuple[str, ...]]:
    """As `understand`, of the labels that each image has; without labels given, those found, sorted."""
    if len(y) != count:
        raise DataError(f"{name}: {count} images and {len(y)} answers")
    rows = [[printable(label) for label in row] for row in y]
    given = tuple(sorted({label for row in rows for label in row}))
    known = labels or given
    if not known:
        raise DataError(f"{name}: no image has a label")
    number = dict(zip(given, match(given, known, name).tolist(), strict=True))
    answers = np.zeros((count, len(known)), np.float32)
    for row, names in enumerate(rows):
        answers[row, [number[label] for label in names]] = 1
    return "multilabel", answers, known


def _label_lists(y: Any, task: Task | None) -> bool:
    """Whether y lists labels by name; one name each is a class, unless it is said to be multilabel."""
    if task not in (None, "multilabel") or not isinstance(y, list | tuple):
        return False
    if not all(isinstance(row, list | tuple | set | frozenset) and all(isinstance(n, str) for n in row) for row in y):
        return False
    return task == "multilabel" or any(len(row) != 1 for row in y)
