"""Images in files: a folder of class folders, a flat folder, or a list of paths with a function that labels them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from zoo.data.answers import understand
from zoo.data.dataset import Dataset
from zoo.data.gathering import limited
from zoo.data.layouts import read_layout
from zoo.data.modalities import picture_files
from zoo.errors import DataError
from zoo.modality import Thumbnail
from zoo.paths import existing, expanded, irregular
from zoo.pictures.forms import THUMBNAIL, png_of
from zoo.pictures.reading import Header, UnreadableImageError, decode, preview, read_header
from zoo.specs import Output, Task


class ImageFiles(Dataset):
    """Images in files, decoded when they are asked for.

    Args:
        name: what reports call it.
        paths: one path per image.
        targets: see `Dataset`; None when unlabeled.
        labels: class names.
        ids: one name per image, where neither this nor `root` is what is wanted.
        root: folder that the ids are relative to; without it an id is the path as given.
        **options: task, splits, outputs and so on: see `Dataset`.
    """

    def __init__(
        self,
        name: str,
        paths: Sequence[str | os.PathLike[str]],
        targets: Any = None,
        labels: Sequence[str] = (),
        *,
        root: str | os.PathLike[str] | None = None,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self._paths = [Path(path) for path in paths]
        if ids is None:
            ids = [path.as_posix() if root is None else path.relative_to(root).as_posix() for path in self._paths]
        super().__init__(name, ids=ids, targets=targets, labels=labels, **options)

    @classmethod
    def from_folder(cls, path: str | os.PathLike[str], *, name: str | None = None) -> Self:
        """Read a folder: class folders, splits of class folders, or images without labels.

        Class folders are sorted by name; images are searched in all folders below a class folder. Hidden files and
        folders, and those of a system (`__MACOSX`, `@eaDir`, `$RECYCLE.BIN`), are passed over; files that do not end
        like an image (`.jpg`, `.png`, ...) are left out, counted in `left_out` and told in `reading`. A folder with
        `train` (`training_set`, `seg_train`) and, beside it, `validation` (`val`, `valid`) or `test`, is read as one
        dataset with splits where they hold class folders; images of a split without class folders are left out.

        Args:
            path: the folder.
            name: what to call it; default the folder's name.

        Raises:
            DataError: the path does not exist, is not a folder or cannot be read; no images; images beside class
                folders; folders that can be read in two ways.
        """
        root = expanded(path)
        layout = read_layout(root, picture_files())
        dataset = cls(
            name or root.resolve().name,
            layout.paths,
            np.array(layout.targets, np.int64) if layout.labels else None,
            layout.labels,
            root=root,
            splits={split: np.array(places, np.int64) for split, places in layout.splits.items()},
        )
        dataset.left_out = layout.left_out
        dataset.reading = tuple(layout.findings)
        return dataset

    def path(self, index: int) -> Path:
        """The file of an index."""
        return self._paths[int(self._rows[index])]

    def read(self, row: int) -> np.ndarray:
        """See `Dataset.read`."""
        return decode(self._paths[row])

    def digest(self, row: int) -> str:
        """The sha256 of the file's bytes."""
        return file_digest(self._paths[row])

    def problem(self, row: int) -> str | None:
        """Why the file's header cannot be that of an image, or None."""
        try:
            self._headers[row] = read_header(self._paths[row])
        except UnreadableImageError as error:
            return error.reason
        return None

    def show(self, row: int) -> Thumbnail:
        """See `Dataset.show`; a large file is not decoded whole."""
        return Thumbnail(png=png_of(self.preview(row, THUMBNAIL)))

    def preview(self, row: int, side: int) -> Image.Image:
        """See `Dataset.preview`."""
        return preview(self._paths[row], side) if self._as_in_file else super().preview(row, side)

    def _known_header(self, row: int) -> Header | None:
        return super()._known_header(row) if self._as_in_file else None

    @property
    def _as_in_file(self) -> bool:
        """Whether an image is what its file holds; a subclass may cut or change it."""
        return type(self).read is ImageFiles.read


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes.

    Raises:
        UnreadableImageError: it cannot be read.
    """
    if reason := irregular(path):
        raise UnreadableImageError(str(path), reason)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableImageError(str(path), error.strerror or str(error)) from error


def from_files(
    files: Iterable[str | os.PathLike[str]],
    label: Callable[[Path], Any] | Any = None,
    *,
    labels: Sequence[str] = (),
    task: Task | None = None,
    outputs: Sequence[Output] = (),
    name: str = "files",
) -> ImageFiles:
    """A dataset of image files in the order given, labeled by a function: `from_files(paths, lambda p: p.name[:3])`.

    Args:
        files: paths of image files; `Path("photos").rglob("*.jpg")`, say.
        label: from the path of a file to its answer: a class name or number, a value, values, a list of labels, or with
            `outputs` a mapping of several; or the answers themselves, one a file; None: unlabeled.
        labels: class names in the order wanted; default those found, sorted.
        task: what the answers are; default found out as of arrays: text is a class, a whole number a class number.
        outputs: the answers of a mapping.
        name: what reports call it.

    Raises:
        DataError: there is no such file, or the answers cannot be used.
    """
    if isinstance(files, str | os.PathLike):
        raise DataError(f"{name}: give a list of image files; got the single path {str(files)!r}")
    paths = [existing(expanded(file)) for file in limited(files)]
    if not paths:
        raise DataError(f"{name}: the list of image files is empty")
    missing = [str(path) for path in paths if not os.path.isfile(path)]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DataError(f"no such image file: {', '.join(missing[:3])}{more} (looked from {Path.cwd()})")
    answers = _answered(paths, label, outputs, name) if callable(label) else label
    if answers is None:
        return ImageFiles(name, paths)
    kind, targets, known = understand(answers, len(paths), tuple(labels), task, name, outputs)
    return ImageFiles(name, paths, targets, known, task=kind, outputs=outputs)


def _answered(paths: Sequence[Path], label: Callable[[Path], Any], outputs: Sequence[Output], name: str) -> Any:
    """What a function answers for each file; of several answers name -> what it answers for each.

    Raises:
        DataError: it gives None, or no mapping where there are several answers.
    """
    answers = [label(path) for path in paths]
    for path, own in zip(paths, answers, strict=True):
        if outputs and not isinstance(own, Mapping):
            raise DataError(f"{name}: label({str(path)!r}) must give a mapping with several answers")
        if own is None:
            raise DataError(f"{name}: label({str(path)!r}) gave None; leave such files out of the list")
    return {output.name: [own.get(output.name) for own in answers] for output in outputs} if outputs else answers
