"""ResNet, VGG and DenseNet as PyTorch has them, for the weights of timm and torchvision.

keras.applications has networks of these names that are other ones: its ResNet strides in the first convolution of a
block, its VGG was trained on BGR. Layers are named as the modules of timm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.architectures.blocks import add, dense

_INITIALIZER = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}


def resnet(
    include_top: bool, input_size: int, *, depths: Sequence[int], bottleneck: bool = False, classes: int = 1000
) -> keras.Model:
    """ResNet with random weights, stride in the 3x3 convolution of a block.

    Args:
        include_top: end in logits instead of the last map.
        input_size: side of the input in px.
        depths: number of blocks of each stage.
        bottleneck: blocks of three convolutions whose width grows fourfold (50 layers and more), not of two.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to a map (n, side, side, 512 or 2048), or to logits.
    """
    inputs = layers.Input((input_size, input_size, 3))
    x = _active(_normed(_convolution(inputs, 64, 7, 2, "conv1"), "bn1"), "act1")
    x = layers.MaxPooling2D(3, 2, padding="valid", name="maxpool")(layers.ZeroPadding2D(1, name="maxpool_pad")(x))
    for stage, depth in enumerate(depths):
        for index in range(depth):
            stride = 2 if stage and not index else 1
            x = _residual(x, 64 * 2**stage, stride, bottleneck, f"layer{stage + 1}_{index}")
    if include_top:
        x = dense(layers.GlobalAveragePooling2D(name="global_pool")(x), classes, "fc")
    return keras.Model(inputs, x, name="resnet")


def resnet_cuts(depths: Sequence[int], **_others: Any) -> tuple[str, ...]:
    """The layers that end a stage."""
    return ("maxpool", *(f"layer{stage + 1}_{depth - 1}_out" for stage, depth in enumerate(depths)))


def vgg(
    include_top: bool, input_size: int, *, widths: Sequence[Sequence[int]], hidden: int = 4096, classes: int = 1000
) -> keras.Model:
    """VGG with random weights, up to the second of its wide layers.

    Args:
        include_top: end in logits.
        input_size: side of the input in px, 224 or more: the first wide layer reads 7x7 cells.
        widths: channels of the convolutions of each stage.
        hidden: width of the layers in front of the classifier.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to (n, hidden), or to logits.
    """
    inputs = x = layers.Input((input_size, input_size, 3))
    number = 0
    for stage, channels in enumerate(widths):
        for width in channels:
            x = _convolution(x, width, 3, 1, f"features_{number}", use_bias=True)
            x = _active(x, f"features_{number + 1}")
            number += 2
        x = layers.MaxPooling2D(2, 2, name=f"stage{stage + 1}_pool")(x)
        number += 1
    for part, kernel in (("fc1", 7), ("fc2", 1)):
        name = f"pre_logits_{part}"
        layer = layers.Conv2D(hidden, kernel, kernel_initializer=_initializer(), name=name)
        x = _active(layer(x), f"{name}_act")
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    return keras.Model(inputs, dense(x, classes, "head_fc") if include_top else x, name="vgg")


def vgg_cuts(widths: Sequence[Sequence[int]], **_others: Any) -> tuple[str, ...]:
    """The pools."""
    return tuple(f"stage{stage + 1}_pool" for stage in range(len(widths)))


def densenet(
    include_top: bool,
    input_size: int,
    *,
    depths: Sequence[int],
    growth: int = 32,
    stem: int = 64,
    bottleneck: int = 4,
    classes: int = 1000,
) -> keras.Model:
    """DenseNet with random weights.

    Args:
        include_top: end in logits instead of the last map.
        input_size: side of the input in px.
        depths: number of layers of each dense block.
        growth: channels that each layer adds.
        stem: channels of the first convolution.
        bottleneck: width inside a layer, in multiples of its growth.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to a map (n, side, side, channels), or to logits.
    """
    inputs = layers.Input((input_size, input_size, 3))
    x = _active(_normed(_convolution(inputs, stem, 7, 2, "features_conv0"), "features_norm0"), "features_relu0")
    x = layers.MaxPooling2D(3, 2, name="features_pool0")(layers.ZeroPadding2D(1, name="features_pool0_pad")(x))
    for block, depth in enumerate(depths, start=1):
        for index in range(1, depth + 1):
            name = f"features_denseblock{block}_denselayer{index}"
            y = _active(_normed(x, f"{name}_norm1"), f"{name}_relu1")
            y = _active(
                _normed(_convolution(y, bottleneck * growth, 1, 1, f"{name}_conv1"), f"{name}_norm2"), f"{name}_relu2"
            )
            x = layers.Concatenate(name=f"{name}_out")([x, _convolution(y, growth, 3, 1, f"{name}_conv2")])
        if block < len(depths):
            name = f"features_transition{block}"
            x = _active(_normed(x, f"{name}_norm"), f"{name}_relu")
            x = layers.AveragePooling2D(2, 2, name=f"{name}_pool")(
                _convolution(x, x.shape[-1] // 2, 1, 1, f"{name}_conv")
            )
    x = _active(_normed(x, "features_norm5"), "features_relu5")
    if include_top:
        x = dense(layers.GlobalAveragePooling2D(name="global_pool")(x), classes, "classifier")
    return keras.Model(inputs, x, name="densenet")


def densenet_cuts(depths: Sequence[int], **_others: Any) -> tuple[str, ...]:
    """The pools, and the last map."""
    pools = (f"features_transition{block}_pool" for block in range(1, len(depths)))
    return ("features_pool0", *pools, "features_relu5")


def _residual(x: Any, width: int, stride: int, bottleneck: bool, name: str) -> Any:
    out = 4 * width if bottleneck else width
    steps = ((width, 1, 1), (width, 3, stride), (out, 1, 1)) if bottleneck else ((width, 3, stride), (out, 3, 1))
    y = x
    for index, (channels, kernel, step) in enumerate(steps, start=1):
        y = _normed(_convolution(y, channels, kernel, step, f"{name}_conv{index}"), f"{name}_bn{index}")
        y = _active(y, f"{name}_act{index}") if index < len(steps) else y
    if stride > 1 or x.shape[-1] != out:
        x = _normed(_convolution(x, out, 1, stride, f"{name}_downsample_0"), f"{name}_downsample_1")
    return _active(add(y, x, f"{name}_add"), f"{name}_out")


def _initializer() -> keras.Initializer:
    return keras.initializers.VarianceScaling(**_INITIALIZER)


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str, use_bias: bool = False) -> Any:
    """As much padding on both sides, as in PyTorch."""
    if kernel > 1 and stride > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    layer = layers.Conv2D(
        filters, kernel, stride, padding=padding, use_bias=use_bias, kernel_initializer=_initializer(), name=name
    )
    return layer(x)


def _normed(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=name)(x)


def _active(x: Any, name: str) -> Any:
    return layers.ReLU(name=name)(x)
