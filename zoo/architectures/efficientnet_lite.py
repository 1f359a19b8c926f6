"""EfficientNet-Lite 0, 1 and 2: EfficientNet without squeeze-and-excite, with ReLU6, for small devices.

Keras has no such model. Layers carry the names of the PyTorch modules whose weights they take
(`_blocks.0._bn1` is `blocks_0_bn1`). Scaling as in TensorFlow's `efficientnet_lite_builder.py`: stem, head, first
and last group of blocks keep their size.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
from keras import layers


class _Blocks(NamedTuple):
    """A group of inverted-residual blocks; stride and input width concern its first block only."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


class _Scale(NamedTuple):
    width: float
    depth: float
    dropout: float


_GROUPS = (
    _Blocks(1, 3, 1, 1, 16),
    _Blocks(2, 3, 2, 6, 24),
    _Blocks(2, 5, 2, 6, 40),
    _Blocks(3, 3, 2, 6, 80),
    _Blocks(3, 5, 1, 6, 112),
    _Blocks(4, 5, 2, 6, 192),
    _Blocks(1, 3, 1, 6, 320),
)
_SCALES = {
    "lite0": _Scale(1.0, 1.0, 0.2),
    "lite1": _Scale(1.0, 1.1, 0.2),
    "lite2": _Scale(1.1, 1.2, 0.3),
}
_STEM, _HEAD, _EPSILON = 32, 1280, 1e-3
_INITIALIZER = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}


def build(include_top: bool, input_size: int, variant: str, classes: int = 1000) -> keras.Model:
    """The network proper, with random weights.

    Args:
        include_top: end in logits instead of the last feature map.
        input_size: side of the input in px; 224 for lite0, 240 for lite1, 260 for lite2 in training.
        variant: `lite0`, `lite1` or `lite2`.
        classes: number of logits.

    Returns:
        From float32 (n, input_size, input_size, 3), RGB as (x - 127) / 128, to a feature map
        (n, side, side, 1280) with ReLU6 applied, or to logits (n, classes).
    """
    scale = _SCALES[variant]
    inputs = x = layers.Input((input_size, input_size, 3))
    x = _relu6(_normalized(_convolution(x, _STEM, 3, 2, "conv_stem"), "bn0"), "stem_relu")
    index = 0
    for position, group in enumerate(_GROUPS):
        fixed = position in (0, len(_GROUPS) - 1)
        for repeat in range(group.repeats if fixed else math.ceil(group.repeats * scale.depth)):
            stride = group.stride if repeat == 0 else 1
            x = _block(x, group, _width(group.width * scale.width), stride, f"blocks_{index}")
            index += 1
    x = _relu6(_normalized(_convolution(x, _HEAD, 1, 1, "conv_head"), "bn1"), "head_relu")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(scale.dropout, name="dropout")(x)
        x = layers.Dense(classes, name="fc")(x)
    return keras.Model(inputs, x, name=f"efficientnet_{variant}")


def _block(x: Any, group: _Blocks, width: int, stride: int, name: str) -> Any:
    shortcut, channels = x, x.shape[-1]
    if group.expand != 1:
        x = _convolution(x, channels * group.expand, 1, 1, f"{name}_expand_conv")
        x = _relu6(_normalized(x, f"{name}_bn0"), f"{name}_expand_relu")
    x = layers.DepthwiseConv2D(
        group.kernel,
        stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=f"{name}_depthwise_conv",
    )(x)
    x = _relu6(_normalized(x, f"{name}_bn1"), f"{name}_depthwise_relu")
    x = _normalized(_convolution(x, width, 1, 1, f"{name}_project_conv"), f"{name}_bn2")
    if stride == 1 and channels == width:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=name,
    )(x)


def _normalized(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)


def _relu6(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=name)(x)


def _width(channels: float) -> int:
    """The nearest multiple of 8 that is not more than 10 % below (`round_filters` of EfficientNet)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
