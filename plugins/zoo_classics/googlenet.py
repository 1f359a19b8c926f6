"""GoogLeNet (Inception v1): nine blocks of four branches, and two auxiliary classifiers that help while training."""

from __future__ import annotations

from typing import Any, NamedTuple

from zoo.specs import Size, sides
from zoo_classics.networks import across_channels
from zoo_classics.options import GoogLeNet

Tensor = Any


class Branches(NamedTuple):
    """Filters of one block: 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 behind the pooling."""

    single: int
    before_three: int
    three: int
    before_five: int
    five: int
    pooled: int


BLOCKS = {
    "3a": Branches(64, 96, 128, 16, 32, 32),
    "3b": Branches(128, 128, 192, 32, 96, 64),
    "4a": Branches(192, 96, 208, 16, 48, 64),
    "4b": Branches(160, 112, 224, 24, 64, 64),
    "4c": Branches(128, 128, 256, 24, 64, 64),
    "4d": Branches(112, 144, 288, 32, 64, 64),
    "4e": Branches(256, 160, 320, 32, 128, 128),
    "5a": Branches(256, 160, 320, 32, 128, 128),
    "5b": Branches(384, 192, 384, 48, 128, 128),
}
"""Szegedy et al. 2014, arXiv 1409.4842, table 1."""

AUXILIARY = ("4a", "4d")
"""The blocks behind which an auxiliary classifier stands."""


def googlenet(include_top: bool, input_size: Size, *, classes: int = 1000, **options: Any) -> Any:
    """Build GoogLeNet, from pixels to a map (n, 7, 7, 1024) at 224 pixels, or to logits."""
    import keras

    given = GoogLeNet(**options)
    inputs, x, _ = _blocks(input_size, given)
    if include_top:
        x = _classifier(x, classes, given)
    return keras.Model(inputs, x, name="googlenet")


def with_auxiliary(input_size: Size = 224, *, classes: int = 1000, **options: Any) -> Any:
    """Build GoogLeNet with its two auxiliary classifiers, as a Keras model with three outputs of logits.

    The loss of the paper is that of the first plus 0.3 times those of the others, with labels given three times:
    `model.compile(loss=[loss] * 3, loss_weights=[1, 0.3, 0.3])`. What is served is the first.

    Args:
        input_size: side of the input in pixels, at least 224 (the auxiliary pooling is 5x5).
        classes: outputs of each classifier.
        **options: as for the row.
    """
    import keras
    from keras import layers

    given = GoogLeNet(**options)
    inputs, x, behind = _blocks(input_size, given)
    outputs = [_classifier(x, classes, given)]
    for name in AUXILIARY:
        side = layers.AveragePooling2D(5, strides=3, name=f"aux{name}_pool")(behind[name])
        side = layers.Conv2D(128, 1, activation=given.activation, name=f"aux{name}_conv")(side)
        side = layers.Dense(1024, activation=given.activation, name=f"aux{name}_fc")(layers.Flatten()(side))
        side = layers.Dropout(0.7, name=f"aux{name}_dropout")(side)
        outputs.append(layers.Dense(classes, name=f"aux{name}_predictions")(side))
    return keras.Model(inputs, outputs, name="googlenet_with_auxiliary")


def _blocks(input_size: Size, given: GoogLeNet) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    import keras
    from keras import layers

    inputs = keras.Input((*sides(input_size), 3), name="pixels")
    x = layers.Conv2D(64, 7, strides=2, padding="same", activation=given.activation, name="conv1")(inputs)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    if given.normalization:
        x = across_channels(x)
    x = layers.Conv2D(64, 1, activation=given.activation, name="conv2_reduce")(x)
    x = layers.Conv2D(192, 3, padding="same", activation=given.activation, name="conv2")(x)
    if given.normalization:
        x = across_channels(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool2")(x)
    behind: dict[str, Tensor] = {}
    for name, branches in BLOCKS.items():
        if name in ("4a", "5a"):
            x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"pool{int(name[0]) - 1}")(x)
        x = behind[name] = _inception(x, branches, given, name)
    return inputs, x, behind


def _inception(x: Tensor, branches: Branches, given: GoogLeNet, name: str) -> Tensor:
    from keras import layers

    def convolution(source: Tensor, filters: int, kernel: int, part: str) -> Tensor:
        layer = layers.Conv2D(
            filters, kernel, padding="same", activation=given.activation, name=f"inception{name}_{part}"
        )
        return layer(source)

    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"inception{name}_pool")(x)
    return layers.Concatenate(name=f"inception{name}")(
        [
            convolution(x, branches.single, 1, "1x1"),
            convolution(convolution(x, branches.before_three, 1, "3x3_reduce"), branches.three, 3, "3x3"),
            convolution(convolution(x, branches.before_five, 1, "5x5_reduce"), branches.five, 5, "5x5"),
            convolution(pooled, branches.pooled, 1, "pool_proj"),
        ]
    )


def _classifier(x: Tensor, classes: int, given: GoogLeNet) -> Tensor:
    from keras import layers

    x = layers.GlobalAveragePooling2D(name="pool5")(x)
    if given.dropout:
        x = layers.Dropout(given.dropout, name="dropout")(x)
    return layers.Dense(classes, name="predictions")(x)
