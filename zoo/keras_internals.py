"""The one file that touches Keras names with an underscore: what Keras 3.15 has no public way to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any


def layers_inside(layer: Any, *, itself: bool = True) -> Iterator[Any]:
    """Yield a layer and all layers inside it, however deep.

    Args:
        layer: a Keras layer or model.
        itself: whether the layer comes first.
    """
    yield from layer._flatten_layers(include_self=itself, recursive=True)


def layers_directly_inside(layer: Any) -> list[Any]:
    """Return the layers that a layer is made of, without those inside them."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def is_container(item: Any) -> bool:
    """Return whether an operation is a layer that holds others."""
    return hasattr(item, "_flatten_layers") and any(True for _ in layers_inside(item, itself=False))


def trainable_by_kind(layer: Any) -> list[Any]:
    """Return the layer's own weights that gradients can move when its flag allows it."""
    weights: list[Any] = layer._trainable_variables
    return weights


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


def scope_of(model: Any) -> AbstractContextManager[Any]:
    """Return the scope of the strategy that a model was made in; without one, a context that does nothing."""
    strategy = strategy_of(model)
    scope: AbstractContextManager[Any] = nullcontext() if strategy is None else strategy.scope()
    return scope


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


def rerun(model: Any, inputs: Any, operation_of: Callable[[Any], Any]) -> Any:
    """Return the output of the graph of a functional model, run again on another input.

    Args:
        model: a functional model.
        inputs: its new input tensor.
        operation_of: from each operation, once for each of its calls, to what is called in its place.
    """
    return model._run_through_graph(inputs, operation_fn=operation_of)


def untrained_by_kind(layer: Any) -> list[Any]:
    """Return the layer's own weights that no gradient ever moves, random states left out."""
    return [weight for weight in layer._non_trainable_variables if weight.name != "seed_generator_state"]


def input_in(model: Any, layer: Any) -> Any:
    """Return the tensor that a layer is called on in the graph of a model, whatever else it was called on.

    Args:
        model: a functional model.
        layer: one of its layers.
    """
    return _call_in(model, layer).input_tensors[0]


def output_in(model: Any, layer: Any) -> Any:
    """Return the tensor that a layer gives in the graph of a model; arguments as for `input_in`."""
    return _call_in(model, layer).output_tensors[0]


def _call_in(model: Any, layer: Any) -> Any:
    own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    return next(node for node in reversed(layer._inbound_nodes) if id(node) in own)


SOURCE = "keras.src"
"""Where Keras keeps its modules: files name some of them, such as that of functional models."""


def operation_class() -> type[Any]:
    """Return the class of what `keras.ops` leaves in a functional model."""
    from keras.src.ops.operation import Operation

    return Operation


def forget_uninitialized() -> None:
    """Forget the variables that were made in a `keras.StatelessScope` and have no memory yet."""
    from keras.src.backend.common import global_state

    global_state.set_global_attribute("uninitialized_variables", [])


def deserialized(config: dict[str, Any]) -> Any:
    """Return the object of a config, without code of its author whatever the global setting of Keras says.

    Args:
        config: the config; Keras takes it apart while it reads it.
    """
    import keras
    from keras.src.saving.serialization_lib import ObjectSharingScope, SafeModeScope

    with ObjectSharingScope(), SafeModeScope(True):
        return keras.saving.deserialize_keras_object(config, safe_mode=True)


def low_rank_weights(layer: Any) -> tuple[Any, Any]:
    """Return the two thin matrices of a layer that learns a low-rank update."""
    return layer.lora_kernel_a, layer.lora_kernel_b


def merge_low_rank(layer: Any) -> None:
    """Add the low-rank update of a layer to its kernel, in float32."""
    import keras

    left, right = low_rank_weights(layer)
    update = keras.ops.matmul(left, right) * (layer.lora_alpha / layer.lora_rank)
    layer._kernel.assign(layer._kernel + keras.ops.reshape(update, layer._kernel.shape))


def drop_low_rank(layer: Any) -> None:
    """Take the low-rank update of a layer away, for which Keras has no public way; its own weights are as they are."""
    layer._tracker.unlock()
    for weight in low_rank_weights(layer):
        layer._untrack_variable(weight)
    layer.lora_kernel_a = layer.lora_kernel_b = None
    layer._tracker.lock()
    layer.lora_enabled, layer.lora_rank, layer.lora_alpha = False, None, None
    layer.trainable = True  # of its own weights, each for itself: the next phase says what stays
