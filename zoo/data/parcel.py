"""A dataset laid down in a folder for another process: paths of files, arrays in one mapped file; no code travels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zoo.data.arrays import Arrays
from zoo.data.dataset import Dataset, definer
from zoo.data.files import ImageFiles
from zoo.data.joining import Joined
from zoo.pictures.reading import decode

_IMAGES, _PLACES, _ARRAYS = "images.json", "places.npy", "arrays.bin"


def cannot_travel(dataset: Dataset) -> str:
    """Why another process cannot read a dataset: it has code of its own that reads; "" if it can."""
    for part in _parts(dataset):
        if definer(type(part), "read") not in (ImageFiles, Arrays):
            return f"{type(part).__name__} reads its images with code of its own"
    return ""


def pack(dataset: Dataset, folder: Path) -> None:
    """Lay the images down, not their answers: files stay where they are, arrays are written once.

    Args:
        dataset: one that `cannot_travel` has nothing against.
        folder: an empty one.
    """
    paths: list[str | None] = []
    places = np.full((len(dataset), 3), -1, np.int64)  # offset, height, width
    offset = 0
    with (folder / _ARRAYS).open("wb") as arrays:
        for index, row in enumerate(dataset._rows.tolist()):
            part: Dataset = dataset
            while isinstance(part, Joined):
                part, row = part._locate(row)
            if isinstance(part, ImageFiles):
                paths.append(str(part._paths[row].absolute()))
            else:
                image = part.read(row)
                paths.append(None)
                places[index] = offset, *image.shape[:2]
                offset += arrays.write(image.tobytes())
    np.save(folder / _PLACES, places)
    (folder / _IMAGES).write_text(json.dumps({"name": dataset.name, "ids": dataset.ids, "paths": paths}))


def unpack(folder: Path) -> Dataset:
    """The images that `pack` laid down."""
    return _Parcel(folder)


class _Parcel(Dataset):
    def __init__(self, folder: Path) -> None:
        images = json.loads((folder / _IMAGES).read_text())
        self._paths: list[str | None] = images["paths"]
        self._places = np.load(folder / _PLACES)
        file = folder / _ARRAYS
        self._arrays = np.memmap(file, np.uint8, "r") if file.stat().st_size else np.zeros(0, np.uint8)
        super().__init__(images["name"], ids=images["ids"])

    def read(self, row: int) -> np.ndarray:
        path = self._paths[row]
        if path is not None:
            return decode(path)
        offset, height, width = self._places[row].tolist()
        return np.array(self._arrays[offset : offset + height * width * 3]).reshape(height, width, 3)


def _parts(dataset: Dataset) -> Iterator[Dataset]:
    if isinstance(dataset, Joined):
        for part in dataset._parts:
            yield from _parts(part)
    else:
        yield dataset
