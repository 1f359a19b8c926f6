"""The figures of an evaluation, from scores and targets, by the task of each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.errors import DataError, OptionError
from zoo.evaluation import of_boxes, of_classes, of_labels, of_values
from zoo.evaluation.from_plugins import plugin_figures
from zoo.evaluation.of_several import MultiOutputEvaluation
from zoo.evaluation.result import Evaluation
from zoo.specs import Output
from zoo.specs import Task as TaskName
from zoo.tasks import BOX, CLASSIFICATION, MULTILABEL, REGRESSION, named, parts

_MEASURES: dict[str, Callable[..., Evaluation]] = {
    CLASSIFICATION.name: of_classes.measure,
    MULTILABEL.name: of_labels.measure,
    REGRESSION.name: of_values.measure,
    BOX.name: of_boxes.measure,
}


def evaluate_scores(
    scores: np.ndarray,
    targets: np.ndarray,
    *,
    labels: Sequence[str] = (),
    ids: Sequence[str] = (),
    hashes: Sequence[str] = (),
    task: TaskName = CLASSIFICATION.name,
    skipped: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Measure what a model predicted against what is true.

    Args:
        scores: (n, k): probabilities 0..1 (each row adds up to 1 in a classification), or values for a regression.
        targets: int64 (n,) class indices; multi-hot (n, k); or values (n, k) or (n,).
        labels: names of the k outputs; their numbers if left out.
        ids: names of the n examples; their numbers if left out.
        hashes: of the content of the n examples, by which evaluations are compared; () where unknown.
        task: name of the task of one answer, as in `zoo.tasks`.
        skipped: (id, reason) of examples that could not be read; kept as they are.
        notes: what a reader must know; kept, with more added (set too small, classes without examples).

    Returns:
        The evaluation of the task.

    Raises:
        DataError: nothing to measure, shapes that do not fit, NaN, scores that are no probabilities.
        OptionError: an unknown task.
    """
    if task not in _MEASURES:
        known = ", ".join(_MEASURES)
        raise OptionError(f"there is no task {task!r}; tasks are {known}")
    scores, targets = _as_columns(scores, task), np.asarray(targets)
    labels = tuple(labels) or tuple(str(index) for index in range(scores.shape[1]))
    ids = tuple(ids) or tuple(str(index) for index in range(len(scores)))
    _check_shapes(scores, targets, labels, ids, hashes)
    common = {"labels": labels, "ids": ids, "hashes": tuple(hashes), "scores": scores, "skipped": tuple(skipped)}
    evaluation: Evaluation = _MEASURES[task](scores, targets, common, tuple(notes))
    figures, more = plugin_figures(task, evaluation.scores, evaluation.targets)
    return (
        replace(evaluation, plugin_figures=figures, notes=(*evaluation.notes, *more)) if figures or more else evaluation
    )


def _as_columns(scores: np.ndarray, task: TaskName) -> np.ndarray:
    """Scores as float64 (n, k), checked; one value an example may come as (n,)."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim == 1 and named(task).in_units:
        scores = scores[:, None]
    if scores.ndim != 2 or 0 in scores.shape:
        raise DataError(
            f"nothing to measure: scores must have shape (n, k) with n and k at least 1; got {scores.shape}"
        )
    return scores


def _check_shapes(
    scores: np.ndarray, targets: np.ndarray, labels: Sequence[str], ids: Sequence[str], hashes: Sequence[str]
) -> None:
    if len(targets) != len(scores):
        raise DataError(f"{len(scores)} rows of scores but {len(targets)} targets")
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        raise DataError(f"{bad.sum()} of {len(scores)} rows of scores hold NaN or infinite values")
    if len(labels) != scores.shape[1] or len(ids) != len(scores):
        raise DataError(f"scores of shape {scores.shape} do not fit {len(ids)} ids and {len(labels)} labels")
    if hashes and len(hashes) != len(scores):
        raise DataError(f"{len(scores)} rows of scores but {len(hashes)} hashes")


def evaluate_outputs(
    scores: np.ndarray,
    targets: np.ndarray,
    outputs: Sequence[Output],
    *,
    ids: Sequence[str] = (),
    hashes: Sequence[str] = (),
    skipped: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Measure a model with one or several answers.

    Args:
        scores: (n, columns): the answers side by side.
        targets: as `zoo.tasks.parts` takes them apart.
        outputs: the answers.
        ids: names of the n examples.
        hashes: of the content of the n examples.
        skipped: (id, reason) of examples that could not be read.
        notes: what a reader must know.

    Returns:
        The evaluation of the single answer, or of all.
    """
    common: dict[str, Any] = {"ids": ids, "hashes": hashes, "skipped": tuple(skipped), "notes": tuple(notes)}
    if len(outputs) == 1:
        return evaluate_scores(scores, targets, labels=outputs[0].labels, task=outputs[0].task, **common)
    answers = {
        output.name: evaluate_scores(own, true, labels=output.labels, ids=ids, hashes=hashes, task=output.task)
        for output, own, true in parts(outputs, scores, targets)
    }
    inner = [f"{name}: {note}" for name, answer in answers.items() for note in answer.notes]
    return MultiOutputEvaluation(
        labels=tuple(label for output in outputs for label in output.labels),
        ids=tuple(ids) or next(iter(answers.values())).ids,
        hashes=tuple(hashes),
        targets=targets,
        scores=np.asarray(scores, dtype=np.float64),
        skipped=common["skipped"],
        notes=(*common["notes"], *inner),
        answers=answers,
    )
