"""Streams of batches (tf.data, keras PyDataset, generators), read once and kept: what has no end is refused."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.gathering import IMAGES_LIMIT, endless
from zoo.data.ranges import as_uint8, check_range
from zoo.data.spool import kept
from zoo.errors import DataError
from zoo.pictures.forms import rgb
from zoo.tasks import as_array


def is_stream(data: Any) -> bool:
    """Whether data is a tf.data.Dataset or a keras PyDataset; decided by name, so that neither is imported."""
    return _is_tf_data(data) or _is_py_dataset(data)


def read_stream(data: Any) -> tuple[Sequence[np.ndarray], Any]:
    """Read a stream once, so that images and answers stay together if it shuffles.

    Images are kept in memory, or on disk where they are more than `zoo.data.spool.IN_MEMORY`.

    Args:
        data: gives x or (x, y): see `zoo.data.arrays.from_stream`.

    Returns:
        The images as uint8 (height, width, channels), and their answers: an array, a mapping of arrays, or None.

    Raises:
        DataError: endless, empty, larger than the disk, or elements of another form.
    """
    answers: list[Any] = []

    def pictures() -> Iterator[np.ndarray]:
        for batch, y in stream_batches(data):
            answers.append(y)
            yield from batch

    name = type(data).__name__
    images = kept(pictures(), name)
    if not len(images):
        raise DataError(f"{name} is empty")
    return images, _joined(answers, name)


def changes_by_itself(data: Any, images: Sequence[np.ndarray]) -> bool:
    """Whether a stream that can be read again gives pictures that it did not give before: somebody augments in it.

    Its first batch is read again. A stream that shuffles gives pictures that were there before.

    Args:
        data: the stream.
        images: all of its pictures, as `read_stream` gave them.
    """
    if not is_stream(data):
        return False  # a generator is used up
    pictures, _ = next(iter(stream_batches(data)))
    known = {_digest(image) for image in images}
    return any(_digest(image) not in known for image in pictures)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()


def stream_batches(data: Any) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield the batches of a stream: pictures uint8 (n, height, width, channels), and answers or None.

    Raises:
        DataError: as for `read_stream`.
    """
    name = type(data).__name__
    elements, length = elements_of(data)
    count = 0
    repeats = Repeats()
    for x, y in _batches(elements, name):
        pictures = _as_uint8_batch(x, name)
        count += len(pictures)
        if length is None:
            if count > IMAGES_LIMIT:
                raise endless(name, IMAGES_LIMIT, _INSTEAD)
            period = repeats.period(pictures)
            if period:
                raise DataError(
                    f"{name} does not say where it ends, and gives the same {period} images over and over: {count:,} "
                    f"were read, zoo stops there. Remove `.repeat()`, or give {_INSTEAD}"
                )
        yield pictures, y


class Repeats:
    """Notices that a stream gives the same images in the same order again and again."""

    def __init__(self) -> None:
        self._digests: list[int] = []
        self._period = self._same = 0

    def period(self, pictures: np.ndarray) -> int:
        """Return after how many images a stream begins anew, once it did so often enough; before that 0.

        Args:
            pictures: the next batch.
        """
        digests = self._digests
        for image in pictures:
            digest = zlib.crc32(np.ascontiguousarray(image).tobytes())
            if self._period and digest == digests[len(digests) - self._period]:
                self._same += 1
            else:  # the image before which the first one comes again ends a period, if there is one
                self._period = len(digests) if digests and digest == digests[0] else 0
                self._same = 1 if self._period else 0
            digests.append(digest)
        enough = max(_ROUNDS * self._period, _FEWEST)
        return self._period if self._period and self._same >= enough else 0


_ROUNDS, _FEWEST = 20, 2000
"""A stream that gave the same images so many times over, and so many images in all, has no end."""

_INSTEAD = "`.take(n)`, or tf.data.experimental.assert_cardinality(n)"


def class_names_of(data: Any) -> tuple[str, ...]:
    """The classes by their numbers, as Keras notes them on what it reads from folders and tables; () if it does not."""
    names = getattr(data, "class_names", None)
    if names is not None and len(names):
        return tuple(map(str, names))
    numbers = getattr(data, "class_indices", None)
    if not isinstance(numbers, Mapping) or sorted(numbers.values()) != list(range(len(numbers))):
        return ()
    return tuple(map(str, sorted(numbers, key=numbers.__getitem__)))


def _is_tf_data(data: Any) -> bool:
    return hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def _is_py_dataset(data: Any) -> bool:
    return any(cls.__name__ == "PyDataset" and cls.__module__.startswith("keras") for cls in type(data).__mro__)


def elements_of(data: Any) -> tuple[Iterable[Any], int | None]:
    """Return what a stream gives, one element after the other, and how many there are; None where it does not say."""
    if _is_tf_data(data):
        count = int(data.cardinality())
        if count == -1:  # tf.data.INFINITE_CARDINALITY
            raise DataError("this tf.data.Dataset never ends: remove `.repeat()` or add `.take(n)`")
        return data.as_numpy_iterator(), count if count >= 0 else None
    if not _is_py_dataset(data):
        return data, None
    try:
        length = data.num_batches
    except (NotImplementedError, AttributeError, TypeError):
        length = None
    if length is None:
        raise DataError(
            f"{type(data).__name__} does not say how many batches it has (`__len__`); zoo must read it whole"
        )
    return (data[number] for number in range(length)), int(length)


def _batches(elements: Iterable[Any], name: str) -> Iterator[tuple[np.ndarray, Any]]:
    """Batches (x, y) of what a stream gives; y is None where it gives images only."""
    for element in elements:
        x, y = pair_of(element, name)
        x = as_array(x, f"{name}: images")
        # (height, width) or (height, width, 1 or 3) is one image; (n, height, width) is a batch of gray ones.
        single = x.ndim == 2 or (x.ndim == 3 and x.shape[2] in (1, 3, 4))
        if single and isinstance(y, Mapping):
            y = {key: [answer] for key, answer in y.items()}
        elif single and y is not None:
            y = [y]
        yield (x[None] if single else x), y


def _joined(batches: Sequence[Any], name: str) -> Any:
    """The answers of all batches behind one another: an array, of several answers a mapping of them; None if none."""
    none = [batch is None for batch in batches]
    if all(none):
        return None
    if any(none):
        raise DataError(f"{name} gives answers in some batches and none in others")
    mappings = [batch for batch in batches if isinstance(batch, Mapping)]
    if not mappings:
        return _end_to_end(batches, f"{name}: its answers")
    if len(mappings) < len(batches):
        raise DataError(f"{name}: its answers must be a mapping in every batch or in none")
    for batch in mappings:
        if set(batch) != set(mappings[0]):
            first, other = (", ".join(map(str, some)) for some in (mappings[0], batch))
            raise DataError(f"{name}: its answers must have the same entries in every batch; got {first}, then {other}")
    return {key: _end_to_end([batch[key] for batch in mappings], f"{name}: its answers {key!r}") for key in mappings[0]}


def _end_to_end(batches: Sequence[Any], what: str) -> np.ndarray:
    arrays = [as_array(batch, what) for batch in batches]
    if len({batch.shape[1:] for batch in arrays}) != 1:
        raise DataError(f"{what} have different shapes")
    return np.concatenate(arrays)


def pair_of(element: Any, name: str) -> tuple[Any, Any]:
    """Return an element of a stream as (x, y); y is None where it gives examples only.

    Raises:
        DataError: it is something else.
    """
    if isinstance(element, dict):
        raise DataError(
            f"{name} gives dicts with {', '.join(map(str, element))}; zoo needs (image, label): "
            ".map(lambda e: (e['image'], e['label']))"
        )
    if not isinstance(element, tuple | list):
        return element, None
    if len(element) == 1:
        return element[0], None
    if len(element) == 2:
        return element[0], element[1]
    raise DataError(f"{name} gives {len(element)} things at a time; zoo needs (image, label), without sample weights")


def _as_uint8_batch(batch: np.ndarray, name: str) -> np.ndarray:
    """Pictures (n, height, width[, channels]) as uint8 (n, height, width, channels), range checked."""
    if batch.ndim not in (3, 4) or (batch.ndim == 4 and batch.shape[3] not in (1, 2, 3, 4)):
        raise DataError(f"{name}: expected images (height, width, 1 or 3) or batches of them; got {batch.shape}")
    batch = rgb(batch if batch.ndim == 4 else batch[..., None])
    check_range(batch, name)
    return as_uint8(batch)
