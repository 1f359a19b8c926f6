"""What a model answers for one example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.printing import preformatted, printable


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one image. What the task does not give is None (or empty).

    Attributes:
        source: the path or index the image came from.
        scores: float32 (k,): probabilities 0..1 in label order, or values.
        label: the most likely class.
        score: its probability, 0..1.
        top: the five most likely classes (where there may be any number: labels) with their probabilities, best first.
        given: the labels with a probability above 0.5, where there may be any number.
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

    def _repr_html_(self) -> str:
        return preformatted(repr(self))

    def text(self, count: int = 1) -> str:
        """The answer in words, with up to `count` classes."""
        if self.answers:
            return "; ".join(f"{name}: {answer.text(count)}" for name, answer in self.answers.items())
        if self.box is not None:
            return "box " + " ".join(f"{value:.3f}" for value in self.box)
        if self.values:
            return _listed(self.values.items(), ".4g")
        if self.label is None:
            return _listed([(name, score) for name, score in self.top if name in self.given], ".3f") or "no label"
        return _listed(best(self.scores, self.names, count), ".3f")

    def to_dict(self, count: int = 5) -> dict[str, Any]:
        """The answer as JSON can hold it."""
        written: dict[str, Any] = {"source": self.source}
        if self.answers:
            answers = {name: answer.to_dict(count) for name, answer in self.answers.items()}
            for answer in answers.values():
                del answer["source"]
            return {**written, "answers": answers}
        if self.box is not None:
            return {**written, "box": list(self.box)}
        if self.values:
            return {**written, "values": dict(self.values)}
        first = [{"label": name, "score": score} for name, score in best(self.scores, self.names, count)]
        if self.label is None:
            return {**written, "labels": list(self.given), "top": first}
        return {**written, "label": self.label, "score": self.score, "top": first}


def _listed(figures: Iterable[tuple[str, float]], form: str) -> str:
    return "  ".join(f"{name} {figure:{form}}" for name, figure in figures)


def best(scores: np.ndarray, labels: Sequence[str], count: int) -> tuple[tuple[str, float], ...]:
    """Return the highest scores with their labels, best first."""
    order = np.argsort(-scores, kind="stable")[:count]
    return tuple((labels[index], float(scores[index])) for index in order)
