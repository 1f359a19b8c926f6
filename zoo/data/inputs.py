"""What `predict` accepts, as a stream of named uint8 images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.files import images_below
from zoo.data.images import EXTENSIONS, decode
from zoo.errors import DataError
from zoo.registry import ZooNotice


def images(source: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Named images (height x width x 3, 0..255, each of its own size) from whatever the caller has.

    Files give uint8; arrays keep their numbers (floats as float32), so that an array of the model's size is answered as
    the graph answers it.

    Args:
        source: a path, a folder (its images by name; unreadable ones are skipped with a notice), an array
            (height, width[, channels]) or (n, height, width, channels) with values 0..255, a Pillow image, or a list.

    Yields:
        (path or index, image).

    Raises:
        DataError: a file that was named cannot be read, or values are outside 0..255.
    """
    if isinstance(source, list | tuple):
        for index, item in enumerate(source):
            for name, image in images(item):
                yield (name if isinstance(item, str | os.PathLike) else str(index)), image
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            yield from _folder(path)
        else:
            yield str(path), decode(path)
    elif hasattr(source, "convert") and hasattr(source, "getexif"):  # a Pillow image, without importing Pillow
        import io

        buffer = io.BytesIO()
        source.save(buffer, format="PNG")
        yield "0", decode(buffer.getvalue())
    else:
        yield from _array(source)


def _folder(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    files = images_below(path)
    if not files:
        raise DataError(f"the folder {str(path)!r} holds no images ({', '.join(EXTENSIONS)})")
    for file in files:
        try:
            image = decode(file)
        except DataError as error:
            warnings.warn(f"skipped: {error}", ZooNotice, stacklevel=2)
            continue
        yield str(file), image


def _array(source: Any) -> Iterator[tuple[str, np.ndarray]]:
    array = np.asarray(source)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3:
        # One image, or several gray ones: the last axis says which.
        array = array[None] if array.shape[-1] in (1, 3) else array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or array.dtype.kind not in "uif":
        raise DataError(
            f"an image array has shape (height, width, 3) or (n, height, width, 3) and numbers 0..255; "
            f"got shape {np.shape(source)}, type {array.dtype}"
        )
    check_range(array)
    for index, image in enumerate(array if array.dtype == np.uint8 else array.astype(np.float32)):
        yield str(index), np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def as_uint8(image: np.ndarray) -> np.ndarray:
    """Pixels 0..255 as uint8, rounded; the array is not written into."""
    return image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)


def check_range(array: np.ndarray) -> None:
    """Refuse pixels that cannot be 0..255, and say when they look divided by 255.

    Raises:
        DataError: values outside 0..255, NaN or infinity.
    """
    if array.dtype == np.uint8 or array.size == 0:
        return
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 255):  # written so that NaN is refused too
        raise DataError(
            f"pixels must lie in 0..255; found {low:g} to {high:g}. Do not normalize or standardize: the model does it"
        )
    if high <= 1 and array.dtype.kind == "f":
        warnings.warn(
            f"the largest pixel is {high:g}: these look divided by 255. zoo takes pixels 0..255; multiply by 255",
            ZooNotice,
            stacklevel=3,
        )
