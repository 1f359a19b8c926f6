"""The arithmetic of layers: what each layer of a network does to the size of its input, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from zoo.architectures.facts import layer_multiply_adds
from zoo.architectures.receptive import Field, Fields, behind
from zoo.architectures.stages import Stage, topological
from zoo.errors import OptionError

COLUMNS = (
    *("name", "type", "stage", "input", "output", "kernel", "stride", "padding", "units", "activation"),
    *("params", "macs", "field"),
)
"""Columns of the table of all layers."""


def output_side(side: int, kernel: int, *, stride: int = 1, padding: int | str = 0) -> int:
    """Return the side of what a window leaves of an input: `floor((W - K + 2P) / S) + 1`.

    Args:
        side: of the input, in px or cells.
        kernel: side of the kernel or of the pooling window.
        stride: cells from one place of the window to the next.
        padding: cells added on each side; "valid": none; "same": as many as make it `ceil(W / S)`.

    Raises:
        OptionError: the window does not fit, or a number that cannot be.
    """
    if padding == "same":
        return -(-side // stride)
    if padding != "valid" and not isinstance(padding, int):
        raise OptionError(f"padding={padding!r} must be 'same', 'valid' or a number of cells on each side")
    around = 0 if isinstance(padding, str) else padding
    if min(side, kernel, stride) < 1 or around < 0 or side + 2 * around < kernel:
        raise OptionError(f"a window of {kernel} does not fit into {side} cells with {around} on each side")
    return (side - kernel + 2 * around) // stride + 1


def layer_rows(model: keras.Model, stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """The layers of a network, each with what it does to the picture.

    Args:
        model: a functional or sequential model; with its classifier if that is to be listed.
        stages: of the model.

    Returns:
        A row for each layer, in order, with `COLUMNS`. `input` and `output` are shapes without the batch, of several
        inputs the first; `macs` multiply-adds of one example, without biases; `field` the receptive field, rows and
        columns of the input that one cell sees, None where it sees all of it or that is not known.
    """
    stage_of = {id(layer): stage.name for stage in stages for layer in stage.layers}
    fields = _fields(model)
    return [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "stage": stage_of.get(id(layer), ""),
            "input": _shape(layer.output if isinstance(layer, keras.layers.InputLayer) else layer.input),
            "output": _shape(layer.output),
            **_window(layer),
            "units": getattr(layer, "units", None) or getattr(layer, "filters", None),
            "activation": _activation(layer),
            "params": layer.count_params(),
            "macs": layer_multiply_adds(layer),
            "field": fields.get(id(layer)),
        }
        for layer in model.layers
    ]


def _shape(tensor: Any) -> list[int | None]:
    first = keras.tree.flatten(tensor)[0]
    return list(first.shape[1:])


def _window(layer: Any) -> dict[str, Any]:
    """Kernel, stride and padding, along rows and columns; None for what has no window."""
    kernel = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    padding = getattr(layer, "padding", None)
    if kernel is None:
        around = [list(pair) for pair in layer.padding] if isinstance(layer, keras.layers.ZeroPadding2D) else None
        return {"kernel": None, "stride": None, "padding": around}
    both = len(layer.input.shape) - 2
    return {"kernel": _each(kernel, both), "stride": _each(layer.strides, both), "padding": padding}


def _each(value: Any, count: int) -> list[int]:
    return [int(item) for item in value] if isinstance(value, tuple | list) else [int(value)] * count


def _activation(layer: Any) -> str | None:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return None
    name = getattr(activation, "__name__", type(activation).__name__)
    return None if name == "linear" else str(name)


def _fields(model: keras.Model) -> dict[int, list[int]]:
    """Layer (by identity) -> what one cell of its output sees of the input, where that is known and not all of it."""
    known: dict[int, Fields | None] = {id(tensor): (Field(), Field()) for tensor in model.inputs}
    sizes: dict[int, list[int]] = {}
    if len(model.inputs[0].shape) != 4 or None in model.inputs[0].shape[1:]:
        return sizes
    for operation, outputs, read in topological(model):
        for output in outputs:
            if id(output) not in known:
                known[id(output)] = _behind(operation, read, output, [known[id(tensor)] for tensor in read])
        seen = known[id(outputs[0])]
        if seen is not None:
            sizes[id(operation)] = [seen[0].size, seen[1].size]
    return sizes


def _behind(operation: Any, read: list[Any], output: Any, fields: list[Fields | None]) -> Fields | None:
    try:
        return behind(operation, read, output, fields)
    except OptionError:
        return None  # attention and the like, and all that comes after
