"""Several answers side by side: which columns of scores and targets belong to which, packed, read and decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import DataError
from zoo.tasks.kinds import of
from zoo.tasks.prediction import Prediction
from zoo.tasks.several import SEVERAL

if TYPE_CHECKING:
    from zoo.specs import Output
    from zoo.specs import Task as TaskName


def task_of(outputs: Sequence[Output]) -> TaskName:
    """Return the name of the task of a model with these answers."""
    return outputs[0].task if len(outputs) == 1 else SEVERAL.name


def columns(outputs: Sequence[Output]) -> Iterator[tuple[Output, slice, slice]]:
    """Yield each answer with its columns in the scores and its columns in the targets.

    A single answer has all columns: its labels may not be known yet.
    """
    if len(outputs) == 1:
        yield outputs[0], slice(None), slice(None)
        return
    score = target = 0
    for output in outputs:
        yield output, slice(score, score + output.width), slice(target, target + output.target_width)
        score, target = score + output.width, target + output.target_width


def parts(
    outputs: Sequence[Output], scores: np.ndarray | None, targets: np.ndarray | None
) -> Iterator[tuple[Output, Any, Any]]:
    """Yield each answer with its own scores (n, k) and targets (class indices int64 (n,), or values (n, k))."""
    for output, where, there in columns(outputs):
        own = None if scores is None else scores[:, where]
        true = targets
        if targets is not None and len(outputs) > 1:
            true = of(output).unpacked(targets[:, there])
        yield output, own, true


def pack(outputs: Sequence[Output], answers: Mapping[str, Any], name: str) -> np.ndarray:
    """Return the targets of several answers as one array.

    Args:
        outputs: the answers, in order.
        answers: answer -> class indices or class names (n,), multi-hot (n, k), values (n, k) or (n,), boxes (n, 4).
        name: of the data, for errors.

    Returns:
        float32 (n, columns); class indices as whole numbers.

    Raises:
        DataError: an answer that is missing, unknown, or does not fit; boxes outside 0..1 or inside out.
    """
    names = [output.name for output in outputs]
    if set(answers) != set(names):
        given = ", ".join(sorted(map(str, answers)))
        raise DataError(f"{name}: the answers are {given}; the head gives {', '.join(names)}")
    packed = [
        of(output).packed_targets(output, answers[output.name], f"{name}: {output.name} ({output.task})")
        for output in outputs
    ]
    counts = {output.name: len(values) for output, values in zip(outputs, packed, strict=True)}
    if len(set(counts.values())) != 1:
        raise DataError(f"{name}: answers of different lengths: {counts}")
    return np.concatenate(packed, axis=1)


def box_columns(outputs: Sequence[Output]) -> slice | None:
    """Return the columns of the targets that hold places in the picture; None without such an answer.

    Raises:
        DataError: there is more than one.
    """
    places = [there for output, _, there in columns(outputs) if of(output).are_places]
    if len(places) > 1:
        raise DataError("a model answers with one box at most")
    return places[0] if places else None


def read_scores(outputs: Sequence[Output], raw: np.ndarray, *, from_logits: bool) -> np.ndarray:
    """Return probabilities or values from the head's own output, as the serving graph computes them."""
    if not from_logits:
        return raw
    return np.concatenate([of(output).activated(own) for output, own, _ in parts(outputs, raw, None)], axis=1)


def decode(outputs: Sequence[Output], scores: np.ndarray, source: str) -> Prediction:
    """Return what the scores (k,) of one example say; `source` is its path or index."""
    if len(outputs) == 1:
        return _decode(outputs[0], scores, source)
    answers = {output.name: _decode(output, own[0], source) for output, own, _ in parts(outputs, scores[None], None)}
    first = next((answer for answer in answers.values() if answer.label is not None), None)
    return Prediction(
        source,
        scores,
        label=first.label if first else None,
        score=first.score if first else None,
        answers=answers,
    )


def _decode(output: Output, scores: np.ndarray, source: str) -> Prediction:
    return of(output).decode(output.labels or tuple(str(index) for index in range(len(scores))), scores, source)


def history_figures(
    outputs: Sequence[Output], scores: np.ndarray, targets: np.ndarray, scales: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Compute the figures of an epoch: the weighted sum of the losses, and each answer's metric.

    Args:
        outputs: the answers.
        scores: (n, columns).
        targets: as `parts` takes them apart.
        scales: name of each regression -> the unit of each of its values, in which its loss counts.

    Returns:
        `loss` and `accuracy` or `mae` of a single answer; of several `loss`, and `NAME_accuracy` or `NAME_mae` of each.
    """
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets)
    if len(outputs) == 1:
        return of(outputs[0]).history_figures(scores, targets, scales.get(outputs[0].name, 1.0))
    figures = {"loss": 0.0}
    for output, own, true in parts(outputs, scores, targets):
        single = of(output).history_figures(own, true, scales.get(output.name, 1.0))
        figures["loss"] += output.weight * single.pop("loss")
        figures |= {f"{output.name}_{name}": value for name, value in single.items()}
    return figures
