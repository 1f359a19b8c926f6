"""Losses and metrics of the answers, as Keras takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo.specs import Output
from zoo.tasks import CLASSIFICATION, columns, of


class OfPart(keras.metrics.Metric):
    """A metric of some of the columns.

    Args:
        name: what the history calls it.
        inner: the metric.
        where: its columns in what is predicted.
        there: its columns in the targets.
    """

    def __init__(self, name: str, inner: Any, where: slice, there: slice) -> None:
        super().__init__(name=name)
        self.inner, self.where, self.there = inner, where, there

    def update_state(self, true: Any, predicted: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        self.inner.update_state(true[:, self.there], predicted[:, self.where], sample_weight=sample_weight)

    def result(self) -> Any:
        """Return the value so far."""
        return self.inner.result()

    def reset_state(self) -> None:
        """Begin anew."""
        self.inner.reset_state()


def loss_scaled(optimizer: Any, layers: Sequence[Any]) -> Any:
    """The optimizer, with a loss scale where a layer computes in float16: small gradients would become zero.

    Keras does so itself for a model built under the policy, but not for one that was loaded, or cut out of another.
    """
    if all(layer.compute_dtype != "float16" for layer in layers):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def loss_for(
    outputs: Sequence[Output],
    *,
    from_logits: bool,
    scales: Mapping[str, np.ndarray],
    shares: bool = False,
    name: str | None = None,
) -> Any:
    """The Keras loss of the answers; of several the sum of their own, each times its weight.

    Args:
        outputs: the answers.
        from_logits: whether the model gives logits rather than probabilities.
        scales: name of each regression -> the unit of each of its values. Its error counts in these units, so that
            neither the choice of meters or millimeters nor a value with large numbers decides what is learned.
        shares: whether the targets of the one classification are shares of classes.
        name: of the loss of the one answer; None, or its first: the default of the task.
    """
    if name is not None and name != of(outputs[0]).losses[0]:
        (output,) = outputs
        return _named(output, name, from_logits=from_logits, scale=scales.get(output.name), shares=shares)
    if shares:
        return CLASSIFICATION.keras_loss(from_logits=from_logits, shares=True)
    if len(outputs) == 1:
        return of(outputs[0]).keras_loss(from_logits=from_logits, scale=scales.get(outputs[0].name))
    terms = [
        (output.weight, of(output).keras_loss(from_logits=from_logits, scale=scales.get(output.name)), where, there)
        for output, where, there in columns(outputs)
    ]

    def loss(true: Any, predicted: Any) -> Any:
        losses = [weight * own(true[:, there], predicted[:, where]) for weight, own, where, there in terms]
        return sum(losses[1:], losses[0])

    return loss


def _named(output: Output, name: str, *, from_logits: bool, scale: np.ndarray | None, shares: bool) -> Any:
    """A loss other than the default of a task, of (true, predicted)."""
    task = of(output)
    if name == "focal":
        kind = keras.losses.CategoricalFocalCrossentropy if task.one_class else keras.losses.BinaryFocalCrossentropy
        base = kind(from_logits=from_logits)
    else:
        base = {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError}.get(
            name, keras.losses.Huber
        )()
    squash = {"softmax": keras.ops.softmax, "sigmoid": keras.ops.sigmoid}.get(task.activation)

    def loss(true: Any, predicted: Any) -> Any:
        predicted = keras.ops.cast(predicted, "float32")
        if task.one_class and not shares:
            true = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(true, (-1,)), "int32"), predicted.shape[-1])
        true = keras.ops.cast(true, "float32")
        if squash is not None and from_logits and name != "focal":
            predicted = squash(predicted)
        unit = 1.0 if scale is None else scale.astype(np.float32)
        return base(true / unit, predicted / unit)

    return loss


def metrics_for(outputs: Sequence[Output], *, shares: bool = False) -> list[Any]:
    """Return the Keras metrics of the answers, under the names that `history` shows.

    Args:
        outputs: the answers.
        shares: as in `loss_for`.
    """
    if shares:
        return [CLASSIFICATION.keras_metric(shares=True)]
    if len(outputs) == 1:
        return [of(outputs[0]).keras_metric()]
    metrics = []
    for output, where, there in columns(outputs):
        inner = of(output).keras_metric()
        metrics.append(OfPart(f"{output.name}_{inner.name}", inner, where, there))
    return metrics
