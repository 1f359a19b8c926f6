"""How wrong a model is on each example, in the measure of its task."""

from __future__ import annotations

import numpy as np

from zoo.errors import OptionError
from zoo.evaluation.metrics import intersection_over_union
from zoo.evaluation.result import Evaluation
from zoo.outputs import as_boxes

_LEAST = 1e-12
"""Probabilities below this count as this: the loss of a sure mistake stays a number."""


def example_losses(evaluation: Evaluation) -> np.ndarray:
    """A loss for each example, float64 (n,), at least 0; the larger the worse.

    Classification: -log of the probability of the true class, in nats. Several labels: their mean binary cross-entropy.
    Values: root mean square over the values of error by standard deviation of the targets. Box: 1 minus intersection
    over union.

    Raises:
        OptionError: an evaluation with several answers has no loss of its own: take one of its answers.
    """
    scores, targets = evaluation.scores, evaluation.targets
    if evaluation.task == "classification":
        return -np.log(np.maximum(scores[np.arange(len(scores)), targets], _LEAST))
    if evaluation.task == "multilabel":
        right = np.where(targets > 0, scores, 1 - scores)
        return -np.log(np.maximum(right, _LEAST)).mean(axis=1)
    if evaluation.task == "regression":
        true = targets.reshape(scores.shape)
        unit = true.std(axis=0)
        return np.sqrt((((scores - true) / np.where(unit > 0, unit, 1.0)) ** 2).mean(axis=1))
    if evaluation.task == "box":
        return 1 - intersection_over_union(as_boxes(scores), targets)
    raise OptionError("an evaluation with several answers has no loss of its own: take one of its .answers")


def said(evaluation: Evaluation, row: int) -> tuple[str, str]:
    """What is true of an example and what the model said, in a few words each."""
    scores, target, labels = evaluation.scores[row], evaluation.targets[row], evaluation.labels
    if evaluation.task == "classification":
        told = int(scores.argmax())
        return labels[int(target)], f"{labels[told]} {scores[told]:.2f}"
    if evaluation.task == "multilabel":
        true = [name for name, given in zip(labels, target, strict=True) if given > 0]
        told_names = [f"{name} {score:.2f}" for name, score in zip(labels, scores, strict=True) if score >= 0.5]
        return ", ".join(true) or "nothing", ", ".join(told_names) or "nothing"
    if evaluation.task == "box":
        overlap = 1 - example_losses(evaluation)[row]
        return "box", f"overlap {overlap:.2f}"
    true_values = np.asarray(target).reshape(-1)
    one = len(labels) == 1
    written = [
        ", ".join(f"{value:.4g}" if one else f"{name} {value:.4g}" for name, value in zip(labels, values, strict=True))
        for values in (true_values, scores)
    ]
    return written[0], written[1]
