"""Images that are at hand: arrays, and streams of batches (tf.data, keras PyDataset) that are read once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from zoo.data.answers import has_names, understand
from zoo.data.dataset import Dataset
from zoo.data.gathering import MEMORY_LIMIT, gathered, is_array, too_large
from zoo.data.ranges import as_uint8, check_values
from zoo.data.relabeling import by_position
from zoo.data.spool import Spool
from zoo.data.streams import changes_by_itself, class_names_of, read_stream
from zoo.errors import DataError
from zoo.pictures.forms import as_batch, digest_of_picture, picture
from zoo.registry import ZooNotice
from zoo.specs import Output, Task


class Arrays(Dataset):
    """Images that are in memory already.

    Args:
        x: images as one array (n, height, width) or (n, height, width, 1 or 3), or a list of pictures of any sizes:
            arrays (height, width) or (height, width, 1 or 3), Pillow images, bytes of files, paths. Values 0..255,
            integer or float (floats are rounded). Gray becomes three equal channels; with transparency (2 or 4
            channels) they are laid over white. The array is neither copied nor written into.
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
        array = as_uint8(self._images[row])
        return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array.copy()

    def at_hand(self, shape: tuple[int, ...]) -> bool:
        """See `Dataset.at_hand`."""
        images = self._images
        return isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:3] == shape[:2]

    def digest(self, row: int) -> str:
        """The sha256 of the image as uint8 values, and of its shape."""
        return digest_of_picture(as_uint8(self._images[row]))


def from_stream(
    data: Any, labels: Sequence[str] = (), *, task: Task | None = None, outputs: Sequence[Output] = ()
) -> Arrays:
    """Read a tf.data.Dataset, a keras PyDataset or a generator once: see `zoo.data.streams`.

    Its pictures are kept in memory, or on disk where they are more than 32 MiB: memory does not grow with the stream.

    Args:
        data: gives x or (x, y): single images (height, width) or (height, width, 1 or 3), or batches of them, of any
            sizes; y as in `Arrays`, a mapping of several answers too.
        labels: class names in the order wanted. The names that the stream has of its own (`class_names`, which Keras
            sets, or `class_indices`) say what its numbers mean.
        task: what y is, as in `Arrays`.
        outputs: the answers of a mapping y, as in `Arrays`.

    Raises:
        DataError: endless, empty, larger than the disk, or elements of another form.
    """
    name = type(data).__name__
    images, y = read_stream(data)
    if changes_by_itself(data, images):
        warnings.warn(
            f"{name} gives other pictures each time it is read: it augments, or draws at random. They are taken as "
            f"they came this time, and what is held out is measured on changed pictures too. To keep validation clean "
            f"give the stream without `.map(augmentation)`, and zoo.build(..., augment=[augmentation])",
            ZooNotice,
            stacklevel=4,
        )
    own = class_names_of(data)
    if own and y is not None and not outputs:
        return Arrays(images, y, labels=own, name=name, task=task)
    return Arrays.for_head(images, y, labels or own, task, outputs, name)


def _check_images(x: Any, name: str) -> np.ndarray | Sequence[np.ndarray]:
    members = None if isinstance(x, Spool) else gathered(x)
    if isinstance(x, Spool):
        images: Any = x
    elif members is None:
        images = as_batch(np.asarray(x), name)
    else:
        images, filled = [], 0
        for number, item in enumerate(members):
            images.append(picture(item, f"{name}: image {number}"))
            filled += images[-1].nbytes if not is_array(item) else 0
            if filled > MEMORY_LIMIT:
                raise too_large(name)
    if len(images) == 0:
        raise DataError(f"{name}: there are no images")
    check_values(images, name)
    return images
