"""Which pixels a cell of a feature map sees: receptive fields read off the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo import keras_internals
from zoo.errors import OptionError


@dataclass(frozen=True)
class Field:
    """What the cells of a map see, along one axis: cell i sees pixels `jump * i + first` to `jump * i + last`.

    Attributes:
        jump: pixels from one cell to the next.
        first: first pixel that cell 0 sees; negative where it reaches beyond the picture, into padding.
        last: last pixel that cell 0 sees.
    """

    jump: int = 1
    first: int = 0
    last: int = 0

    @property
    def size(self) -> int:
        """Pixels that one cell sees."""
        return self.last - self.first + 1

    def behind(self, kernel: int, stride: int, before: int) -> Field:
        """The field of a window of `kernel` cells moved by `stride`, with `before` cells of padding in front."""
        first = self.first - self.jump * before
        return Field(self.jump * stride, first, self.last + self.jump * (kernel - 1 - before))

    def joined(self, other: Field) -> Field:
        """What a sum of two maps sees: all that either sees."""
        return Field(self.jump, min(self.first, other.first), max(self.last, other.last))

    def of(self, cell: int) -> tuple[int, int]:
        """First and last pixel that a cell sees."""
        return self.jump * cell + self.first, self.jump * cell + self.last


Fields = tuple[Field, Field]
"""Along height and width."""


def receptive_fields(model: Any) -> Fields:
    """What the cells of a model's output see of its input.

    Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019,
    doi 10.23915/distill.00021. A gate that sees the whole picture (squeeze and excitation) does not count: it makes
    channels stronger or weaker, and says nothing of where.

    Args:
        model: a functional Keras model from pictures (n, h, w, c), h and w known, to a map (n, h', w', c').

    Raises:
        OptionError: a layer that is no window over its input, such as attention or upsampling; it is named.
    """
    fields = _walk(model, [(Field(), Field())])
    if fields is None:
        raise OptionError("every cell sees the whole picture there: take a layer before the pooling")
    return fields


def _walk(model: Any, given: list[Fields | None]) -> Fields | None:
    from zoo.architectures.stages import topological  # here, not above: it loads Keras

    known: dict[int, Fields | None] = {id(tensor): fields for tensor, fields in zip(model.inputs, given, strict=True)}
    for operation, outputs, read in topological(model):
        for output in outputs:
            if id(output) not in known:
                known[id(output)] = behind(operation, read, output, [known[id(tensor)] for tensor in read])
    return known[id(model.outputs[0])]


def behind(operation: Any, read: list[Any], output: Any, fields: list[Fields | None]) -> Fields | None:
    """Return the field of an operation's output; None where it sees everything, or has no places.

    Args:
        operation: a layer or operation of the graph.
        read: the tensors that it reads.
        output: the tensor that it gives.
        fields: of what it reads.

    Raises:
        OptionError: it is no window over its input; it is named.
    """
    import keras

    places = [
        (field, tuple(tensor.shape[1:3])) for field, tensor in zip(fields, read, strict=True) if field is not None
    ]
    shape = tuple(output.shape[1:3])
    if not places or len(output.shape) != 4:
        return None
    if isinstance(operation, keras.Model):
        return _walk(operation, fields)
    if keras_internals.is_container(operation):
        raise OptionError(f"what layer {operation.name!r} sees is not known: it hides other layers")
    windows = _windows(operation, places[0][1])
    if windows is not None:
        (field, _) = places[0]
        return field[0].behind(*windows[0]), field[1].behind(*windows[1])
    return _in_place(operation, places, shape)


def _in_place(operation: Any, places: list[tuple[Fields, tuple[int, ...]]], shape: tuple[int, ...]) -> Fields | None:
    """The field of an operation whose cells see no more than those at their place in what it reads."""
    same = [field for field, size in places if size == shape]
    if not same:
        if shape == (1, 1):
            return None  # a mean over all cells
        raise OptionError(f"what {type(operation).__name__} {operation.name!r} sees is not known: it is no window")
    height, width = same[0]
    for other in same[1:]:
        height, width = height.joined(other[0]), width.joined(other[1])
    return height, width


def _windows(operation: Any, size: tuple[int, int]) -> list[tuple[int, int, int]] | None:
    """(kernel, stride, padding in front) along height and width; None for what works cell by cell."""
    import keras

    layers = keras.layers
    if isinstance(operation, layers.ZeroPadding2D):
        return [(1, 1, before) for before, _ in operation.padding]
    if isinstance(operation, layers.Cropping2D):
        return [(1, 1, -before) for before, _ in operation.cropping]
    if isinstance(operation, layers.Conv2DTranspose):
        raise OptionError(f"what layer {operation.name!r} sees is not known: it is a transposed convolution")
    if isinstance(operation, layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D):
        kernels, dilation = operation.kernel_size, operation.dilation_rate
    elif isinstance(operation, layers.MaxPooling2D | layers.AveragePooling2D):
        kernels, dilation = operation.pool_size, (1, 1)
    else:
        return None
    dilations, strides = _two(dilation), _two(operation.strides)
    windows = []
    for cells, kernel, stride, apart in zip(size, kernels, strides, dilations, strict=True):
        reach = (kernel - 1) * apart + 1
        padding = max((-(-cells // stride) - 1) * stride + reach - cells, 0) if operation.padding == "same" else 0
        windows.append((reach, stride, padding // 2))
    return windows


def _two(numbers: int | Sequence[int]) -> tuple[int, ...]:
    """Along height and width, of what Keras takes for both as one number."""
    return (numbers, numbers) if isinstance(numbers, int) else tuple(numbers)
