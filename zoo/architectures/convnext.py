"""ConvNeXt V1 and V2: depthwise 7x7 convolutions between LayerNorm and a perceptron for each cell.

Layers are named as the modules of timm's `ConvNeXt`. LayerScale (V1) is folded into the Dense layer in front of it
at loading; global response normalization (V2) keeps its weights in a depthwise convolution of one cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.architectures.blocks import add, dense, gelu, initializer, layer_norm
from zoo.architectures.precision import in_float32

_SMALLEST = 1e-20
"""Under the root of a norm: its gradient at 0 is infinite."""


def build(
    include_top: bool,
    input_size: int,
    *,
    depths: tuple[int, ...],
    widths: tuple[int, ...],
    response_norm: bool = False,
    epsilon: float = 1e-6,
    classes: int = 1000,
) -> keras.Model:
    """The network proper, with random weights.

    Args:
        include_top: end in logits instead of the pooled features.
        input_size: side of the input in px.
        depths: number of blocks of each stage.
        widths: channels of each stage.
        response_norm: V2: global response normalization inside the perceptrons.
        epsilon: of the normalizations.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to (n, channels): the global average of the last map,
        normalized, as the pretrained classifier reads it; or to logits (n, classes).
    """
    inputs = layers.Input((input_size, input_size, 3))
    x = _convolution(inputs, widths[0], 4, "stem_0")
    x = layer_norm(x, epsilon, "stem_1")
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        name = f"stages_{stage}"
        if stage:
            x = layer_norm(x, epsilon, f"{name}_downsample_0")
            x = _convolution(x, width, 2, f"{name}_downsample_1")
        for block in range(depth):
            x = _block(x, response_norm, epsilon, f"{name}_blocks_{block}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layer_norm(x, epsilon, "head_norm")
    if include_top:
        x = dense(x, classes, "head_fc")
    return keras.Model(inputs, x, name="convnext")


def cuts(depths: tuple[int, ...], **_others: Any) -> tuple[str, ...]:
    """The layers that end a stage: the patch stem, and the last block of each stage."""
    return ("stem_1", *(f"stages_{stage}_blocks_{depth - 1}_out" for stage, depth in enumerate(depths)))


def _convolution(x: Any, filters: int, stride: int, name: str) -> Any:
    """Patches side by side, nothing between them."""
    return layers.Conv2D(filters, stride, stride, padding="valid", kernel_initializer=initializer(), name=name)(x)


def _block(x: Any, response_norm: bool, epsilon: float, name: str) -> Any:
    width = x.shape[-1]
    y = layers.DepthwiseConv2D(7, padding="same", depthwise_initializer=initializer(), name=f"{name}_conv_dw")(x)
    y = layer_norm(y, epsilon, f"{name}_norm")
    y = gelu(dense(y, 4 * width, f"{name}_mlp_fc1"))
    if response_norm:
        y = _response_norm(y, f"{name}_mlp_grn")
    return add(x, dense(y, width, f"{name}_mlp_fc2"), f"{name}_out")


def _response_norm(x: Any, name: str) -> Any:
    """`x + weight * x * (norm of its map / mean norm of all maps) + bias`, Woo et al. 2023, arXiv 2301.00808."""
    wide = in_float32(x)
    squares = ops.sum(ops.square(wide), axis=(1, 2), keepdims=True)
    norms = ops.sqrt(ops.maximum(squares, _SMALLEST))
    relative = ops.cast(norms / (ops.mean(norms, axis=-1, keepdims=True) + 1e-6), x.dtype)
    scaled = layers.DepthwiseConv2D(1, depthwise_initializer="zeros", name=name)(x * relative)
    return add(x, scaled, f"{name}_sum")


_OFFICIAL = (
    (r"stage_(\d)_block_(\d+)_depthwise_conv", r"stages.\1.blocks.\2.conv_dw"),
    (r"stage_(\d)_block_(\d+)_layernorm", r"stages.\1.blocks.\2.norm"),
    (r"stage_(\d)_block_(\d+)_pointwise_conv_1", r"stages.\1.blocks.\2.mlp.fc1"),
    (r"stage_(\d)_block_(\d+)_pointwise_conv_2", r"stages.\1.blocks.\2.mlp.fc2"),
    (r"stage_(\d)_block_(\d+)_layer_scale", r"stages.\1.blocks.\2.gamma"),
)
"""Layers of keras.applications.ConvNeXt, by the ends of their names -> modules of timm."""


def from_keras(saved: Sequence[tuple[str, Sequence[np.ndarray]]]) -> dict[str, np.ndarray] | None:
    """The weights of keras.applications.ConvNeXt as a state dict of timm.

    Args:
        saved: name and weights of each layer, in order.

    Returns:
        Name -> values, kernels (7, 7, 1, c) as (c, 1, 7, 7); None where the names are not those of Keras's network.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, weights in saved:
        tensors |= _of_layer(name, weights)
    return tensors if any(name.endswith("conv_dw.weight") for name in tensors) else None


def _of_layer(name: str, weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a saved layer; none of a layer that is not of Keras's network."""
    stage = re.search(r"_downsampling_block_(\d)$", name)
    if stage or name.endswith("_stem"):
        start = f"stages.{int(stage[1]) + 1}.downsample" if stage else "stem"
        return _module(f"{start}.0", weights[:2]) | _module(f"{start}.1", weights[2:])
    module = _official(name)
    if module is not None:
        return {module: weights[0]} if module.endswith("gamma") else _module(module, weights)
    if re.search(r"(_head_layernorm|layer_normalization(_\d+)?)$", name):
        return _module("head.norm", weights)
    if re.search(r"(_head_dense|^predictions)$", name):
        return _module("head.fc", weights)
    return {}


def _official(name: str) -> str | None:
    """The module of timm that a layer of a block of Keras's network is; None for other layers."""
    for end, into in _OFFICIAL:
        match = re.search(f"{end}$", name)
        if match is not None:
            return match.expand(into)
    return None


def _module(name: str, weights: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    kernel, bias = weights
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[kernel.ndim]
    return {f"{name}.weight": np.transpose(kernel, axes), f"{name}.bias": bias}
