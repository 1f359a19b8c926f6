"""Maps of places from what a base gives: a feature map as it is, the tokens of patches as a map of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.architectures.receptive import Field, Fields
from zoo.compose import Composition


def side_of(composition: Composition, tensor: Any) -> int | None:
    """Return how many patches of a side a sequence of tokens holds; None for what is no such sequence.

    Args:
        composition: the model whose base gives it.
        tensor: of the base's graph.
    """
    if len(tensor.shape) != 3 or tensor.shape[1] is None:
        return None
    patches = int(tensor.shape[1]) - composition.identity.prefix_tokens
    side = round(max(patches, 0) ** 0.5)
    return side if side > 0 and side * side == patches else None


def is_map(composition: Composition, tensor: Any) -> bool:
    """Return whether a tensor is a map of places, or the tokens of one."""
    return len(tensor.shape) == 4 or side_of(composition, tensor) is not None


def as_map(composition: Composition, values: np.ndarray) -> np.ndarray:
    """Return maps as they are, and tokens (n, prefix + side * side, c) as maps (n, side, side, c)."""
    if values.ndim == 4:
        return values
    side = side_of(composition, values)
    assert side is not None
    patches = values[:, composition.identity.prefix_tokens :]
    return patches.reshape(len(values), side, side, values.shape[-1])


def fields_of_patches(composition: Composition, tensor: Any) -> Fields:
    """Return where the patch of each token lies; through attention every token sees the whole picture."""
    side = side_of(composition, tensor)
    assert side is not None
    step = int(composition.serving.input_shape[1]) // side
    field = Field(step, 0, step - 1)
    return field, field
