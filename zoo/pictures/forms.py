"""One picture, or an array of them, whatever the form: decoded or checked, channels last, without transparency."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import numpy as np
from PIL import Image

from zoo.errors import DataError
from zoo.paths import expanded
from zoo.pictures.reading import Source, decode, over_white

THUMBNAIL = 192
"""Longer side of what reports show of a picture, in pixels."""

_SHAPES = "(height, width) or (height, width, 1 or 3), or with transparency (height, width, 2 or 4)"


def is_path(item: Any) -> bool:
    """Return whether something is the path of a file."""
    return isinstance(item, str | os.PathLike)


def is_picture(item: Any) -> bool:
    """Return whether something is one picture that has to be decoded: a Pillow image, bytes, an open file."""
    if isinstance(item, bytes | bytearray | memoryview):
        return True
    return (hasattr(item, "convert") and hasattr(item, "getexif")) or (hasattr(item, "read") and hasattr(item, "close"))


def source_of_picture(item: Any) -> Source:
    """Return a picture as `zoo.pictures.decode` takes it."""
    return bytes(item) if isinstance(item, bytearray | memoryview) else item


def picture(item: Any, what: str) -> np.ndarray:
    """Return one picture (height, width, 3) or gray (height, width, 1) of whatever it is: see `images`.

    Args:
        item: a path, a Pillow image, bytes, an open file, or an array (height, width[, channels]).
        what: the picture, for errors.

    Raises:
        DataError: it is no picture, or several.
    """
    if is_path(item):
        return decode(expanded(item))
    if is_picture(item):
        return decode(source_of_picture(item))
    array = np.asarray(item)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)) or 0 in array.shape:
        raise DataError(f"{what} has shape {array.shape}; expected {_SHAPES}")
    return rgb(array if array.ndim == 3 else array[:, :, None])


def as_batch(array: np.ndarray, what: str, *, one: bool = False) -> np.ndarray:
    """Return pictures in an array as (n, height, width, 1 or 3).

    Args:
        array: (n, height, width[, 1 to 4]); with transparency (2 or 4 channels) it is laid over white.
        what: the data, for errors.
        one: a single picture (height, width[, channels]) is taken too.

    Raises:
        DataError: another shape, or one that can be read in two ways; the message says what would help.
    """
    shape = array.shape
    text = f"{what}: expected images of shape (n, height, width) or (n, height, width, 1 or 3); got {shape}"
    if array.ndim not in (2, 3, 4) or (array.ndim == 2 and not one) or 0 in shape[1:] or (one and 0 in shape):
        raise DataError(text)
    if array.ndim == 2:
        return array[None, :, :, None]
    if array.ndim == 3:
        return _of_three(array, text, one=one)
    if shape[3] not in (1, 2, 3, 4):
        hint = ", which looks channels first: x.transpose(0, 2, 3, 1) puts them last" if shape[1] in (1, 3, 4) else ""
        raise DataError(text + hint)
    return rgb(array)


def _of_three(array: np.ndarray, text: str, *, one: bool) -> np.ndarray:
    """A batch of what has three dimensions: one image with channels, or gray ones."""
    first, channels = array.shape[0], array.shape[2]
    if channels in (1, 3, 4) or (one and channels == 2):
        if not one:
            raise DataError(f"{text}, which looks like a single image: x[None] makes it a batch of one")
        return rgb(array[None])
    if one and first in (3, 4):
        raise DataError(
            f"{text}, which is one image with its channels first (x.transpose(1, 2, 0) puts them last), or "
            f"{first} gray ones (x[..., None])"
        )
    return array[..., None]


def rgb(array: np.ndarray) -> np.ndarray:
    """Return pixels (..., height, width, channels) without transparency: 2 or 4 channels are laid over white."""
    if array.shape[-1] not in (2, 4):
        return array
    if array.dtype != np.uint8:
        share = array[..., -1:].astype(np.float32) / 255
        return array[..., :-1] * share + 255 * (1 - share)
    if array.ndim == 4:
        return np.stack([rgb(image) for image in array]) if len(array) else array[..., :-1]
    return np.array(over_white(Image.fromarray(array)))


def png_of(image: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG file, no larger than `THUMBNAIL`."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    small.save(stream, "PNG")
    return stream.getvalue()


def digest_of_picture(image: np.ndarray) -> str:
    """sha256 of an image's shape and bytes."""
    total = hashlib.sha256(repr(image.shape).encode())
    total.update(np.ascontiguousarray(image).tobytes())
    return total.hexdigest()
