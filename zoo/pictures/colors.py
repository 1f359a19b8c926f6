"""Between color and gray: the one rule by which a picture of three channels becomes one of a single channel."""

from __future__ import annotations

from typing import Any

import numpy as np

LUMA = (19595, 38470, 7471)
"""Weights of red, green and blue in 65536ths: ITU-R 601-2, as Pillow's mode "L" rounds them. They add up to one."""

HALF = 32768
"""Added before the division by 65536, so that it rounds."""


def gray(picture: np.ndarray) -> np.ndarray:
    """Return a picture in shades of gray, as Pillow's mode "L"; one with three equal channels stays what it is.

    Args:
        picture: (..., 3), values 0..255: uint8, or float, which is not rounded.

    Returns:
        (..., 1) of the same dtype.
    """
    if picture.dtype == np.uint8:
        wide = picture.astype(np.uint32)
        total = wide[..., 0] * LUMA[0] + wide[..., 1] * LUMA[1] + wide[..., 2] * LUMA[2] + HALF
        return (total >> 16).astype(np.uint8)[..., None]
    first = picture[..., :1]
    if np.array_equal(first, picture[..., 1:2]) and np.array_equal(first, picture[..., 2:]):
        return first.copy()
    return (picture @ (np.array(LUMA, np.float64)[:, None] / 65536)).astype(picture.dtype)


def gray_in_graph(pictures: Any) -> Any:
    """Return a batch in shades of gray, with `keras.ops`: the numbers that `gray` gives for uint8.

    Args:
        pictures: float32 (n, h, w, 3), whole numbers 0..255. All sums are below 2 ** 24, where float32 is exact.
    """
    from keras import ops

    weights = ops.convert_to_tensor(np.array(LUMA, np.float32))
    return ops.floor((ops.sum(pictures * weights, axis=-1, keepdims=True) + HALF) / 65536)


def in_colors(picture: np.ndarray) -> np.ndarray:
    """Return a picture with three channels, as what draws pictures takes it; a gray one gets three equal ones."""
    return np.repeat(picture, 3, axis=-1) if picture.shape[-1] == 1 else picture
