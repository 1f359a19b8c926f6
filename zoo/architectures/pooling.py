"""From the cells of a network, a map or tokens, to one vector an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from zoo.architectures.precision import in_float32

MAP_POOLINGS = ("avg", "max", "concat", "gem")
"""Of a map, and of the tokens of patches: mean, maximum, both, or their generalization with exponent 3."""

TOKEN_POOLINGS = ("cls", "cls+avg")
"""Of tokens only: the class token, or it and the mean of the patches side by side."""

_GEM = 3.0


def pool(cells: Any, pooling: str, prefix: int = 0, name: str | None = None) -> Any:
    """One vector an image from its cells.

    Args:
        cells: Keras tensor: a map (n, h, w, c), or tokens (n, prefix + patches, c).
        pooling: "avg" (n, c); "max" (n, c); "concat": average and maximum (n, 2c); "gem": the generalized mean
            `mean(max(x, 1e-6) ** 3) ** (1/3)` (n, c), Radenovic, Tolias and Chum 2018, arXiv 1711.02512, equation 3,
            with the exponent they start from, negative activations count as none; "cls": the first token (n, c);
            "cls+avg": the first token and the mean of the patches (n, 2c).
        prefix: number of tokens in front of those of the patches, which no other pooling reads.
        name: of the last layer.
    """
    # In float32 whatever the base computes in: sums over a map, and features that a head is solved on.
    tokens = len(cells.shape) == 3
    if pooling == "cls":
        return layers.Identity(dtype="float32", name=name)(in_float32(cells[:, 0]))
    if tokens and prefix:
        patches = layers.Cropping1D((prefix, 0))(cells)
    else:
        patches = cells
    kinds = (
        (layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D)
        if tokens
        else (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
    )
    average, maximum = kinds
    if pooling == "max":
        return maximum(dtype="float32", name=name)(patches)
    if pooling == "cls+avg":
        mean = average(dtype="float32")(patches)
        return layers.Concatenate(dtype="float32", name=name)([in_float32(cells[:, 0]), mean])
    if pooling == "concat":
        parts = [kind(dtype="float32")(patches) for kind in kinds]
        return layers.Concatenate(dtype="float32", name=name)(parts)
    if pooling == "gem":
        powers = keras.ops.power(keras.ops.maximum(in_float32(patches), 1e-6), _GEM)
        mean = average(dtype="float32")(powers)
        return layers.Identity(dtype="float32", name=name)(keras.ops.power(mean, 1 / _GEM))
    return average(dtype="float32", name=name)(patches)


def poolings(output: str, prefix: int) -> tuple[str, ...]:
    """The poolings that the cells of a network have."""
    return MAP_POOLINGS + (TOKEN_POOLINGS if output == "tokens" and prefix else ())


def cells(network: keras.Model, cuts: Sequence[str]) -> keras.Model:
    """A network up to its last cells: itself, unless it pools them by itself behind its last cut."""
    if len(network.output.shape) != 2 or not cuts:
        return network
    return keras.Model(network.input, network.get_layer(cuts[-1]).output, name=network.name)
