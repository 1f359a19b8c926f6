"""What the folders of a data set mean: classes, splits of classes, or neither; what is left out is counted."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from zoo.data.findings import Finding
from zoo.data.listing import Listing, below, look
from zoo.data.modalities import FileKinds
from zoo.errors import DataError
from zoo.matching import listed, places
from zoo.pictures.reading import UnreadableImageError, read_header
from zoo.printing import printable

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
    **dict.fromkeys(("pred", "predict", "prediction", "unlabeled", "unlabelled"), "unlabeled"),
}
_FILLER = re.compile("set|seg|data|dataset|images?|imgs?|photos|pictures|split")
_FOLD = re.compile(r"(k?fold|cv)[ _-]?\d+", re.IGNORECASE)


def split_of(name: str) -> str:
    """Return "train", "validation", "test" or "unlabeled" for a name such as `seg_train` or `val2017`, else ""."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(set|data)$", "", name.lower()))
    meant = [word for word in words if not _FILLER.fullmatch(word)]
    return _SPLITS.get(meant[0], "") if len(meant) == 1 else ""


@dataclass
class Layout:
    """What a folder holds, as a data set.

    Attributes:
        labels: the classes; () if it holds examples without labels.
        paths: the files, or folders that are one example.
        targets: the class of each, as its place among the labels.
        splits: split -> places of its files.
        left_out: class -> ending -> number of files that have no ending of an example.
        findings: what a user should know of how it was read.
        kinds: which files are examples.
    """

    kinds: FileKinds
    labels: tuple[str, ...] = ()
    paths: list[Path] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    splits: dict[str, list[int]] = field(default_factory=dict)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def take(self, folder: Path, label: int, split: str = "") -> list[Path]:
        """Take all examples below a folder as those of a class; return the files that are none."""
        examples, others = below(folder, self.kinds)
        if split:
            self.splits.setdefault(split, []).extend(range(len(self.paths), len(self.paths) + len(examples)))
        self.paths += examples
        self.targets += [label] * len(examples)
        self.left_out.setdefault(self.labels[label], Counter()).update(map(_ending, others))
        return others


def read_layout(root: Path, kinds: FileKinds) -> Layout:
    """Read a folder: class folders, splits of class folders, or examples without labels.

    Raises:
        DataError: it is none of these, or can be read in two ways; the message names both.
    """
    listing = look(root, kinds)
    wrapped = _unwrapped(root, listing)
    if wrapped is not None:
        return read_layout(wrapped, kinds)
    if not listing.folders:
        if not listing.examples:
            raise DataError(_nothing(root, listing))
        return Layout(kinds, paths=listing.examples)
    if listing.examples:
        raise DataError(_strays(root, listing))
    _refuse_folds(root, listing.folders, kinds)
    layout = _of_splits(root, listing.folders, kinds) or _of_classes(listing.folders, kinds)
    if not layout.paths:
        raise DataError(_no_examples(root, listing.folders, layout))
    return layout


def _unwrapped(folder: Path, listing: Listing) -> Path | None:
    """The one folder in a folder that merely wraps it: `photos/photos/`, `seg_train/seg_train/`, `archive/train/`."""
    if listing.examples or len(listing.folders) != 1:
        return None
    (inner,) = listing.folders
    if folder.resolve().is_relative_to(inner.resolve()):
        return None  # a link back
    words = set(re.findall(r"[a-z]+", inner.name.lower()))
    if inner.name.casefold() == folder.resolve().name.casefold() or (words and all(map(_FILLER.fullmatch, words))):
        return inner
    splits = {split_of(child.name) for child in look(inner, listing.kinds).folders}
    return inner if "train" in splits and len(splits - {"", "train"}) >= 1 else None


def _of_classes(folders: Sequence[Path], kinds: FileKinds) -> Layout:
    layout = Layout(kinds, labels=tuple(folder.name for folder in folders))
    inside = [look(folder, kinds) for folder in folders]
    by_split = _hold_splits(inside)
    others: list[Path] = []
    for label, listing in enumerate(inside):
        if by_split:  # daisy/train, daisy/test
            for child in listing.folders:
                others += layout.take(child, label, split_of(child.name))
        else:
            others += layout.take(folders[label], label)
    layout.splits.pop("unlabeled", None)
    layout.findings += _left_out(others, kinds)
    return layout


def _hold_splits(classes: Sequence[Listing]) -> bool:
    """Whether every class folder holds nothing but splits, and some another one than "train"."""
    splits = [[split_of(child.name) for child in listing.folders] for listing in classes]
    nothing_else = all(inner and all(inner) and not c.examples for inner, c in zip(splits, classes, strict=True))
    return nothing_else and len({"train"}.union(*splits)) > 1


@dataclass(frozen=True)
class _Splits:
    """Folders, some of which are called as splits are.

    Attributes:
        root: the folder they are in.
        meant: folder -> "train", "validation", "test", "unlabeled", or "".
        inside: folder -> the class folders in it.
        kinds: which files are examples.
    """

    root: Path
    meant: Mapping[Path, str]
    inside: Mapping[Path, list[Path]]
    kinds: FileKinds

    @cached_property
    def known(self) -> list[Path]:
        """Those called as splits with labels are."""
        return [folder for folder, split in self.meant.items() if split and split != "unlabeled"]

    @cached_property
    def train(self) -> list[Path]:
        return [folder for folder in self.known if self.meant[folder] == "train"]

    @property
    def are_classes(self) -> bool:
        """Whether the folders are classes: one may be called train, beside bus and ship."""
        with_classes = any(self.inside[folder] for folder in self.known)
        return not self.known or (len(self.known) < len(self.meant) and not with_classes)

    @property
    def in_doubt(self) -> bool:
        """Whether a split has no class folders where it should."""
        without_any = not any(self.inside[folder] for folder in self.known)
        return without_any or bool(self.train and not self.inside[self.train[0]])

    @property
    def ambiguous(self) -> bool:
        """Whether two folders are the same split, or several are splits and none is "train"."""
        different = {self.meant[folder] for folder in self.known}
        return len(different) < len(self.known) or (not self.train and len(self.known) > 1)

    @cached_property
    def strays(self) -> list[Path]:
        """Those beside the splits that hold examples, and are neither splits nor unlabeled."""
        beside = [folder for folder in self.meant if folder not in self.known]
        labeled = [folder for folder in beside if self.meant[folder] != "unlabeled" or self.inside[folder]]
        return [folder for folder in labeled if below(folder, self.kinds)[0]]

    def two_readings(self) -> str:
        """Return the error that names both readings."""
        shown = "; ".join(
            f"{folder.name} with {len(self.inside[folder])} class folders"
            if self.inside[folder]
            else f"{folder.name} without any"
            for folder in self.known
        )
        return (
            f"{self.root} holds {shown}. If they are splits, each needs one folder per class, and one of them must be "
            "called train (or give one of them alone; files whose names say the class: zoo.from_files(files, label)). "
            "If they are classes, rename them, so that they do not read as splits."
        )


def _of_splits(root: Path, folders: Sequence[Path], kinds: FileKinds) -> Layout | None:
    """The data set if the folders are splits of class folders; None if they are classes."""
    inside = {folder: _class_folders(folder, kinds) for folder in folders}
    splits = _Splits(root, {folder: split_of(folder.name) for folder in folders}, inside, kinds)
    if splits.are_classes:
        return None
    strays = splits.strays
    if splits.in_doubt:
        if len(folders) == 1:
            return None
        raise DataError(splits.two_readings())
    if strays and not splits.train:
        return None
    if strays:
        raise DataError(
            f"{root} holds class folders in splits ({', '.join(splits.meant[folder] for folder in splits.known)}) and "
            f"beside them {', '.join(repr(folder.name) for folder in strays)}: is that a split or a class? Move it "
            "away, or give one of the folders inside."
        )
    if splits.ambiguous:
        raise DataError(splits.two_readings())
    return _splits_together(splits)


def _splits_together(splits: _Splits) -> Layout:
    inside, kinds = splits.inside, splits.kinds
    first = next(iter([*splits.train, *inside]))
    labels = tuple(folder.name for folder in inside[first])
    flat = [folder for folder in inside if not inside[folder] or _one_stranger(inside[folder], labels)]
    labeled = [folder for folder in inside if folder not in flat]
    names = sorted({child.name for folder in labeled for child in inside[folder]})
    more = {name for name in names if None in places([name], labels)}
    layout = Layout(kinds, labels=tuple(sorted({*labels, *more})))
    others: list[Path] = []
    for folder in labeled:
        for child, place in zip(inside[folder], _places_of_all(folder, splits, layout.labels), strict=True):
            others += layout.take(child, place, splits.meant[folder])
    layout.findings += _left_out(others, kinds)
    layout.findings += [_unlabeled(folder, kinds) for folder in flat]
    return layout


def _places_of_all(folder: Path, splits: _Splits, labels: Sequence[str]) -> list[int]:
    """The place among the labels of each class folder in a split, which must have all of them."""
    there = [place for place in places([child.name for child in splits.inside[folder]], labels) if place is not None]
    lacking = [label for place, label in enumerate(labels) if place not in there]
    if lacking:
        raise DataError(
            f"{folder} has no class folder {', '.join(map(repr, lacking))}; another split of {splits.root} has"
        )
    return there


def _unlabeled(folder: Path, kinds: FileKinds) -> Finding:
    count = len(below(folder, kinds)[0])
    return Finding(
        "unlabeled folder", "info",
        f"{folder.name} holds {count} {kinds.words} without class folders: they are left out",
        f"They can be neither learned nor measured; to name them: zoo predict {folder}", count,
    )  # fmt: skip


def _class_folders(folder: Path, kinds: FileKinds) -> list[Path]:
    """The folders in a split, seen through one that merely wraps them; [] if examples lie beside them."""
    listing = look(folder, kinds)
    inner = _unwrapped(folder, listing)
    if inner is not None:
        return _class_folders(inner, kinds)
    if listing.examples and listing.folders and split_of(folder.name) == "train":
        raise DataError(_strays(folder, listing))
    return [] if listing.examples else listing.folders


def _one_stranger(folders: Sequence[Path], labels: Sequence[str]) -> bool:
    """Whether a split holds one folder that is no class: `test/unknown`, as Keras wants pictures without labels."""
    return len(folders) == 1 and places([folders[0].name], labels) == [None]


def _refuse_folds(root: Path, folders: Sequence[Path], kinds: FileKinds) -> None:
    if len(folders) > 1 and all(_FOLD.fullmatch(folder.name) for folder in folders):
        inner = look(folders[0], kinds).folders
        within = f", with class folders ({listed(child.name for child in inner[:3])}, ...)" if inner else ""
        raise DataError(
            f"{root} holds {len(folders)} folders called {folders[0].name}, {folders[1].name}, ...{within}. If they "
            f"are folds of a cross-validation, give one of them ({folders[0]}) and hold another out "
            f"(validation={str(folders[1])!r}). If they are classes, rename them."
        )


def _ending(file: Path) -> str:
    return printable(file.suffix.lower()) or "no ending"


def endings(counts: Mapping[str, int]) -> str:
    """Return how many files have which ending: "4 .txt, 2 without an ending"."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} without an ending" if end == "no ending" else f"{count} {end}" for end, count in most]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more endings" if len(shown) > 5 else "")


def _left_out(files: Sequence[Path], kinds: FileKinds) -> Iterable[Finding]:
    if not files:
        return
    hidden = next((file for file in files[:64] if kinds.pictures and _is_picture(file)), None)
    count = len(files)
    such = f", and some are {kinds.words} by their content ({hidden.parent.name}/{hidden.name})" if hidden else ""
    verbs = ("file does", "is") if count == 1 else ("files do", "are")
    yield Finding(
        "left out", "warning" if hidden else "info",
        f"{count} {verbs[0]} not have the ending of {kinds.an} and {verbs[1]} left out "
        f"({endings(Counter(map(_ending, files)))}){such}",
        f"Rename those that are {kinds.words}: their ending must be one of {kinds.shown}", count,
    )  # fmt: skip


def _is_picture(file: Path) -> bool:
    try:
        read_header(file)
    except UnreadableImageError:
        return False
    return True


def _nothing(root: Path, listing: Listing) -> str:
    held = f" ({endings(Counter(map(_ending, listing.others)))})" if listing.others else ""
    words, end = listing.kinds.words, (listing.kinds.extensions or ("",))[0]
    return (
        f"{root} holds neither class folders nor {words}{held}. Expected one folder per class with {words} in it "
        f"({root.name}/daisy/a{end}, ...), or {words} ({listing.kinds.shown})."
    )


def _strays(folder: Path, listing: Listing) -> str:
    return (
        f"{folder} holds {len(listing.examples)} {listing.kinds.words} (such as {listing.examples[0].name}) next to "
        f"{len(listing.folders)} class folders (such as {listing.folders[0].name}): what is their class? Move them "
        "into class folders, or give a folder without them."
    )


def _no_examples(root: Path, folders: Sequence[Path], layout: Layout) -> str:
    counts: Counter[str] = sum(layout.left_out.values(), Counter())
    names = listed((folder.name for folder in folders), 5)
    words = layout.kinds.words
    held = f"hold {sum(counts.values())} files ({endings(counts)}) and no {words}" if counts else "are empty"
    return f"{root}: the {len(folders)} folders ({names}) {held} ({layout.kinds.shown})."


def why_unlabeled(name: str, source: str | None, kinds: FileKinds) -> str:
    """Return why there are no labels to learn from, and what was probably meant.

    Args:
        name: of the data.
        source: the path it was loaded by, or None.
        kinds: which files are examples.
    """
    needs = "Training needs one folder per class (photos/daisy/a.jpg, photos/roses/b.jpg, ...), a CSV file, or arrays"
    path = Path(source) if source else None
    if path is not None and path.is_file():
        return f"{path.name} is one {kinds.word}. {needs} (x, y). To name what is on it: zoo predict {path.name}"
    if path is not None and path.is_dir():
        beside = [folder for folder in look(path.parent, kinds).folders if look(folder, kinds).examples]
        if len(beside) > 1:
            return (
                f"{path} holds {kinds.words} but no class folders. Did you mean {path.parent}{os.sep} "
                f"({len(beside)} class folders)?"
            )
        return f"{path} holds {kinds.words} but no class folders. {needs} (x, y)."
    return f"{name} has no labels, so nothing can be learned from it. {needs} (x, y)."
