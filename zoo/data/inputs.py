"""The one reader of pictures that are given: whatever a picture can be, as named arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from zoo.data.collecting import named_examples
from zoo.data.dataset import Dataset
from zoo.data.gathering import gathered, is_array, is_path, is_picture, limited
from zoo.data.listing import below
from zoo.data.modalities import has_pictures, kind_of, picture_files
from zoo.data.ranges import check_values
from zoo.data.streams import is_stream, stream_batches
from zoo.errors import DataError
from zoo.paths import expanded
from zoo.pictures.forms import as_batch, source_of_picture
from zoo.pictures.reading import UnreadableImageError, decode
from zoo.registry import ZooNotice


def images(source: Any, *, strict: bool = False) -> Iterator[tuple[str, np.ndarray]]:
    """Yield named images (height x width x 3, 0..255, each of its own size) from whatever the caller has.

    Files give uint8; arrays keep their numbers (floats as float32), so that an array of the model's size is answered as
    the graph answers it.

    Args:
        source: a path; a pattern (`photos/*.jpg`); a folder (its images by name); an array (height, width), (height,
            width, channels) or (n, height, width, channels) with values 0..255, what is transparent laid over white; a
            Pillow image; the bytes of a file, or a file open for reading; a dataset or stream (tf.data); or a list,
            series or generator of these. Of several files those that cannot be read are skipped with a notice.
        strict: refuse a list with a file that cannot be read, instead of skipping it.

    Yields:
        (path or index, image).

    Raises:
        DataError: a file that was named alone, or all of several, cannot be read; values are outside 0..255; a pair
            (images, answers); what does not end.
    """
    _refuse_what_are_no_images(source)
    if isinstance(source, Dataset):
        yield from ((name, source.example(index)) for index, name in enumerate(source.ids))
    elif is_stream(source):
        pictures = (image for x, _ in stream_batches(source) for image in x)
        yield from ((str(index), np.repeat(x, 3, axis=2) if x.shape[2] == 1 else x) for index, x in enumerate(pictures))
    elif isinstance(source, Iterator) and not is_picture(source):  # an open file gives lines
        yield from _several(limited(source), strict)
    elif is_path(source) and os.path.isdir(expanded(source)):
        yield from _several(_of_folder(expanded(source)), strict=False)
    elif (members := gathered(source)) is not None:
        yield from _several(members, strict)
    else:
        yield from _of_one(source)


def _refuse_what_are_no_images(source: Any) -> None:
    if isinstance(source, Mapping):
        raise DataError(
            f"images are given as a list or an array; got a mapping with {', '.join(map(str, source))[:80]}"
        )
    if is_pair(source):
        raise DataError("this is a pair (images, answers), and images alone are asked for here: give its first, x")
    if isinstance(source, Dataset) and not has_pictures(source.modality):
        raise DataError(f"{source.name} holds examples of {source.modality!r}, and images are what the model takes")


def _of_one(source: Any) -> Iterator[tuple[str, np.ndarray]]:
    """What a file, a picture in memory or an array holds."""
    if is_path(source):
        path = expanded(source)
        yield str(path), decode(path)
    elif is_picture(source):
        yield "0", decode(source_of_picture(source))
    else:
        yield from ((str(index), image) for index, image in enumerate(_from_array(source)))


def examples_for(modality: str, source: Any, *, strict: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield named examples of a modality from whatever the caller has, to be answered.

    Args:
        modality: what the model takes.
        source: as for `images`, or for `zoo.data.collecting.named_examples`.
        strict: refuse a list with a file that cannot be read, instead of skipping it.
    """
    return (
        images(source, strict=strict)
        if has_pictures(modality)
        else named_examples(source, kind_of(modality), strict=strict)
    )


def is_pair(source: Any) -> bool:
    """Return whether something is (images, answers): two of equal length, the second numbers or names of classes."""
    if not isinstance(source, tuple | list) or len(source) != 2:
        return False
    first, second = source
    if not all(hasattr(item, "__len__") and not is_path(item) and not is_picture(item) for item in source):
        return False
    if (is_array(first) and len(np.shape(first)) < 3) or len(first) != len(second) or isinstance(second, Mapping):
        return False
    return _are_answers(second)


def _are_answers(second: Any) -> bool:
    """Whether something is numbers, or names of classes and not of files."""
    try:
        answers = np.asarray(second)
    except ValueError:
        return False
    if answers.dtype.kind in "US":
        ends = picture_files().extensions
        return answers.ndim == 1 and not all(os.path.splitext(str(name))[1].lower() in ends for name in answers)
    return answers.dtype.kind in "uifb" and answers.ndim <= 2


def _several(members: Iterable[Any], strict: bool) -> Iterator[tuple[str, np.ndarray]]:
    read = skipped = 0
    for index, item in enumerate(members):
        try:
            for name, image in images(item, strict=strict):
                yield (name if is_path(item) else str(index)), image
                read += 1
        except UnreadableImageError as error:
            if strict:
                raise
            skipped += 1
            warnings.warn(f"skipped: {error}", ZooNotice, stacklevel=2)
            last = error
    if skipped and not read:
        raise last if skipped == 1 else DataError(f"none of the {skipped} images can be read; the last: {last}")


def _of_folder(path: Any) -> list[Any]:
    kinds = picture_files()
    files, _ = below(path, kinds)
    if not files:
        raise DataError(f"the folder {str(path)!r} holds no {kinds.words} ({', '.join(kinds.extensions)})")
    return files


def _from_array(source: Any) -> Iterator[np.ndarray]:
    array = np.asarray(source)
    if array.dtype.kind not in "uifb":
        raise DataError(
            "an image is a path, an array of numbers 0..255 with the shape (height, width, 3) or (n, height, width, "
            f"3), a Pillow image, or the bytes of a file; got {type(source).__name__}"
        )
    batch = as_batch(array, "the array", one=True)
    check_values(batch, "the array")
    for image in batch if batch.dtype == np.uint8 else batch.astype(np.float32):
        yield np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
