"""The one file that touches Keras names with an underscore: what Keras 3.15 has no public way to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def layers_inside(layer: Any, *, itself: bool = True) -> Iterator[Any]:
    """Yield a layer and all layers inside it, however deep.

    Args:
        layer: a Keras layer or model.
        itself: whether the layer comes first.
    """
    yield from layer._flatten_layers(include_self=itself, recursive=True)


def is_container(item: Any) -> bool:
    """Return whether an operation is a layer that holds others."""
    return hasattr(item, "_flatten_layers") and any(True for _ in layers_inside(item, itself=False))


def trainable_by_kind(layer: Any) -> list[Any]:
    """Return the layer's own weights that gradients can move when its flag allows it."""
    weights: list[Any] = layer._trainable_variables
    return weights


def last_input(layer: Any) -> Any:
    """Return the tensor that a layer was last called on (earlier calls built it)."""
    return layer._inbound_nodes[-1].input_tensors[0]


def last_output(layer: Any) -> Any:
    """Return the tensor that the last call of a layer gave."""
    return layer._inbound_nodes[-1].output_tensors[0]


def origin(tensor: Any) -> tuple[Any, int, int]:
    """Return what made a tensor of a graph: operation, number of the call, number of the output."""
    operation, node, index = tensor._keras_history
    return operation, node, index


def call_of(operation: Any, number: int) -> Any:
    """Return the node of one call of an operation: its input and output tensors."""
    return operation._inbound_nodes[number]


def strategy_of(model: Any) -> Any | None:
    """Return the `tf.distribute` strategy that a model was made in, or None."""
    return getattr(model, "_distribute_strategy", None)


def forget_strategy(model: Any) -> None:
    """Let a model compute on one device, whatever scope it was made in."""
    if strategy_of(model) is not None:
        model._distribute_strategy = None


def loss_tracker(model: Any) -> Any:
    """Return the metric in which a compiled model sums up its loss."""
    return model._loss_tracker


def build_metrics(model: Any, batch: Any) -> None:
    """Make the metrics of a compiled model from one batch, without a step."""
    model._symbolic_build(data_batch=batch)


@contextmanager
def without_symbolic_build(model: Any) -> Iterator[None]:
    """Keep Keras from building metrics from an average of the first batch over devices while a model is fitted.

    Args:
        model: a compiled Keras model.
    """
    model._maybe_symbolic_build = lambda *args, **kwargs: None
    try:
        yield
    finally:
        del model._maybe_symbolic_build
