"""What the numbers of pixels may be: 0..255; and how to tell pictures that were divided by 255 already."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from zoo.errors import DataError
from zoo.registry import ZooNotice

_PICTURES, _VALUES = 512, 4096
"""So many pictures, and values of each, are looked at to tell whether they were divided by 255."""

_NEARLY_ALL = 0.98
"""Share of the values above 0 that are at most 1 in a picture divided by 255: resizing overshoots at edges, and a
picture of 0..255 has, even at night, more values between 2 and 255 than that."""

_CHUNK = 1024


def check_values(images: np.ndarray | Sequence[np.ndarray], what: str) -> None:
    """Refuse pixels that cannot be 0..255, and say when they look divided by 255.

    Args:
        images: one array (n, height, width, channels) or a list of pictures of any sizes.
        what: the data, for errors.

    Raises:
        DataError: no numbers, NaN, or values outside 0..255.
    """
    for block in _blocks(images):
        check_range(block, what)
    text = _suspicion(images) if len(images) else ""
    if text:
        warnings.warn(
            f"{what}: {text}. zoo expects 0..255: these images look divided by 255 and will be almost black. Multiply "
            "them by 255.",
            ZooNotice,
            stacklevel=3,
        )


def _suspicion(images: np.ndarray | Sequence[np.ndarray]) -> str:
    """Why pictures look divided by 255; "" if they do not."""
    places = np.unique(np.linspace(0, len(images) - 1, min(len(images), _PICTURES)).astype(int))
    judged = [(images[place].dtype.kind == "f", _divided(images[place])) for place in places]
    known = [scaled for _, scaled in judged if scaled is not None]
    if not known:
        largest = max(float(block.max(initial=0)) for block in _blocks(images))
        return f"the largest pixel value is {largest:g}" if largest <= 1 else ""
    if all(known):
        largest = max(float(images[place].max()) for place in places)
        return f"the largest pixel value is {largest:g}" + (" and nearly all are at most 1" if largest > 1 else "")
    some = sum(float_ and scaled is True for float_, scaled in judged)
    if not some:
        return ""
    return f"in {some} of {len(known)} pictures the largest pixel value is 1, or nearly all are at most 1"


def check_range(block: np.ndarray, what: str) -> None:
    """Refuse some pixels that cannot be 0..255.

    Raises:
        DataError: not numbers, NaN, or outside 0..255; the message says what they look like.
    """
    if block.dtype.kind not in "uifb":
        raise DataError(f"{what}: pixels must be numbers 0..255; got {block.dtype}")
    if block.dtype == np.uint8 or block.size == 0:
        return
    lowest, highest = float(block.min()), float(block.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise DataError(f"{what}: pixels must lie in 0..255; there are some that are NaN or infinite")
    if lowest < 0 or highest > 255:
        raise DataError(
            f"{what}: pixels must lie in 0..255, they go from {lowest:g} to {highest:g}.{_hint(block, lowest)} "
            "Do not normalize or standardize: the model does it"
        )


def as_uint8(image: np.ndarray) -> np.ndarray:
    """Return pixels 0..255 as uint8, rounded; the array is not written into."""
    if image.dtype == np.uint8:
        return image
    return np.rint(image).astype(np.uint8) if image.dtype.kind == "f" else image.astype(np.uint8)


def _hint(block: np.ndarray, lowest: float) -> str:
    sample = _sample(block)
    low, middle, high = (float(value) for value in np.quantile(sample, (1 - _NEARLY_ALL, 0.5, _NEARLY_ALL)))
    if high <= 1.5 and low < -0.2:
        return " It looks scaled to -1..1: (x + 1) * 127.5 undoes that."
    if high <= 1.1 and low > -0.1:
        return " It looks divided by 255, and resized: np.clip(x, 0, 1) * 255 undoes that."
    if lowest >= 0 and high > 255:
        return " It looks like 16-bit data: x / 257 makes it 0..255."
    if low >= 0 and high <= 255 and middle > 1:
        return " Resizing overshoots at edges: np.clip(x, 0, 255) cuts that off."
    return ""


def _divided(image: np.ndarray) -> bool | None:
    """Whether one picture looks divided by 255; None for a black one."""
    sample = _sample(image)
    positive = sample[sample > 0]
    return bool((positive <= 1).mean() >= _NEARLY_ALL) if positive.size else None


def _sample(image: np.ndarray) -> np.ndarray:
    flat = np.asarray(image).reshape(-1)
    return flat[:: max(1, flat.size // _VALUES)].astype(np.float32)


def _blocks(images: np.ndarray | Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if isinstance(images, np.ndarray):
        return [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    return images
