"""Divide a network into stages by structure: what is frozen or trained as one, and where the graph can be cut.

Layer names say nothing reliable (some families number their layers by process), so stages come from strides: the
level of a layer is how often the picture was halved on the way to it. The levels at which there are weights are
the stages: `stem`, `stage1`, ... from the input upward, and `top` for a pretrained classifier.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from zoo.keras_internals import call_of, origin

_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)
_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
_MERGES = {"Add", "Concatenate"}
"""Class names, because `a + b` makes an operation Add that is no layer (ConvNeXt)."""

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
_GLOBAL = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D, keras.layers.Flatten)
_NO_CUT = (
    keras.layers.InputLayer,
    keras.layers.ZeroPadding2D,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.Rescaling,
    keras.layers.Normalization,
)


@dataclass(frozen=True)
class Stage:
    """A part of a network, from one cut to the next.

    Attributes:
        name: `stem`, `stage1`, ..., `top`.
        stride: input px per cell of the stage's output, per side.
        channels: channels of the stage's output.
        layers: its layers, in order; a nested Sequential is one layer.
        cut: the last layer (or operation), whose one output tensor separates the stage from all that follows;
            None where no single tensor does (NASNet).
    """

    name: str
    stride: int
    channels: int
    layers: tuple[keras.layers.Layer, ...]
    cut: keras.Operation | None


_Bound = tuple[int | None, list[int]]
"""Of a stage: the cut below it (or None) and every node at or above that."""


@dataclass
class _Node:
    """An operation of the graph; indices follow a topological order."""

    operation: Any
    outputs: list[Any]
    inputs: list[int]
    consumers: list[int] = field(default_factory=list)
    level: float = 0.0
    separates: bool = False

    @property
    def weighted(self) -> bool:
        return bool(getattr(self.operation, "weights", ()))

    @property
    def kernel(self) -> bool:
        """A convolution, a Dense layer or a nested model: weights, and not only those of a normalization."""
        return self.weighted and not isinstance(self.operation, (*_NORMS, keras.layers.Normalization))

    @property
    def merge(self) -> bool:
        return type(self.operation).__name__ in _MERGES


def find_stages(model: keras.Model, cuts: Sequence[str] = ()) -> list[Stage]:
    """Divide a model into stages.

    Args:
        model: any functional or sequential model with one output; with or without classifier. A subclassed model
            shows no graph: it is one stage, with 0 (unknown) channels.
        cuts: names of the layers that end the stages, as the row of the network declares them. Those behind the end of
            the model do not count. Empty: by structure.

    Returns:
        Stages from the input upward; every layer is in exactly one. What a layer of a stage reads comes from the
        same stage or from earlier ones, so freezing the first stages freezes a closed part of the graph.
    """
    nodes = _graph(model)
    if not nodes:
        return [Stage("stem", 1, 0, tuple(model.layers), None)]
    end, bounds, last = _divided(nodes, cuts)
    ends_of = [*(cut for cut, _ in bounds), last]
    if end < len(nodes):
        ends_of.append(len(nodes) - 1)
    stage_of = _stage_of(len(nodes), bounds, end)
    layers = {id(layer) for layer in model.layers}
    stages = []
    for number, cut in enumerate(ends_of):
        inside = [index for index, stage in enumerate(stage_of) if stage == number]
        name = "top" if inside[0] >= end else "stem" if number == 0 else f"stage{number}"
        stages.append(_stage(name, nodes, inside, cut, layers))
    return stages


def _stage_of(nodes: int, bounds: Sequence[_Bound], end: int) -> list[int]:
    """The number of the stage of each node; what is behind the end, a classifier, is one more."""
    numbers = [0] * end
    for number, (_, members) in enumerate(bounds, start=1):
        for index in members:
            numbers[index] = number
    return numbers + [len(bounds) + 1] * (nodes - end)


def _divided(nodes: list[_Node], cuts: Sequence[str]) -> tuple[int, list[_Bound], int]:
    """Where the classifier begins, the bound of each stage above the stem, and where the last stage ends."""
    declared = _declared(nodes, cuts)
    if declared is None:
        end = _top(nodes)
        return end, _bounds(nodes[:end]), end - 1
    end, (*inner, last) = declared
    return end, [(cut, list(range(cut + 1, end))) for cut in inner], last


def cuts_by_layer(model: keras.Model) -> tuple[str, ...]:
    """Return cuts for a network that never shrinks a picture, such as one of dense layers: behind each of its layers.

    A layer goes with the normalization, activation and dropout behind it. They are the `cuts` of `find_stages`.

    Args:
        model: a functional or sequential model with one output.
    """
    nodes = _graph(model)
    kernels = [index for index, node in enumerate(nodes) if node.kernel]
    ends = [index - 1 for index in kernels[1:] if nodes[index - 1].separates]
    return tuple(nodes[end].operation.name for end in [*ends, len(nodes) - 1])


def _stage(name: str, nodes: Sequence[_Node], inside: Sequence[int], cut: int | None, layers: set[int]) -> Stage:
    """A stage of these operations; `layers` are the ids of those that are layers of the model."""
    shown = inside[-1] if cut is None else cut
    return Stage(
        name=name,
        stride=round(2 ** nodes[shown].level),
        channels=int(nodes[shown].outputs[0].shape[-1]),
        layers=tuple(nodes[i].operation for i in inside if id(nodes[i].operation) in layers),
        cut=None if cut is None else nodes[cut].operation,
    )


def _places(nodes: list[_Node], cuts: Sequence[str]) -> list[int]:
    """Where the layers of these names are, without those that are not in the model or do not cut it in two."""
    places = {node.operation.name: index for index, node in enumerate(nodes)}
    return [places[name] for name in cuts if name in places and nodes[places[name]].separates]


def _declared(nodes: list[_Node], cuts: Sequence[str]) -> tuple[int, list[int]] | None:
    """Where the classifier begins and where each stage ends, by the names of layers; None: no cut is in the model.

    The last stage ends in its last cells; what pools them, if it belongs to the network, is in it too.
    """
    ends = _places(nodes, cuts)
    if not ends:
        return None
    last = nodes[-1]
    classifier = len(ends) == len(cuts) and isinstance(last.operation, keras.layers.Dense) and len(nodes) - 1 > ends[-1]
    end = len(nodes) - 1 if classifier else len(nodes)
    if len(ends) < len(cuts) and ends[-1] < end - 1:
        ends.append(end - 1)  # the model stops inside a stage
    return end, ends


def layer_table(model: keras.Model, stages: list[Stage]) -> list[tuple[str, str, list[int | None], int, str]]:
    """Every layer of a model: name, type, output shape without the batch, number of weights, stage."""
    stage_of = {id(layer): stage.name for stage in stages for layer in stage.layers}
    return [
        (layer.name, type(layer).__name__, list(layer.output.shape[1:]), layer.count_params(), stage_of[id(layer)])
        for layer in model.layers
    ]


def _graph(model: keras.Model) -> list[_Node]:
    """The operations of a model from inputs to output, in topological order, with their levels."""
    if not getattr(model, "outputs", None):
        return []
    position: dict[int, int] = {}
    nodes: list[_Node] = []
    for operation, outputs, read in topological(model):
        inputs = sorted({position[id(origin(tensor)[0])] for tensor in read})
        position[id(operation)] = len(nodes)
        for index in inputs:
            nodes[index].consumers.append(len(nodes))
        level = max((nodes[index].level for index in inputs), default=0.0)
        nodes.append(_Node(operation, outputs, inputs, level=level + _halvings(operation)))
    furthest = 0
    for index, node in enumerate(nodes):
        # No edge from before this operation to behind it: every path passes through it.
        node.separates = furthest <= index and len(node.outputs) == 1
        furthest = max(furthest, *node.consumers, 0)
    return nodes


def topological(model: keras.Model) -> Iterator[tuple[Any, list[Any], list[Any]]]:
    """(operation, its outputs, tensors it reads), after all that it reads; the model's inputs first."""
    done: set[int] = set()
    for tensor in model.inputs:
        operation, _, _ = origin(tensor)
        done.add(id(operation))
        yield operation, [tensor], []
    stack = [(tensor, False) for tensor in model.outputs]
    while stack:
        tensor, expanded = stack.pop()
        operation, node_index, _ = origin(tensor)
        if id(operation) in done:
            continue
        node = call_of(operation, node_index)
        if expanded:
            done.add(id(operation))
            yield operation, node.outputs, list(node.input_tensors)
        else:
            stack.append((tensor, True))
            stack.extend((source, False) for source in reversed(node.input_tensors))


def _halvings(operation: Any) -> float:
    """By how many powers of two an operation shrinks the picture."""
    if isinstance(operation, keras.Model):
        inner = _graph(operation)
        return inner[-1].level if inner else 0.0
    if isinstance(operation, (keras.layers.Conv2DTranspose, *_GLOBAL)):
        return 0.0
    strides = getattr(operation, "strides", None) or 1
    return math.log2(strides[0] if isinstance(strides, (tuple, list)) else strides)


def _bounds(nodes: list[_Node]) -> list[_Bound]:
    """The bound of each stage above the stem."""
    levels = sorted({node.level for node in nodes if node.weighted})
    firsts = [_first(nodes, level) for level in levels]
    bounds: list[_Bound] = []
    start = 0
    if firsts and (patches := _patch_stem(nodes, firsts[0])) is not None:
        bounds.append((patches, list(range(patches + 1, len(nodes)))))
        start = patches + 1
    for level, first in zip(levels[1:], firsts[1:], strict=True):
        cut = _cut(nodes, start, first)
        if cut is not None:
            bounds.append((cut, list(range(cut + 1, len(nodes)))))
            start = cut + 1
        else:
            bounds.append((None, _from_level(nodes, level)))
    return bounds


def _patch_stem(nodes: list[_Node], first: int) -> int | None:
    """Where a stem ends that is one strided layer (a patch embedding), or None if the stem is no such thing."""
    if _halvings(nodes[first].operation) < 2:
        return None
    end = first
    while end + 1 < len(nodes) and nodes[end].consumers == [end + 1] and _completes(nodes[end + 1]):
        end += 1
    followed = any(node.kernel and node.level == nodes[first].level for node in nodes[end + 1 :])
    return end if followed and nodes[end].separates else None


def _first(nodes: list[_Node], level: float) -> int:
    """The first node with weights at or above a level."""
    return next(index for index, node in enumerate(nodes) if node.weighted and node.level >= level)


def _cut(nodes: list[_Node], start: int, first: int) -> int | None:
    """The best place to cut between two levels: a block's output, the latest before `first`."""
    candidates = [
        index
        for index in range(start, first)
        if _block_output(nodes, index) and any(node.weighted for node in nodes[start : index + 1])
    ]
    if not candidates:
        return None
    *others, latest = candidates
    if not isinstance(nodes[latest].operation, _ACTIVATIONS):
        return latest
    # Inside an inverted residual (1x1 expansion, activation, strided depthwise): its linear input is better.
    linear = _linear_input(nodes, others, latest)
    return latest if linear is None else linear


def _linear_input(nodes: list[_Node], candidates: Sequence[int], activation: int) -> int | None:
    """The latest linear place with one kernel between it and an activation."""
    for index in reversed(candidates):
        kernels = sum(node.kernel for node in nodes[index + 1 : activation])
        if kernels > 1:
            return None
        if kernels == 1 and _linear(nodes, index):
            return index
    return None


def _block_output(nodes: list[_Node], index: int) -> bool:
    """One tensor through which everything passes, and not between a convolution and what completes it."""
    node = nodes[index]
    if not node.separates or isinstance(node.operation, _NO_CUT):
        return False
    if node.merge or isinstance(node.operation, _POOLS):
        return True
    return len(node.consumers) != 1 or not _completes(nodes[node.consumers[0]])


def _completes(node: _Node) -> bool:
    """A normalization or activation: it belongs to the layer in front of it."""
    return isinstance(node.operation, (*_NORMS, *_ACTIVATIONS))


def _linear(nodes: list[_Node], index: int) -> bool:
    """A sum or a normalization that convolutions read without an activation between."""
    node = nodes[index]
    return (node.merge or isinstance(node.operation, _NORMS)) and any(nodes[i].kernel for i in node.consumers)


def _from_level(nodes: list[_Node], level: float) -> list[int]:
    """Nodes with weights at a level or above, and all that reads them."""
    inside: set[int] = set()
    for index, node in enumerate(nodes):
        if (node.weighted and node.level >= level) or not inside.isdisjoint(node.inputs):
            inside.add(index)
    return sorted(inside)


def _top(nodes: list[_Node]) -> int:
    """Where the classifier begins: at the last global pooling that everything passes and that a kernel follows."""
    for index in range(len(nodes) - 1, 0, -1):
        passed = nodes[index].separates and nodes[index - 1].separates
        if passed and isinstance(nodes[index].operation, _GLOBAL) and any(n.kernel for n in nodes[index:]):
            return index
    return len(nodes)
