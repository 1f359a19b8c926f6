"""What the columns of a head's output mean: where each answer lies, how targets are packed, how scores are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.matching import class_numbers, match
from zoo.printing import printable
from zoo.specs import Output, Task

THRESHOLD = 0.5
"""Probability from which a label of a multilabel answer counts as given."""


def task_of(outputs: Sequence[Output]) -> Task:
    """The task of a model with these answers."""
    return outputs[0].task if len(outputs) == 1 else "multi-output"


def columns(outputs: Sequence[Output]) -> Iterator[tuple[Output, slice, slice]]:
    """Each answer with its columns in the scores and its columns in the targets.

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
    """Each answer with its own scores (n, k) and targets (class indices int64 (n,), or values (n, k))."""
    for output, where, there in columns(outputs):
        own = None if scores is None else scores[:, where]
        true = targets
        if targets is not None and len(outputs) > 1:
            true = targets[:, there]
            true = true[:, 0].astype(np.int64) if output.task == "classification" else true
        yield output, own, true


def pack(outputs: Sequence[Output], answers: Mapping[str, Any], name: str) -> np.ndarray:
    """The targets of several answers as one array.

    Args:
        outputs: the answers, in order.
        answers: answer -> class indices or class names (n,), multi-hot (n, k), values (n, k) or (n,), boxes (n, 4).
        name: of the data, for errors.

    Returns:
        float32 (n, columns); class indices as whole numbers.

    Raises:
        DataError: an answer that is missing, unknown, or does not fit; boxes outside 0..1 or inside out.
    """
    wanted = [output.name for output in outputs]
    if set(answers) != set(wanted):
        given = ", ".join(sorted(map(str, answers)))
        raise DataError(f"{name}: the answers are {given}; the head gives {', '.join(wanted)}")
    packed = [_one(output, answers[output.name], name) for output in outputs]
    counts = {output.name: len(values) for output, values in zip(outputs, packed, strict=True)}
    if len(set(counts.values())) != 1:
        raise DataError(f"{name}: answers of different lengths: {counts}")
    return np.concatenate(packed, axis=1)


def _one(output: Output, answers: Any, name: str) -> np.ndarray:
    what = f"{name}: {output.name} ({output.task})"
    values = as_array(answers, what)
    if output.task == "classification" and values.dtype.kind in "OUS":
        names = class_names(values, what)
        classes = tuple(dict.fromkeys(names))
        number = dict(zip(classes, match(classes, output.labels, what).tolist(), strict=True))
        values = np.array([number[name] for name in names], np.int64)
    numbers = as_float32(values)
    if numbers is None:
        raise DataError(f"{what} must hold finite numbers; got {values.dtype}")
    values = numbers
    if values.ndim != 2 or values.shape[1] != output.target_width:
        raise DataError(f"{what} must have {output.target_width} number(s) an example; got shape {values.shape}")
    if output.task == "classification":
        bad = (values < 0) | (values >= output.width) | (values != np.trunc(values))
        if bad.any():
            raise DataError(f"{what} must hold class numbers 0..{output.width - 1}; found {values[bad][0]:g}")
        values = class_numbers(values[:, 0], output.labels, what)[:, None].astype(np.float32)
    check_values(output.task, values, what)
    return values


def as_array(answers: Any, what: str) -> np.ndarray:
    """Answers as an array with one entry an example.

    Raises:
        DataError: no list of answers, or answers of different shapes.
    """
    try:
        values = np.asarray(answers)
    except ValueError as error:
        raise DataError(f"{what}: the examples are not all of the same shape; give each as many values") from error
    if values.ndim == 0:
        raise DataError(f"{what} must be a list or an array, one for every example; got {type(answers).__name__}")
    return values


def as_float32(values: np.ndarray) -> np.ndarray | None:
    """Numbers as float32, (n,) as (n, 1); None if they are no numbers, or not finite as float32."""
    if values.dtype.kind not in "uifb":
        return None
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        return None
    return numbers[:, None] if numbers.ndim == 1 else numbers


def class_names(values: np.ndarray, what: str) -> list[str]:
    """Class names (n,) or (n, 1) as texts; TensorFlow and h5py give them as bytes.

    Raises:
        DataError: they are something else.
    """
    names = (values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values).tolist()
    try:
        names = [name.decode() if isinstance(name, bytes) else name for name in names]
    except UnicodeDecodeError as error:
        raise DataError(f"{what}: class names given as bytes must be text in UTF-8; these are not UTF-8") from error
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        raise DataError(f"{what} must be numbers, or text (n,); got {values.dtype} {values.shape} with {strange[0]!r}")
    return names


def check_values(task: Task, values: np.ndarray, what: str) -> None:
    """Check what answers (n, k) of a task have to be besides finite numbers: 0 or 1, or boxes.

    Raises:
        DataError: they are not.
    """
    if task == "multilabel":
        bad = ~np.isin(values, (0, 1))
        if bad.any():
            raise DataError(f"{what} must hold 0 or 1 for every label; found {values[bad][0]:g}")
    if task == "box":
        check_boxes(values, what)


def check_boxes(boxes: np.ndarray, what: str) -> None:
    """Boxes must be (n, 4), within 0..1, and not inside out.

    Raises:
        DataError: they are not; the message names the first that is wrong.
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{what} must be boxes (n, 4): x_min, y_min, x_max, y_max; got shape {boxes.shape}")
    bad = (boxes < 0).any(1) | (boxes > 1).any(1) | (boxes[:, 0] >= boxes[:, 2]) | (boxes[:, 1] >= boxes[:, 3])
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{what}: box {row} is {boxes[row].tolist()}; boxes are x_min, y_min, x_max, y_max as shares 0..1 of width "
            f"and height (divide pixels by the picture's size), x_min < x_max, y_min < y_max"
        )


def as_boxes(values: np.ndarray) -> np.ndarray:
    """The boxes that values (n, 4) mean: within 0..1, and never inside out."""
    inside = np.clip(values, 0, 1)
    return np.concatenate([np.minimum(inside[:, :2], inside[:, 2:]), np.maximum(inside[:, :2], inside[:, 2:])], axis=1)


def box_columns(outputs: Sequence[Output]) -> slice | None:
    """The columns of the targets that hold boxes; None without a box answer.

    Raises:
        DataError: there is more than one box.
    """
    found = [there for output, _, there in columns(outputs) if output.task == "box"]
    if len(found) > 1:
        raise DataError("a model answers with one box at most")
    return found[0] if found else None


def read_scores(outputs: Sequence[Output], raw: np.ndarray, *, from_logits: bool) -> np.ndarray:
    """Probabilities or values from the head's own output, as the serving graph computes them."""
    if not from_logits:
        return raw
    return np.concatenate([_activate(output, own) for output, own, _ in parts(outputs, raw, None)], axis=1)


def _activate(output: Output, raw: np.ndarray) -> np.ndarray:
    if output.task == "classification":
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)
    if output.task == "multilabel":
        # Both signs by a form that cannot overflow.
        small = np.exp(-np.abs(raw))
        return np.where(raw >= 0, 1 / (1 + small), small / (1 + small))
    return raw


# -- decoding -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one image. What the task does not give is None (or empty).

    Attributes:
        source: the path or index the image came from.
        scores: float32 (k,): probabilities 0..1 in label order, or values.
        label: the most likely class.
        score: its probability, 0..1.
        top: the five most likely classes (of a multilabel answer: labels) with their probabilities, best first.
        given: the labels of a multilabel answer with a probability above 0.5.
        values: name -> value, of a regression.
        box: x_min, y_min, x_max, y_max as shares 0..1 of width and height.
        answers: name -> Prediction, of a model with several answers; `label` and `score` are then those of its first
            class.
        names: the labels of `scores`, in order.
    """

    source: str
    scores: np.ndarray
    label: str | None = None
    score: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    given: tuple[str, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    box: tuple[float, float, float, float] | None = None
    answers: Mapping[str, Prediction] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Prediction({self.text()}, {printable(self.source)})"

    def text(self, count: int = 1) -> str:
        """The answer in words, with up to `count` classes."""
        if self.answers:
            return "; ".join(f"{name}: {answer.text(count)}" for name, answer in self.answers.items())
        if self.box is not None:
            return "box " + " ".join(f"{value:.3f}" for value in self.box)
        if self.values:
            return "  ".join(f"{name} {value:.4g}" for name, value in self.values.items())
        if self.label is None:
            return "  ".join(f"{name} {score:.3f}" for name, score in self.top if name in self.given) or "no label"
        return "  ".join(f"{name} {score:.3f}" for name, score in best(self.scores, self.names, count))

    def to_dict(self, count: int = 5) -> dict[str, Any]:
        """The answer as JSON can hold it."""
        found: dict[str, Any] = {"source": self.source}
        if self.answers:
            answers = {name: answer.to_dict(count) for name, answer in self.answers.items()}
            for answer in answers.values():
                del answer["source"]
            return {**found, "answers": answers}
        if self.box is not None:
            return {**found, "box": list(self.box)}
        if self.values:
            return {**found, "values": dict(self.values)}
        first = [{"label": name, "score": score} for name, score in best(self.scores, self.names, count)]
        if self.label is None:
            return {**found, "labels": list(self.given), "top": first}
        return {**found, "label": self.label, "score": self.score, "top": first}


def best(scores: np.ndarray, labels: Sequence[str], count: int) -> tuple[tuple[str, float], ...]:
    """The highest scores with their labels, best first."""
    order = np.argsort(-scores, kind="stable")[:count]
    return tuple((labels[index], float(scores[index])) for index in order)


def decode(outputs: Sequence[Output], scores: np.ndarray, source: str) -> Prediction:
    """What the scores (k,) of one image say."""
    if len(outputs) == 1:
        return _decode(outputs[0], scores, source)
    answers = {output.name: _decode(output, own[0], source) for output, own, _ in parts(outputs, scores[None], None)}
    classes = [answer for answer in answers.values() if answer.label is not None]
    first = classes[0] if classes else None
    return Prediction(
        source,
        scores,
        label=first.label if first else None,
        score=first.score if first else None,
        answers=answers,
    )


def _decode(output: Output, scores: np.ndarray, source: str) -> Prediction:
    labels = output.labels or tuple(str(index) for index in range(len(scores)))
    if output.task == "box":
        x_min, y_min, x_max, y_max = as_boxes(scores[None])[0].tolist()
        return Prediction(source, scores, box=(x_min, y_min, x_max, y_max), names=labels)
    if output.task == "regression":
        return Prediction(
            source, scores, values={name: float(v) for name, v in zip(labels, scores, strict=True)}, names=labels
        )
    top = best(scores, labels, 5)
    if output.task == "multilabel":
        given = tuple(name for name, score in zip(labels, scores, strict=True) if score > THRESHOLD)
        return Prediction(source, scores, top=top, given=given, names=labels)
    return Prediction(source, scores, label=top[0][0], score=top[0][1], top=top, names=labels)
