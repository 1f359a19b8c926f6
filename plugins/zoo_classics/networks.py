"""Classic networks as the lectures draw them: perceptron, small CNNs, LeNet, AlexNet and its relative for 115 x 51."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.errors import OptionError
from zoo.specs import Size, sides
from zoo_classics import options as chosen

Tensor = Any


def perceptron(include_top: bool, input_size: Size, *, classes: int = 10, **options: Any) -> Any:
    """Build dense layers on the pixels of a gray picture: 784-512-512-512-10 by default."""
    return _dense(include_top, input_size, classes, chosen.Dense(**options))


def dense_regressor(include_top: bool, input_size: Size, *, classes: int = 1, **options: Any) -> Any:
    """Build a small network of dense layers on the pixels of a gray picture, for values."""
    return _dense(include_top, input_size, classes, chosen.Regressor(**options))


def first_cnn(include_top: bool, input_size: Size, *, classes: int = 10, **options: Any) -> Any:
    """Build convolution, pooling, convolution, pooling, Dense 100: the CNN of the first deck."""
    return _convolutional(include_top, input_size, 1, classes, chosen.FirstDeck(**options))


def mnist_cnn(include_top: bool, input_size: Size, *, classes: int = 10, **options: Any) -> Any:
    """Build a CNN for gray digits and pieces of clothing."""
    return _convolutional(include_top, input_size, 1, classes, chosen.Mnist(**options))


def cifar10_cnn(include_top: bool, input_size: Size, *, classes: int = 10, **options: Any) -> Any:
    """Build the CNN with BatchNorm for small color photos."""
    return _convolutional(include_top, input_size, 3, classes, chosen.Cifar10(**options))


def flower_cnn(include_top: bool, input_size: Size, *, classes: int = 5, **options: Any) -> Any:
    """Build the small CNN one writes before one knows of transfer."""
    return _convolutional(include_top, input_size, 3, classes, chosen.Flowers(**options))


def lenet(include_top: bool, input_size: Size, *, classes: int = 10, **options: Any) -> Any:
    """Build LeNet-5, whose second convolution reads all six maps; on 28 x 28 pixels the first one pads."""
    from keras import layers

    given = chosen.LeNet(**options)
    pool = layers.AveragePooling2D if given.pooling == "average" else layers.MaxPooling2D
    inputs = _input(input_size, 1)
    first, second = given.filters
    padding = "same" if min(sides(input_size)) < 32 else "valid"  # 32 x 32 leaves 28 x 28, as 28 x 28 padded does
    x = layers.Conv2D(first, given.kernel, padding=padding, activation=given.activation, name="c1")(inputs)
    x = pool(2, name="s2")(x)
    x = layers.Conv2D(second, given.kernel, activation=given.activation, name="c3")(x)
    x = pool(2, name="s4")(x)
    x = _hidden(layers.Flatten(name="flatten")(x), given.units, given)
    return _model(inputs, x, include_top, classes, "lenet")


def alexnet(include_top: bool, input_size: Size, *, classes: int = 1000, **options: Any) -> Any:
    """Build AlexNet in one column: 11x11 stride 4 without padding, so that 227 pixels give 55 x 55, and 224 54 x 54."""
    from keras import layers

    given = chosen.AlexNet(**options)
    inputs = _input(input_size, 3)
    x = layers.Conv2D(96, 11, strides=4, activation=given.activation, name="conv1")(inputs)
    x = _on_its_way(x, 256, given, 3)
    for number, filters in ((3, 384), (4, 384), (5, 256)):
        x = layers.Conv2D(filters, 3, padding="same", activation=given.activation, name=f"conv{number}")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(x)
    x = _hidden(layers.Flatten(name="flatten")(x), given.units, given, first=6)
    return _model(inputs, x, include_top, classes, "alexnet")


def crosschannel(include_top: bool, input_size: Size, *, classes: int = 5, **options: Any) -> Any:
    """Build the lecture's untitled table for 115 x 51 x 3, which normalizes across channels."""
    from keras import layers

    given = chosen.CrossChannel(**options)
    inputs = _input(input_size, 3)
    x = layers.Conv2D(96, 7, strides=2, activation=given.activation, name="conv1")(inputs)
    x = _on_its_way(x, 128, given, 3)
    for number, filters in ((3, 256), (4, 256), (5, 128)):
        x = layers.Conv2D(filters, 3, padding="same", activation=given.activation, name=f"conv{number}")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(x)
    x = _hidden(layers.Flatten(name="flatten")(x), given.units, given, first=6)
    return _model(inputs, x, include_top, classes, "crosschannel")


def _on_its_way(x: Tensor, filters: int, given: chosen.AlexNet, window: int) -> Tensor:
    """What AlexNet and its relative do between their first convolution and the 3x3 ones."""
    from keras import layers

    if given.normalization:
        x = across_channels(x)
    x = layers.MaxPooling2D(window, strides=2, name="pool1")(x)
    x = layers.Conv2D(filters, 5, padding="same", activation=given.activation, name="conv2")(x)
    if given.normalization:
        x = across_channels(x)
    return layers.MaxPooling2D(window, strides=2, name="pool2")(x)


def across_channels(x: Tensor, *, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
    """Divide each value by what its neighbors in other channels are: local response normalization.

    `x / (k + alpha * sum of squares over size channels) ** beta`, with the numbers of Krizhevsky et al. 2012, section
    3.3. Operations of Keras only: a saved model needs no class of zoo.
    """
    from keras import ops

    channels, before = int(x.shape[-1]), size // 2
    squares = ops.pad(ops.square(x), [[0, 0]] * 3 + [[before, size - 1 - before]])
    total = squares[..., :channels]
    for shift in range(1, size):
        total = total + squares[..., shift : shift + channels]
    return x / ops.power(k + alpha * total, beta)


def _dense(include_top: bool, input_size: Size, classes: int, given: chosen.Dense) -> Any:
    from keras import layers

    inputs = _input(input_size, 1)
    x = _hidden(layers.Flatten(name="flatten")(inputs), given.units, given)
    return _model(inputs, x, include_top, classes, "dense")


def _convolutional(
    include_top: bool, input_size: Size, channels: int, classes: int, given: chosen.Convolutional
) -> Any:
    from keras import layers

    kernels = [given.kernels] * len(given.filters) if isinstance(given.kernels, int) else list(given.kernels)
    if len(kernels) != len(given.filters):
        raise OptionError(f"kernels={kernels} must be one number, or one for each of {len(given.filters)} blocks")
    inputs = x = _input(input_size, channels)
    for block, (filters, kernel) in enumerate(zip(given.filters, kernels, strict=True), start=1):
        for number in range(1, given.convolutions + 1):
            if given.padding == "valid" and min(x.shape[1:3]) < kernel:
                raise _too_small(input_size, block)
            x = layers.Conv2D(filters, kernel, padding=given.padding, name=f"conv{block}_{number}")(x)
            x = _behind(x, given, f"{block}_{number}")
        if min(x.shape[1:3]) < 2:
            raise _too_small(input_size, block)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(given.units, start=1):
        x = _behind(layers.Dense(units, name=f"dense{number}")(x), given, f"dense{number}")
        if given.dropout:
            x = layers.Dropout(given.dropout, name=f"dropout{number}")(x)
    return _model(inputs, x, include_top, classes, "cnn")


def _too_small(input_size: Size, block: int) -> OptionError:
    return OptionError(f"nothing is left of {sides(input_size)} pixels in block {block}: fewer blocks, smaller kernels")


def _behind(x: Tensor, given: chosen.Convolutional, name: str) -> Tensor:
    """The activation of a layer, and BatchNorm where it is given for."""
    from keras import layers

    x = layers.Activation(given.activation, name=f"{given.activation}{name}")(x)
    return layers.BatchNormalization(name=f"norm{name}")(x) if given.batchnorm else x


def _hidden(x: Tensor, units: Sequence[int], given: chosen.Options, *, first: int = 1) -> Tensor:
    """Dense layers, each with its activation and dropout."""
    from keras import layers

    for number, width in enumerate(units, start=first):
        x = layers.Dense(width, activation=given.activation, name=f"fc{number}")(x)
        if given.dropout:
            x = layers.Dropout(given.dropout, name=f"dropout{number}")(x)
    return x


def _input(input_size: Size, channels: int) -> Tensor:
    import keras

    return keras.Input((*sides(input_size), channels), name="pixels")


def _model(inputs: Tensor, x: Tensor, include_top: bool, classes: int, name: str) -> Any:
    import keras

    if include_top:
        x = keras.layers.Dense(classes, name="predictions")(x)
    return keras.Model(inputs, x, name=name)
