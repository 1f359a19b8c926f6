"""Parts that the builders of modern networks share, made of built-in Keras layers and ops that every export takes.

Layers carry the path of the PyTorch module whose weights they take, with `_` for `.`. What looks roundabout is so
for an export: exact GELU in terms of `erf` (Keras's own becomes `Erfc`, which ONNX lacks), free tokens as rows of an
`Embedding` (the only built-in layer that holds a free weight), depthwise convolutions instead of grouped ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

INITIALIZER = {"stddev": 0.02}
"""Of every kernel and token: a normal distribution cut off at two standard deviations, as in all these papers."""


def initializer() -> keras.Initializer:
    """A fresh one for each layer: Keras draws its seed when it is made."""
    return keras.initializers.TruncatedNormal(**INITIALIZER)


def gelu(x: Any) -> Any:
    """`x * Phi(x)`, exact."""
    return 0.5 * x * (1.0 + ops.erf(x * (1.0 / math.sqrt(2.0))))


def gelu_tanh(x: Any) -> Any:
    """The approximation of GELU by tanh, which SigLIP of 400 million parameters was trained with."""
    return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def quick_gelu(x: Any) -> Any:
    """`x * sigmoid(1.702 x)`, of OpenAI's CLIP."""
    return x * ops.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": ops.relu,
    "silu": ops.silu,
}
"""By the name that rows use."""


def dense(x: Any, units: int, name: str, use_bias: bool = True) -> Any:
    """A linear layer on the last axis."""
    return layers.Dense(units, use_bias=use_bias, kernel_initializer=initializer(), name=name)(x)


def layer_norm(x: Any, epsilon: float, name: str) -> Any:
    """Normalization over the last axis."""
    return layers.LayerNormalization(epsilon=epsilon, name=name)(x)


def add(a: Any, b: Any, name: str | None) -> Any:
    """A sum as a layer, so that a cut can name it."""
    return layers.Add(name=name)([a, b])


def rows(like: Any, count: int, width: int, name: str) -> Any:
    """A free weight (count, width), the same for every example.

    Args:
        like: tokens (n, any, any) that say how many examples there are.
        count: how many vectors.
        width: their length.
        name: of the Embedding layer that holds them.

    Returns:
        (n, count, width).
    """
    # Zeros of shape (n, 1) plus constants: a slice of another length would be a Flex operator in LiteRT.
    zeros = ops.cast(ops.zeros_like(like[:, :1, 0]), "int32")
    indices = ops.add(zeros, np.arange(count, dtype=np.int32)[None])
    return layers.Embedding(count, width, embeddings_initializer=initializer(), name=name)(indices)


def heads(x: Any, count: int) -> Any:
    """(n, tokens, width) as (n, heads, tokens, width / heads)."""
    _, tokens, width = x.shape
    return ops.transpose(ops.reshape(x, (-1, tokens, count, width // count)), (0, 2, 1, 3))


def attend(query: Any, key: Any, value: Any) -> Any:
    """Softmax attention of (n, heads, tokens, width) each; (n, tokens, heads * width) out."""
    _, count, tokens, width = query.shape
    scores = ops.matmul(query * width**-0.5, ops.transpose(key, (0, 1, 3, 2)))
    mixed = ops.matmul(ops.softmax(scores, axis=-1), value)
    return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, tokens, count * width))
