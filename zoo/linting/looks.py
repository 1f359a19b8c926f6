"""One image as lint sees it: its header, a small version of its values, a hash that copies share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from zoo.data import Dataset
from zoo.errors import DataError
from zoo.pictures.reading import Header, UnreadableImageError

SIDE = 16
"""Side of the miniature by which copies are compared, in px."""


@dataclass(frozen=True)
class Look:
    """What a look at one image gives; of values only where it was decoded.

    Attributes:
        header: size, mode and so on; None for an image that is not a file.
        problem: why it cannot be read; "" if it can.
        width: in px, upright; 0 where it is not known.
        height: in px, upright.
        largest: largest value, 0..255.
        contrast: largest minus smallest value, of the channel where they are furthest apart, 0..255.
        color: largest difference between the channels of a place, 0..255.
        bits: uint64 (2,), difference hash: is each cell brighter than its neighbor, 8 x 8 cells across and down.
        small: uint8 (16, 16), the picture in gray.
    """

    header: Header | None
    problem: str = ""
    width: int = 0
    height: int = 0
    largest: int = 0
    contrast: int = 0
    color: int = 0
    bits: np.ndarray | None = None
    small: np.ndarray | None = None


def glances(dataset: Dataset) -> list[Look]:
    """Return a look at every image that decodes nothing."""
    problems = dataset.unreadable()
    headers = ((index, dataset.header(index)) for index in range(len(dataset)))
    return [
        Look(header, problems.get(index, ""), *((header.width, header.height) if header else (0, 0)))
        for index, header in headers
    ]


def look(dataset: Dataset, index: int) -> Look:
    """Return a look at one image, decoded small."""
    header = dataset.header(index)
    try:
        picture = dataset.glimpse(index, 64)
        width, height = (header.width, header.height) if header else picture.size
    except UnreadableImageError as error:
        return Look(header, error.reason)
    except DataError as error:
        return Look(header, str(error))
    values = np.asarray(picture).astype(np.int16)
    gray = picture.convert("L")
    across = np.asarray(gray.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    down = np.asarray(gray.resize((8, 9), Image.Resampling.BOX)).astype(np.int16)
    brighter = np.concatenate([(np.diff(across, axis=1) > 0).ravel(), (np.diff(down, axis=0) > 0).ravel()])
    return Look(
        header,
        "",
        width,
        height,
        largest=int(values.max()),
        contrast=int((values.max(axis=(0, 1)) - values.min(axis=(0, 1))).max()),
        color=int((values.max(axis=2) - values.min(axis=2)).max()),
        bits=np.packbits(brighter).view(np.uint64),
        small=np.asarray(gray.resize((SIDE, SIDE), Image.Resampling.BOX)),
    )
