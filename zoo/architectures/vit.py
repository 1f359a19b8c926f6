"""Vision transformers: ViT, DeiT, DINOv2 with and without registers, DINOv3, SigLIP, and CLIP's image tower.

One network in the numbers of its row: which tokens come first, where positions are added, what activation, how the
tokens become one vector. Layers are named as the modules of timm's `VisionTransformer` and `Eva`. LayerScale is no
layer here: loading folds it into the Dense layer in front of it.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from zoo.architectures.blocks import ACTIVATIONS, add, attend, dense, heads, layer_norm, rows
from zoo.errors import OptionError

STAGES = 4
"""Groups of blocks behind the stem: a network of equal blocks has no stages of its own."""

_TEMPERATURE = 100.0
"""Of DINOv3's rotary positions: the longest period is this to the power of (1 - 4 / width of a head)."""


class _Width(NamedTuple):
    """What every block needs to know."""

    heads: int
    hidden: int
    activation: str
    mlp: str
    qkv_bias: str
    epsilon: float


def build(
    include_top: bool,
    input_size: int,
    *,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    hidden: int,
    activation: str = "gelu",
    mlp: Literal["plain", "packed", "gated"] = "plain",
    qkv_bias: Literal["all", "none", "separate"] = "all",
    epsilon: float = 1e-6,
    class_token: bool = True,
    registers: int = 0,
    positions: Literal["all", "patches", "rotary"] = "all",
    patch_bias: bool = True,
    norm_first: bool = False,
    pooling: Literal["cls", "avg", "own"] = "cls",
    classes: int = 1000,
) -> keras.Model:
    """The network proper, with random weights.

    Args:
        include_top: end in logits instead of tokens.
        input_size: side of the input in px, a multiple of `patch`.
        patch: side of a patch in px.
        width: length of a token.
        depth: number of blocks.
        heads: of the attention.
        hidden: width inside the perceptron of a block.
        activation: in there: `gelu`, `gelu_tanh`, `quick_gelu`, `silu`.
        mlp: plain: two layers; packed: SwiGLU whose gate and values are one layer; gated: with two.
        qkv_bias: of the attention: in one with its layer, none, or in the layout of `Eva` (queries and values only).
        epsilon: of the normalizations.
        class_token: whether there is one, in front.
        registers: number of register tokens, behind the class token.
        positions: what the table of positions has a row for: all tokens, patches only; or rotary: no table.
        patch_bias: whether the patch embedding has a bias.
        norm_first: a normalization in front of the first block (CLIP).
        pooling: what the classifier reads: the class token, the mean of the patches, or the network's own attention
            pooling (SigLIP), which is then a part of the base.
        classes: number of logits.

    Returns:
        From preprocessed float32 (n, input_size, input_size, 3) to normalized tokens (n, prefix + patches, width), with
        pooling "own" to (n, width), or to logits (n, classes).

    Raises:
        OptionError: the size is no multiple of the patch.
    """
    _check_sizes(input_size, patch, width, heads, hidden)
    side, prefix = input_size // patch, int(class_token) + registers
    inputs = layers.Input((input_size, input_size, 3))
    x = _patches(inputs, patch, width, patch_bias)
    x = _embedded(x, width, class_token, registers, positions, last=not norm_first)
    if norm_first:
        x = layer_norm(x, epsilon, "norm_pre")
    sizes = _Width(heads, hidden, activation, mlp, qkv_bias, epsilon)
    ends, rotation = group_ends(depth), None
    for index in range(depth):
        if positions == "rotary" and index in (0, *(end + 1 for end in ends)):
            # Anew in every stage, so that one tensor separates it from the next.
            rotation = _rotation(x, side, prefix, width // heads)
        x = _block(x, sizes, rotation, f"blocks_{index}")
    x = layer_norm(x, epsilon, "norm")
    if pooling == "own":
        x = _attention_pool(x, sizes)
    if include_top:
        x = dense(_vector(x, pooling, prefix), classes, "head")
    return keras.Model(inputs, x, name="vit")


def _check_sizes(input_size: int, patch: int, width: int, heads: int, hidden: int) -> None:
    if input_size % patch:
        down = max(input_size // patch, 1) * patch
        raise OptionError(
            f"input_size={input_size} is no multiple of the patch of {patch} px: take {down} or {down + patch}"
        )
    if hidden < 1 or width % heads:
        raise OptionError(f"width {width} must be a multiple of the number of heads, {heads}")


def _vector(x: Any, pooling: str, prefix: int) -> Any:
    """What the classifier reads."""
    if pooling == "own":
        return x  # pooled already
    return x[:, 0] if pooling == "cls" else layers.GlobalAveragePooling1D(name="avg_pool")(x[:, prefix:])


def group_ends(depth: int) -> tuple[int, ...]:
    """The last block of each of the stages behind the stem, from equal groups of blocks."""
    groups = min(STAGES, depth)
    return tuple(math.ceil(depth * (number + 1) / groups) - 1 for number in range(groups))


def cuts(depth: int, norm_first: bool = False, **_others: Any) -> tuple[str, ...]:
    """The layers that end a stage: the embedding, three groups of blocks, and the normalized tokens."""
    return ("norm_pre" if norm_first else "embedded", *(f"blocks_{end}_out" for end in group_ends(depth)[:-1]), "norm")


def _patches(inputs: Any, patch: int, width: int, use_bias: bool) -> Any:
    x = layers.Conv2D(width, patch, patch, padding="valid", use_bias=use_bias, name="patch_embed_proj")(inputs)
    return layers.Reshape((x.shape[1] * x.shape[2], width), name="patches")(x)


def _embedded(x: Any, width: int, class_token: bool, registers: int, positions: str, last: bool) -> Any:
    """Patches with their positions behind the tokens of the network; the last layer is called `embedded`."""
    name = "embedded" if last else None
    tokens = [rows(x, 1, width, "cls_token")] if class_token else []
    tokens += [rows(x, registers, width, "reg_token")] if registers else []
    if positions == "patches":
        x = add(x, rows(x, x.shape[1], width, "pos_embed"), "positioned" if tokens else name)
    if tokens:
        x = layers.Concatenate(axis=1, name="tokens" if positions == "all" else name)([*tokens, x])
    if positions == "all":
        x = add(x, rows(x, x.shape[1], width, "pos_embed"), name)
    return x


def _block(x: Any, sizes: _Width, rotation: Any, name: str) -> Any:
    mixed = _attention(layer_norm(x, sizes.epsilon, f"{name}_norm1"), sizes, rotation, f"{name}_attn")
    x = add(x, mixed, f"{name}_mid")
    changed = _perceptron(layer_norm(x, sizes.epsilon, f"{name}_norm2"), sizes, f"{name}_mlp")
    return add(x, changed, f"{name}_out")


def _attention(x: Any, sizes: _Width, rotation: Any, name: str) -> Any:
    width = x.shape[-1]
    qkv = dense(x, 3 * width, f"{name}_qkv", use_bias=sizes.qkv_bias != "none")
    query, key, value = (heads(part, sizes.heads) for part in ops.split(qkv, 3, axis=-1))
    if rotation is not None:
        query, key = _rotated(query, rotation), _rotated(key, rotation)
    return dense(attend(query, key, value), width, f"{name}_proj")


def _perceptron(x: Any, sizes: _Width, name: str) -> Any:
    width, activation = x.shape[-1], ACTIVATIONS[sizes.activation]
    if sizes.mlp == "packed":
        gate, values = ops.split(dense(x, 2 * sizes.hidden, f"{name}_fc1"), 2, axis=-1)
        inside = activation(gate) * values
    elif sizes.mlp == "gated":
        inside = activation(dense(x, sizes.hidden, f"{name}_fc1_g")) * dense(x, sizes.hidden, f"{name}_fc1_x")
    else:
        inside = activation(dense(x, sizes.hidden, f"{name}_fc1"))
    return dense(inside, width, f"{name}_fc2")


def _attention_pool(x: Any, sizes: _Width) -> Any:
    """One learned query that attends to all tokens, and a perceptron behind it."""
    width = x.shape[-1]
    query = dense(rows(x, 1, width, "attn_pool_latent"), width, "attn_pool_q")
    key, value = ops.split(dense(x, 2 * width, "attn_pool_kv"), 2, axis=-1)
    mixed = attend(*(heads(part, sizes.heads) for part in (query, key, value)))
    pooled = dense(mixed, width, "attn_pool_proj")
    changed = _perceptron(layer_norm(pooled, sizes.epsilon, "attn_pool_norm"), sizes, "attn_pool_mlp")
    return layers.Reshape((width,), name="pooled")(add(pooled, changed, "attn_pool_out"))


def _rotation(like: Any, side: int, prefix: int, width: int) -> tuple[Any, Any]:
    """Cosine and sine (n, 1, tokens, width of a head) of DINOv3: angles of row and column, zero for prefix tokens.

    A patch lies at its center, from -1 to 1; `2 pi * place / period`, with periods from 1 up to the temperature.
    """
    places = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    grid = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = np.concatenate([np.zeros((prefix, 2), np.float32), grid])
    periods = _TEMPERATURE ** (2 * np.arange(width // 4, dtype=np.float32) / (width // 2))
    frequencies = (2 * np.pi / periods).astype(np.float32)
    # Made in the graph from small constants: whole tables would be written out in every saved file.
    zero = ops.cast(ops.zeros_like(like[:, :1, :1]), "float32")
    row, column = (ops.multiply(ops.add(zero, grid[None, :, axis, None]), frequencies[None, None]) for axis in range(2))
    angles = ops.expand_dims(ops.concatenate([row, column, row, column], axis=-1), 1)
    return ops.cast(ops.cos(angles), like.dtype), ops.cast(ops.sin(angles), like.dtype)


def _rotated(x: Any, rotation: tuple[Any, Any]) -> Any:
    cosine, sine = rotation
    first, second = ops.split(x, 2, axis=-1)
    return x * cosine + ops.concatenate([-second, first], axis=-1) * sine
