"""BERT of built-in Keras layers: numbers of word pieces to one vector, the mean over the pieces of a text.

Layers are named as the modules of the transformers library, with `_` for `.`, which is how its files are loaded. Paper:
Devlin et al. 2019, arXiv 1810.04805; as a sentence encoder: Reimers and Gurevych 2019, arXiv 1908.10084.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import OptionError
from zoo_text.options import needs

_STAGES = 3
"""Groups of blocks behind the embeddings."""

_EPSILON = 1e-12


def build(
    *,
    intake: Any,
    pieces: int = 30522,
    width: int = 384,
    depth: int = 6,
    heads: int = 12,
    hidden: int = 1536,
    positions: int = 512,
    normalize: bool = True,
    **_others: Any,
) -> keras.Model:
    """Return the network, with random weights.

    Args:
        intake: of texts, as word pieces.
        pieces: size of the vocabulary.
        width: length of a vector.
        depth: number of blocks.
        heads: of the attention.
        hidden: width inside the perceptron of a block.
        positions: largest number of pieces of a text.
        normalize: whether vectors get the length 1, as those of sentence-transformers.

    Returns:
        From numbers of pieces, float32 whole numbers (n, length), 0 where there is none, to vectors (n, width).

    Raises:
        OptionError: texts are longer than there are positions, or are counts or ids.
    """
    needs(intake, "this encoder", "pieces")
    (length,) = intake.array_shape
    if length > positions:
        raise OptionError(f"length={length} is more than the {positions} positions of this encoder")
    if len(intake.units.pieces) > pieces:
        raise OptionError(f"the vocabulary has {len(intake.units.pieces)} pieces, and this encoder knows {pieces}")
    inputs = layers.Input((length,), name="pieces")
    x = _embedded(inputs, length, pieces, width, positions)
    ends = group_ends(depth)
    for index in range(depth):
        if index == 0 or index - 1 in ends:
            # Anew in every stage, so that one tensor separates it from the next.
            present = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1, keepdims=True), x.dtype)
        x = _block(x, present, heads, hidden, f"encoder_layer_{index}")
        if index in ends:
            x = layers.Multiply(name=f"group_{ends.index(index) + 1}")([x, present])
    x = ops.sum(x, axis=1) / ops.maximum(ops.sum(present, axis=1), 1e-9)
    x = layers.UnitNormalization(axis=-1, name="sentence")(x) if normalize else layers.Identity(name="sentence")(x)
    return keras.Model(inputs, x, name="bert")


def group_ends(depth: int) -> tuple[int, ...]:
    """Return the last block of each of the stages behind the embeddings, from equal groups of blocks."""
    groups = min(_STAGES, depth)
    return tuple(math.ceil(depth * (number + 1) / groups) - 1 for number in range(groups))


def cuts(depth: int) -> tuple[str, ...]:
    """Return the layers that end a stage: the embeddings, groups of blocks, and the vector."""
    return ("embedded", *(f"group_{number + 1}" for number in range(len(group_ends(depth)) - 1)), "sentence")


def _embedded(inputs: Any, length: int, pieces: int, width: int, positions: int) -> Any:
    """Vectors of the pieces; of places without one they are 0, by which later stages know them."""
    ids = ops.cast(inputs, "int32")
    words = layers.Embedding(pieces, width, name="embeddings_word_embeddings")(ids)
    zeros = ops.zeros_like(ids)
    places = layers.Embedding(positions, width, name="embeddings_position_embeddings")(
        ops.add(zeros, np.arange(length, dtype=np.int32)[None])
    )
    kinds = layers.Embedding(2, width, name="embeddings_token_type_embeddings")(zeros)
    x = layers.LayerNormalization(epsilon=_EPSILON, name="embeddings_LayerNorm")(words + places + kinds)
    present = ops.cast(ops.expand_dims(ops.not_equal(ids, 0), -1), x.dtype)
    return layers.Multiply(name="embedded")([x, present])


def _block(x: Any, present: Any, heads: int, hidden: int, name: str) -> Any:
    width = x.shape[-1]
    query, key, value = (
        _heads(layers.Dense(width, name=f"{name}_attention_self_{part}")(x), heads)
        for part in ("query", "key", "value")
    )
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (width // heads) ** -0.5
    absent = ops.reshape(1.0 - present, (-1, 1, 1, x.shape[1]))
    scores = scores - absent * 1e4
    mixed = ops.transpose(ops.matmul(ops.softmax(scores, axis=-1), value), (0, 2, 1, 3))
    mixed = ops.reshape(mixed, (-1, x.shape[1], width))
    mixed = layers.Dense(width, name=f"{name}_attention_output_dense")(mixed)
    x = layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_attention_output_LayerNorm")(x + mixed)
    inside = layers.Dense(hidden, name=f"{name}_intermediate_dense")(x)
    # Exact GELU by erf: Keras's own becomes Erfc, which ONNX lacks.
    inside = 0.5 * inside * (1.0 + ops.erf(inside * (1.0 / math.sqrt(2.0))))
    changed = layers.Dense(width, name=f"{name}_output_dense")(inside)
    return layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_output_LayerNorm")(x + changed)


def _heads(x: Any, count: int) -> Any:
    """(n, pieces, width) as (n, heads, pieces, width / heads)."""
    _, length, width = x.shape
    return ops.transpose(ops.reshape(x, (-1, length, count, width // count)), (0, 2, 1, 3))
