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
from zoo.data.images import EXTENSIONS, UNREAD, Header, UnreadableImageError, decode, preview, read_header
from zoo.data.paths import existing, expanded, irregular
from zoo.errors import DataError
from zoo.specs import Output, Task

# What macOS puts into zip archives; all files in it are hidden.
_NOT_CLASSES = frozenset({"__MACOSX"})

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""Names that mean a split: of folders that hold class folders themselves, and in a table's column."""


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
        """Read a folder: class folders, or images without labels.

        Class folders are sorted by name; images are searched in all folders below a class folder. Hidden files and
        files that do not end like an image (`.jpg`, `.png`, ...) are ignored. A folder with `train` and, beside it,
        `validation` (`val`, `valid`) or `test`, each of them holding class folders, is read as one dataset with splits.

        Args:
            path: the folder.
            name: what to call it; default the folder's name.

        Raises:
            DataError: the path does not exist, is not a folder or cannot be read; no images; images beside class
                folders.
        """
        root = expanded(path)
        folders, images = _look(root)
        name = name or root.resolve().name
        if not folders:
            if not images:
                raise DataError(
                    f"{root} holds neither class folders nor images. Expected one folder per class with images in it "
                    f"({root.name}/daisy/a.jpg, ...), or images ({', '.join(EXTENSIONS[:6])}, ...)."
                )
            return cls(name, images, root=root)
        if images:
            raise DataError(
                f"{root} holds {len(images)} images (such as {images[0].name}) next to {len(folders)} class "
                f"folders (such as {folders[0].name}): what is their class? Move them into class folders, or give a "
                "folder without them."
            )
        return cls._from_splits(root, name, folders) or cls._from_classes(root, name, folders)

    @classmethod
    def _from_classes(cls, root: Path, name: str, folders: Sequence[Path]) -> Self:
        members = [images_below(folder) for folder in folders]
        if not any(members):
            raise DataError(
                f"{root}: none of its {len(folders)} folders holds an image "
                f"({', '.join(folder.name for folder in folders[:5])}, ...)"
            )
        return cls(
            name,
            [path for paths in members for path in paths],
            np.repeat(np.arange(len(folders)), [len(paths) for paths in members]),
            [folder.name for folder in folders],
            root=root,
        )

    @classmethod
    def _from_splits(cls, root: Path, name: str, folders: Sequence[Path]) -> Self | None:
        """The dataset if the folders are splits (train, validation, test) of class folders; else None."""
        split_of = [SPLIT_NAMES.get(folder.name.lower()) for folder in folders]
        known = [split for split in split_of if split]
        if "train" not in known or len(set(known)) != len(known):
            return None
        inside = [_look(folder)[0] for folder in folders]
        if not all(group for split, group in zip(split_of, inside, strict=True) if split):
            return None
        if None in split_of:
            strays = [folder.name for folder, split in zip(folders, split_of, strict=True) if not split]
            raise DataError(
                f"{root} holds class folders in splits ({', '.join(known)}) and beside them "
                f"{', '.join(map(repr, strays))}: is that a split or a class? Move it away, or give one of the folders "
                "inside."
            )
        labels = sorted({folder.name for group in inside for folder in group})
        for folder, group in zip(folders, inside, strict=True):
            lacking = sorted(set(labels) - {entry.name for entry in group})
            if lacking:
                raise DataError(
                    f"{folder} has no class folder {', '.join(map(repr, lacking))}; another split of {root} has"
                )
        paths: list[Path] = []
        targets: list[int] = []
        splits: dict[str, np.ndarray] = {}
        for split, group in zip(split_of, inside, strict=True):
            assert split is not None
            first = len(paths)
            for folder in group:
                found = images_below(folder)
                paths += found
                targets += [labels.index(folder.name)] * len(found)
            splits[split] = np.arange(first, len(paths))
        if not paths:
            raise DataError(f"{root}: no image in any of its class folders")
        return cls(name, paths, np.array(targets, np.int64), labels, root=root, splits=splits)

    def path(self, index: int) -> Path:
        """The file of an index."""
        return self._paths[int(self._rows[index])]

    def read(self, row: int) -> np.ndarray:
        """See `Dataset.read`."""
        return decode(self._paths[row])

    def digest(self, row: int) -> str:
        """The sha256 of the file's bytes."""
        path = self._paths[row]
        if reason := irregular(path):
            raise UnreadableImageError(str(path), reason)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableImageError(str(path), error.strerror or str(error)) from error

    def problem(self, row: int) -> str | None:
        """Why the file's header cannot be that of an image, or None."""
        try:
            self._headers[row] = read_header(self._paths[row])
        except UnreadableImageError as error:
            return error.reason
        return None

    def preview(self, row: int, side: int) -> Image.Image:
        """See `Dataset.preview`."""
        return preview(self._paths[row], side) if self._as_in_file else super().preview(row, side)

    def _known_header(self, row: int) -> Header | None:
        return super()._known_header(row) if self._as_in_file else None

    @property
    def _as_in_file(self) -> bool:
        """Whether an image is what its file holds; a subclass may cut or change it."""
        return type(self).read is ImageFiles.read


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
    answers = [label(path) for path in paths] if callable(label) else label
    if outputs and callable(label):
        strange = next((path for path, own in zip(paths, answers, strict=True) if not isinstance(own, Mapping)), None)
        if strange is not None:
            raise DataError(f"{name}: label({str(strange)!r}) must give a mapping with several answers")
        answers = {output.name: [own.get(output.name) for own in answers] for output in outputs}
    elif callable(label) and any(answer is None for answer in answers):
        strange = next(path for path, own in zip(paths, answers, strict=True) if own is None)
        raise DataError(f"{name}: label({str(strange)!r}) gave None; leave such files out of the list")
    if answers is None:
        return ImageFiles(name, paths)
    kind, targets, known = understand(answers, len(paths), tuple(labels), task, name, outputs)
    return ImageFiles(name, paths, targets, known, task=kind, outputs=outputs)


def _look(folder: Path) -> tuple[list[Path], list[Path]]:
    """The subfolders and the image files directly in a folder, each sorted by name; hidden ones left out."""
    try:
        with os.scandir(folder) as entries:
            visible = sorted(
                (entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name
            )
            folders = [Path(entry.path) for entry in visible if entry.is_dir() and entry.name not in _NOT_CLASSES]
            # A named pipe or device called x.jpg would block the reader for ever. A link to nowhere is a file that is
            # missing, and told.
            images = [
                Path(entry.path)
                for entry in visible
                if _is_image_name(entry.name) and (entry.is_file() or not os.path.exists(entry.path))
            ]
    except FileNotFoundError as error:
        raise DataError(f"there is no folder {folder} (looked from {Path.cwd()})") from error
    except NotADirectoryError as error:
        raise DataError(f"{folder} is a file, not a folder; give the folder that holds the class folders") from error
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read: {error.strerror or error}") from error
    return folders, images


def _is_image_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS + UNREAD


def images_below(folder: Path) -> list[Path]:
    """All image files in a folder and the folders in it, in a fixed order. A link back to a parent is not followed."""
    found: list[Path] = []
    open_folders = [(folder, frozenset({folder.resolve()}))]
    while open_folders:
        here, above = open_folders.pop()
        folders, images = _look(here)
        found += images
        for inner in folders:
            target = inner.resolve()
            if target not in above:
                open_folders.append((inner, above | {target}))
    return sorted(found)
