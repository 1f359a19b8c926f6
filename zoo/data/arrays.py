"""Images in memory: arrays, and streams of batches (tf.data, keras PyDataset) that are read once into memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from zoo.data.answers import has_names, understand
from zoo.data.dataset import Dataset, by_position, pixel_digest
from zoo.errors import DataError
from zoo.outputs import as_array
from zoo.specs import Output, Task

MEMORY_LIMIT = 4 * 2**30
"""Most bytes of uint8 pixels that a stream (tf.data, PyDataset) may fill: 4 GiB, 28,000 images of 224 x 224."""

_CHUNK = 1024


class Arrays(Dataset):
    """Images that are in memory already.

    Args:
        x: images as one array (n, height, width) or (n, height, width, 1 or 3), or a list of arrays (height, width) or
            (height, width, 1 or 3) of any sizes. Values 0..255, integer or float (floats are rounded). Gray becomes
            three equal channels. The array is neither copied nor written into.
        y: answers, or None, by the rules of `zoo.data.answers.understand`: class numbers or names, one-hot, zeros and
            ones or lists of labels for several labels, floats for values. A mapping from name to answers of these
            kinds: several answers at once, which `outputs` describes.
        labels: class names, by class number.
        name: what reports call it.
        task: what y is, instead of finding it out by the rules above; "box": x_min, y_min, x_max, y_max as shares 0..1.
        outputs: the answers of a mapping y (`zoo.specs.Output`); zoo's own verbs take those of the head.
        ids: one name per image; default "0", "1", ...
        splits: the source's own splits.

    Raises:
        DataError: shapes, lengths, values or answers that cannot be used.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        labels: Sequence[str] = (),
        name: str = "arrays",
        task: Task | None = None,
        ids: Sequence[str] | None = None,
        splits: Mapping[str, Any] | None = None,
        outputs: Sequence[Output] = (),
    ) -> None:
        self._images = _check_images(x, name)
        count = len(self._images)
        if ids is not None and len(ids) != count:
            raise DataError(f"{name}: {count} images and {len(ids)} ids")
        task, answers, labels = understand(y, count, tuple(labels), task, name, outputs, by_number=True)
        super().__init__(
            name,
            ids=ids if ids is not None else [str(number) for number in range(count)],
            targets=answers,
            labels=labels,
            task=task,
            splits=splits,
            outputs=outputs,
        )

    @classmethod
    def for_head(
        cls, x: Any, y: Any, labels: Sequence[str], task: Task | None, outputs: Sequence[Output], name: str = "arrays"
    ) -> Self:
        """Return images and answers in the order of a head's labels; arguments and errors as of the class.

        Numbers of classes that are names of other classes are refused: see `zoo.matching.class_numbers`.
        """
        dataset = cls(x, name=name)
        kind, answers, names = understand(y, len(dataset), tuple(labels), task, name, outputs)
        dataset.answer(answers, names, kind, outputs)
        return dataset if not labels or has_names(y) else dataset.noting(by_position(kind, labels))

    def read(self, row: int) -> np.ndarray:
        """See `Dataset.read`."""
        pixels = _as_uint8(self._images[row])
        return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels.copy()

    def at_hand(self, size: int) -> bool:
        """See `Dataset.at_hand`."""
        images = self._images
        return isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:3] == (size, size)

    def digest(self, row: int) -> str:
        """The sha256 of the pixels as uint8 and their shape."""
        return pixel_digest(_as_uint8(self._images[row]))


def from_stream(
    data: Any, labels: Sequence[str] = (), *, task: Task | None = None, outputs: Sequence[Output] = ()
) -> Arrays:
    """Read a tf.data.Dataset or keras PyDataset into memory, once: images and answers stay together if it shuffles.

    Args:
        data: gives x or (x, y): single images (height, width) or (height, width, 1 or 3), or batches of them, of any
            sizes; y as in `Arrays`, a mapping of several answers too.
        labels: class names by class number, unless the dataset has `class_names` of its own, which Keras sets.
        task: what y is, as in `Arrays`.
        outputs: the answers of a mapping y, as in `Arrays`.

    Raises:
        DataError: endless, empty, larger than `MEMORY_LIMIT`, or elements of another form.
    """
    name = type(data).__name__
    images: list[np.ndarray] = []
    answers: list[Any] = []
    filled = 0
    for x, y in _batches(data):
        pixels = _as_uint8_batch(x, name)
        filled += pixels.nbytes
        if filled > MEMORY_LIMIT:
            raise DataError(
                f"{name} holds more than {MEMORY_LIMIT / 2**30:.0f} GiB of pixels, and zoo reads it into memory: "
                "write the images into class folders and give the folder, or take fewer (`.take(n)`)"
            )
        images.extend(pixels)
        answers.append(y)
    if not images:
        raise DataError(f"{name} is empty")
    y, own = _joined(answers, name), _class_names(data)
    if own and y is not None and not outputs:
        return Arrays(images, y, labels=own, name=name, task=task)
    return Arrays.for_head(images, y, labels or own, task, outputs, name)


def _class_names(data: Any) -> tuple[str, ...]:
    """The classes by their numbers, as Keras notes them on what it reads from folders and tables; () if it does not."""
    names = getattr(data, "class_names", None)
    if names is not None and len(names):
        return tuple(map(str, names))
    numbers = getattr(data, "class_indices", None)
    if not isinstance(numbers, Mapping) or sorted(numbers.values()) != list(range(len(numbers))):
        return ()
    return tuple(map(str, sorted(numbers, key=numbers.__getitem__)))


def is_stream(data: Any) -> bool:
    """Whether data is a tf.data.Dataset or a keras PyDataset; decided by name, so that neither is imported."""
    return _is_tf_data(data) or _is_py_dataset(data)


# -- arrays -----------------------------------------------------------------------------------------------------------


def _check_images(x: Any, name: str) -> np.ndarray | list[np.ndarray]:
    if isinstance(x, list | tuple):
        images: Any = [np.asarray(image) for image in x]
        for number, image in enumerate(images):
            if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)) or 0 in image.shape:
                raise DataError(
                    f"{name}: image {number} has shape {image.shape}; "
                    "expected (height, width) or (height, width, 1 or 3)"
                )
    else:
        images = np.asarray(x)
        _check_shape(images, name)
    if len(images) == 0:
        raise DataError(f"{name}: there are no images")
    _check_values(images, name)
    return images


def _check_shape(x: np.ndarray, name: str) -> None:
    expected = f"{name}: expected images (n, height, width) or (n, height, width, 1 or 3); got {x.shape}"
    if x.ndim == 4 and x.shape[3] not in (1, 3):
        if x.shape[1] in (1, 3):
            raise DataError(f"{expected}, which looks channels first: x.transpose(0, 2, 3, 1) puts them last")
        if x.shape[3] == 4:
            raise DataError(f"{expected}, with a fourth channel: x[..., :3] drops it")
        raise DataError(expected)
    if x.ndim == 3 and x.shape[2] in (1, 3, 4):
        raise DataError(f"{expected}, which looks like a single image: x[None] makes it a batch of one")
    if x.ndim not in (3, 4) or 0 in x.shape[1:]:
        raise DataError(expected)


def _check_values(images: np.ndarray | list[np.ndarray], name: str) -> None:
    largest = 0.0
    for start in range(0, len(images), _CHUNK):
        part = images[start : start + _CHUNK]
        for block in part if isinstance(part, list) else [part]:
            largest = max(largest, _check_range(block, name))
            if block.dtype == np.uint8 and largest > 1 and isinstance(images, np.ndarray):
                return  # bytes cannot be out of range, and this one is not divided by 255: no need to read on
    if largest <= 1:
        warnings.warn(
            f"{name}: the largest pixel value is {largest:g}. zoo expects 0..255: these images look "
            "divided by 255 and will be almost black. Multiply them by 255.",
            UserWarning,
            stacklevel=2,
        )


def _check_range(block: np.ndarray, name: str) -> float:
    """The largest value of some pixels.

    Raises:
        DataError: not numbers, NaN, or outside 0..255.
    """
    if block.dtype.kind not in "uifb":
        raise DataError(f"{name}: pixels must be numbers 0..255; got {block.dtype}")
    lowest, highest = float(block.min()), float(block.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise DataError(f"{name}: there are pixels that are NaN or infinite")
    if lowest < 0 or highest > 255:
        hint = ""
        if lowest < 0 and highest <= 1.5:
            hint = " It looks scaled to -1..1: (x + 1) * 127.5 undoes that."
        elif lowest >= 0 and highest > 255:
            hint = " It looks like 16-bit data: x / 257 makes it 0..255."
        raise DataError(f"{name}: pixels must lie in 0..255, they go from {lowest:g} to {highest:g}.{hint}")
    return highest


def _as_uint8(image: np.ndarray) -> np.ndarray:
    """One image, checked before, as uint8 (height, width, channels)."""
    if image.dtype != np.uint8:
        image = np.rint(image).astype(np.uint8) if image.dtype.kind == "f" else image.astype(np.uint8)
    return image[:, :, None] if image.ndim == 2 else image


# -- streams ----------------------------------------------------------------------------------------------------------


def _is_tf_data(data: Any) -> bool:
    return hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def _is_py_dataset(data: Any) -> bool:
    return any(cls.__name__ == "PyDataset" and cls.__module__.startswith("keras") for cls in type(data).__mro__)


def _batches(data: Any) -> Iterator[tuple[Any, Any]]:
    """Batches (x, y) of a stream; y is None where it gives images only."""
    if _is_tf_data(data):
        if int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
            raise DataError("this tf.data.Dataset never ends: remove `.repeat()` or add `.take(n)`")
        elements: Iterable[Any] = data.as_numpy_iterator()
    else:
        length = getattr(data, "num_batches", None)
        if length is None:
            raise DataError(
                f"{type(data).__name__} does not say how many batches it has (`__len__`); zoo must read it whole"
            )
        elements = (data[number] for number in range(length))
    for element in elements:
        name = type(data).__name__
        x, y = _pair(element, name)
        x = as_array(x, f"{name}: images")
        # (height, width) or (height, width, 1 or 3) is one image; (n, height, width) is a batch of gray ones.
        single = x.ndim == 2 or (x.ndim == 3 and x.shape[2] in (1, 3))
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
    found = [as_array(batch, what) for batch in batches]
    if len({batch.shape[1:] for batch in found}) != 1:
        raise DataError(f"{what} have different shapes")
    return np.concatenate(found)


def _pair(element: Any, name: str) -> tuple[Any, Any]:
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
    """Pixels (n, height, width[, channels]) as uint8 (n, height, width, channels), range checked."""
    if batch.ndim == 3:
        batch = batch[..., None]
    if batch.ndim != 4 or batch.shape[3] not in (1, 3):
        raise DataError(f"{name}: expected images (height, width, 1 or 3) or batches of them; got {batch.shape}")
    if batch.size:
        _check_range(batch, name)
    return np.rint(batch).astype(np.uint8) if batch.dtype.kind == "f" else batch.astype(np.uint8)
