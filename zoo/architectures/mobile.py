"""Networks of inverted residuals and their kin: MobileNetV4, and MobileNetV3 and EfficientNet as timm trained them.

A network is a list of blocks in its row. Layers are named as the modules of timm's `MobileNetV3` and `EfficientNet`.
A block is a word such as `uir_a3_k5_s2_m128_c80`: its kind; a, k, z the sides of its depthwise kernels at the start, in
the middle and at the end (0: none); s the stride, m the channels inside, c the channels of its output, q those of the
squeeze (0: none), r1 that its activation is ReLU whatever that of the network (MobileNetV3). Kinds: cn convolution,
er fused inverted residual, ds depthwise separable, ir inverted residual, uir universal inverted residual.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
from keras import layers, ops

from zoo.architectures.blocks import add, dense, gelu

_INITIALIZER = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}


@dataclass(frozen=True)
class _Block:
    """A block, read from its word."""

    kind: str
    a: int = 0
    k: int = 0
    z: int = 0
    s: int = 1
    m: int = 0
    c: int = 0
    q: int = 0
    r: int = 0

    @classmethod
    def read(cls, word: str) -> _Block:
        kind, *parts = word.split("_")
        return cls(kind, **{letter: int(number) for part in parts for letter, number in re.findall(r"(\D)(\d+)", part)})


@dataclass(frozen=True)
class _Style:
    """What all layers of a network share."""

    padding: str
    epsilon: float
    activation: str
    gate: str


def build(
    include_top: bool,
    input_size: int,
    *,
    stem: int,
    blocks: Sequence[Sequence[str]],
    head: int,
    head_position: Literal["pooled", "map"] = "pooled",
    head_norm: bool = True,
    activation: str = "relu",
    gate: str = "sigmoid",
    padding: Literal["even", "same"] = "even",
    epsilon: float = 1e-5,
    classes: int = 1000,
) -> keras.Model:
    """The network proper, with random weights.

    Args:
        include_top: end in logits instead of features.
        input_size: side of the input in px.
        stem: channels of the first convolution.
        blocks: the words of the blocks of each stage.
        head: channels of the last convolution.
        head_position: whether the last convolution reads the pooled features (MobileNetV3, V4), or the map.
        head_norm: whether it is normalized, or has a bias.
        activation: `relu`, `relu6`, `silu`, `hard_silu`, `gelu`.
        gate: of squeeze and excite: `sigmoid`, `hard_sigmoid`.
        padding: even: as many cells on both sides (PyTorch); same: as TensorFlow does.
        epsilon: of the BatchNorm layers.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to (n, head) where the head reads pooled features, else
        to a feature map (n, side, side, head); or to logits (n, classes).
    """
    style = _Style(padding, epsilon, activation, gate)
    inputs = layers.Input((input_size, input_size, 3))
    x = _normed(_convolution(inputs, stem, 3, 2, style, "conv_stem"), style, "bn1", active=True)
    for number, words in enumerate(blocks):
        for index, word in enumerate(words):
            block = _Block.read(word)
            own = replace(style, activation="relu") if block.r else style
            x = _KINDS[block.kind](x, block, own, f"blocks_{number}_{index}")
    if head_position == "pooled":
        x = layers.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
    x = _convolution(x, head, 1, 1, style, "conv_head", use_bias=not head_norm)
    if head_norm:
        x = _normed(x, style, "norm_head" if head_position == "pooled" else "bn2", active=True)
    else:
        x = _active(x, style.activation, "act2")
    if head_position == "pooled":
        x = layers.Reshape((head,), name="pooled")(x)
    elif include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if include_top:
        x = dense(x, classes, "classifier")
    return keras.Model(inputs, x, name="mobile")


def cuts(stem: int, blocks: Sequence[Sequence[str]], head_position: str = "pooled", **_others: Any) -> tuple[str, ...]:
    """The layers in front of every halving, and the last map."""
    ends, channels, name = [], stem, "bn1_act"
    for number, words in enumerate(blocks):
        for index, word in enumerate(words):
            block = _Block.read(word)
            if block.s > 1:
                ends.append(name)
            name = f"blocks_{number}_{index}_{_end(block, channels)}"
            channels = block.c
    return (*ends, name if head_position == "pooled" else "bn2_act")


def _skips(block: _Block, channels: int) -> bool:
    return block.kind != "cn" and block.s == 1 and channels == block.c


def _end(block: _Block, channels: int) -> str:
    if _skips(block, channels):
        return "out"
    if block.kind == "uir":
        return "dw_end_bn" if block.z else "pw_proj_bn"
    return {"cn": "bn1_act", "er": "bn2", "ds": "bn2", "ir": "bn3"}[block.kind]


def _cn(x: Any, block: _Block, style: _Style, name: str) -> Any:
    return _normed(_convolution(x, block.c, block.k, block.s, style, f"{name}_conv"), style, f"{name}_bn1", active=True)


def _er(x: Any, block: _Block, style: _Style, name: str) -> Any:
    y = _convolution(x, block.m, block.k, block.s, style, f"{name}_conv_exp")
    y = _excited(_normed(y, style, f"{name}_bn1", active=True), block, style, name)
    y = _normed(_convolution(y, block.c, 1, 1, style, f"{name}_conv_pwl"), style, f"{name}_bn2")
    return add(y, x, f"{name}_out") if _skips(block, x.shape[-1]) else y


def _ds(x: Any, block: _Block, style: _Style, name: str) -> Any:
    y = _normed(_depthwise(x, block.k, block.s, style, f"{name}_conv_dw"), style, f"{name}_bn1", active=True)
    y = _excited(y, block, style, name)
    y = _normed(_convolution(y, block.c, 1, 1, style, f"{name}_conv_pw"), style, f"{name}_bn2")
    return add(y, x, f"{name}_out") if _skips(block, x.shape[-1]) else y


def _ir(x: Any, block: _Block, style: _Style, name: str) -> Any:
    y = _normed(_convolution(x, block.m, 1, 1, style, f"{name}_conv_pw"), style, f"{name}_bn1", active=True)
    y = _normed(_depthwise(y, block.k, block.s, style, f"{name}_conv_dw"), style, f"{name}_bn2", active=True)
    y = _excited(y, block, style, name)
    y = _normed(_convolution(y, block.c, 1, 1, style, f"{name}_conv_pwl"), style, f"{name}_bn3")
    return add(y, x, f"{name}_out") if _skips(block, x.shape[-1]) else y


def _uir(x: Any, block: _Block, style: _Style, name: str) -> Any:
    """The stride is taken by the middle kernel, else by that of the start, else by that of the end."""
    y = x
    if block.a:
        stride = 1 if block.k else block.s
        y = _normed(_depthwise(y, block.a, stride, style, f"{name}_dw_start_conv"), style, f"{name}_dw_start_bn")
    y = _convolution(y, block.m, 1, 1, style, f"{name}_pw_exp_conv")
    y = _normed(y, style, f"{name}_pw_exp_bn", active=True)
    if block.k:
        y = _depthwise(y, block.k, block.s, style, f"{name}_dw_mid_conv")
        y = _normed(y, style, f"{name}_dw_mid_bn", active=True)
    y = _excited(y, block, style, name)
    y = _normed(_convolution(y, block.c, 1, 1, style, f"{name}_pw_proj_conv"), style, f"{name}_pw_proj_bn")
    if block.z:
        stride = 1 if block.a or block.k else block.s
        y = _normed(_depthwise(y, block.z, stride, style, f"{name}_dw_end_conv"), style, f"{name}_dw_end_bn")
    return add(y, x, f"{name}_out") if _skips(block, x.shape[-1]) else y


_KINDS = {"cn": _cn, "er": _er, "ds": _ds, "ir": _ir, "uir": _uir}


def _excited(x: Any, block: _Block, style: _Style, name: str) -> Any:
    """Squeeze and excite: every map times a number from the means of all maps."""
    if not block.q:
        return x
    means = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_se_pool")(x)
    less = _convolution(means, block.q, 1, 1, style, f"{name}_se_conv_reduce", use_bias=True)
    less = _active(less, "relu" if style.activation == "hard_silu" else style.activation, f"{name}_se_act")
    more = _convolution(less, x.shape[-1], 1, 1, style, f"{name}_se_conv_expand", use_bias=True)
    gate = ops.relu6(more + 3.0) * (1 / 6) if style.gate == "hard_sigmoid" else ops.sigmoid(more)
    return layers.Multiply(name=f"{name}_se_scaled")([x, gate])


def _padded(x: Any, kernel: int, stride: int, style: _Style, name: str) -> tuple[Any, str]:
    """A strided convolution of PyTorch pads as much on both sides; Keras's "same" does so for odd sizes only."""
    if stride == 1 or style.padding == "same":
        return x, "same"
    return layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x), "valid"


def _convolution(
    x: Any, filters: int, kernel: int, stride: int, style: _Style, name: str, use_bias: bool = False
) -> Any:
    x, padding = _padded(x, kernel, stride, style, name)
    layer = layers.Conv2D(
        filters,
        kernel,
        stride,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=name,
    )
    return layer(x)


def _depthwise(x: Any, kernel: int, stride: int, style: _Style, name: str) -> Any:
    x, padding = _padded(x, kernel, stride, style, name)
    layer = layers.DepthwiseConv2D(
        kernel,
        stride,
        padding=padding,
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(**_INITIALIZER),
        name=name,
    )
    return layer(x)


def _normed(x: Any, style: _Style, name: str, active: bool = False) -> Any:
    x = layers.BatchNormalization(epsilon=style.epsilon, momentum=0.9, name=name)(x)
    return _active(x, style.activation, f"{name}_act") if active else x


def _active(x: Any, activation: str, name: str) -> Any:
    if activation in ("relu", "relu6"):
        return layers.ReLU(6.0 if activation == "relu6" else None, name=name)(x)
    if activation == "gelu":
        return layers.Identity(name=name)(gelu(x))
    return layers.Activation(activation, name=name)(x)
