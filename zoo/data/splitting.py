"""Training, validation and test parts: by class, by content, the same again tomorrow."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zoo.data.classes import class_answers, class_counts
from zoo.data.dataset import Dataset
from zoo.errors import DataError, OptionError


@dataclass(frozen=True)
class Split:
    """Which images train, which choose, which judge.

    Attributes:
        train: int64 indices into the dataset, ascending.
        validation: indices held out to compare settings; may be empty.
        test: indices held out to the end; may be empty.
        notes: what a reader of the results should know: repeated images, images left out.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Group:
    """Images with the same content, or of the same group: they stay together."""

    key: str  # place in the shuffled order
    indices: tuple[int, ...]
    per_class: dict[int, int]  # class -> how many of the images


def split(dataset: Dataset, *, validation: float = 0.2, test: float = 0.0, seed: int = 0) -> Split:
    """Split a dataset by class and by content.

    Images with the same bytes never lie on two sides, also when they are in different classes, and neither do those of
    the same group where the dataset has groups (`Dataset.grouped`). The order in which
    images are taken is that of sha256(seed, sha256 of the image): it depends neither on names nor on the order of the
    files, and when files are added the old ones stay where they are, but for a few near the border. Every class with
    two or more different images has one in train and (if a share is asked for) one in validation. Data with several
    answers is split by the first of them that is a class, and the classes of the others are kept on both sides too,
    where that is possible; so are the labels of multilabel data. Regression, box and unlabeled data is split as
    one class.

    A split the source makes itself is kept: its "test" is the test part, its "validation" the validation part; what is
    missing is taken from the rest. Images (or groups) that the source has on two sides are taken out of training.

    Args:
        dataset: what to split; all its files are read once for their hashes.
        validation: share of the images (0 to below 1) or their number (an int, at least one of each class is taken);
            0 means none.
        test: the same for a test part.
        seed: another seed gives another split.

    Raises:
        OptionError: shares below 0, or together 1 or more.
        DataError: validation or test would be empty, or training would lack a class.
    """
    total = len(dataset)
    _check_sizes(validation, test, total)
    classes, sizes = _classes(dataset)
    hashes = dataset.hashes()
    keys = kept_together(hashes, dataset.groups)

    given = {part: set(indices.tolist()) for part, indices in dataset.splits.items()}
    held_out = given.get("test", set()) | given.get("validation", set())
    pool, leaked = _pool(given, held_out, keys)
    groups = _groups(pool, keys, classes, seed)
    picked: dict[str, set[int]] = {"test": set(), "validation": set()}
    if "test" not in given and test:
        both = validation and "validation" not in given
        picked["test"], groups = _take(groups, test, sizes, leave=2 if both else 1)
    if "validation" not in given and validation:
        share = validation
        if isinstance(validation, float) and picked["test"]:
            # The share is one of all images, also after the test part has been taken out of them.
            share = validation * len(pool) / max(1, len(pool) - len(picked["test"]))
        picked["validation"], groups = _take(groups, share, sizes, leave=1)
    result = Split(
        train=_sorted(index for group in groups for index in group.indices),
        validation=_sorted(given.get("validation", picked["validation"])),
        test=_sorted(given.get("test", picked["test"])),
        notes=_notes(dataset, hashes, classes, leaked),
    )
    _check_parts(result, dataset, validation, test)
    return result


def _pool(given: Mapping[str, set[int]], held_out: set[int], keys: Sequence[str]) -> tuple[list[int], list[int]]:
    """What training, and parts that are not given, are taken from; what is left out, being held out elsewhere too."""
    pool = sorted(given["train"] if "train" in given else set(range(len(keys))) - held_out)
    seen = {keys[index] for index in held_out}
    return [i for i in pool if keys[i] not in seen], [i for i in pool if keys[i] in seen]


def _classes(dataset: Dataset) -> tuple[list[tuple[int, ...]], list[int]]:
    """The classes of every image, one an answer, numbered on from answer to answer; how many each answer has.

    Of multilabel data all images are of one class, and the labels are what a second answer has any number of.
    """
    answers = [(true, len(names)) for _, names, true in class_answers(dataset)]
    if dataset.task == "multilabel" and dataset.targets is not None:
        return [(0, *(np.flatnonzero(row) + 1).tolist()) for row in dataset.targets], [1, dataset.targets.shape[1]]
    answers = answers or [(np.zeros(len(dataset), np.int64), 1)]
    sizes = [size for _, size in answers]
    starts = np.cumsum([0, *sizes[:-1]])
    numbered = [(true + start).tolist() for (true, _), start in zip(answers, starts, strict=True)]
    return list(zip(*numbered, strict=True)), sizes


def _check_sizes(validation: float, test: float, total: int) -> None:
    shares = []
    for name, size in (("validation", validation), ("test", test)):
        if isinstance(size, bool) or not isinstance(size, int | float | np.integer | np.floating):
            raise OptionError(f"{name} must be a share (0.2) or a number of images (100); got {size!r}")
        whole = isinstance(size, int | np.integer)
        if size < 0 or (not whole and size >= 1) or size != size:
            raise OptionError(f"{name} must be a share from 0 to below 1, or a whole number of images; got {size!r}")
        shares.append(size / max(total, 1) if whole else float(size))
    if sum(shares) >= 1:
        raise OptionError(f"validation={validation!r} and test={test!r} leave nothing of {total} images to train on")


def kept_together(hashes: Sequence[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Return a key for each image: equal for the same content or group, directly or by way of other images.

    It is the name of the groups, or without one the hash, so that it does not change when other files are added.
    """
    if not groups:
        return tuple(hashes)
    of_hash: dict[str, str] = {}  # content -> one of the groups that have it
    tied: dict[str, set[str]] = {}  # group -> all groups that it is one with; they share the set
    for digest, group in zip(hashes, groups, strict=True):
        if group:
            together = tied.get(group, {group}) | tied.get(of_hash.setdefault(digest, group), {group})
            for name in together:
                tied[name] = together
    return tuple(
        "|".join(sorted(tied[name])) if (name := group or of_hash.get(digest, "")) else digest
        for digest, group in zip(hashes, groups, strict=True)
    )


def _groups(pool: Iterable[int], keys: tuple[str, ...], classes: list[tuple[int, ...]], seed: int) -> list[_Group]:
    """The images of a pool, those with the same key together, in the shuffled order of the seed."""
    members: dict[str, list[int]] = defaultdict(list)
    for index in pool:
        members[keys[index]].append(index)
    groups = []
    for name, indices in members.items():
        per_class: dict[int, int] = defaultdict(int)
        for index in indices:
            for label in classes[index]:
                per_class[label] += 1
        key = hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
        groups.append(_Group(key, tuple(indices), dict(per_class)))
    return sorted(groups, key=lambda group: group.key)


def _take(groups: list[_Group], size: float, sizes: list[int], *, leave: int) -> tuple[set[int], list[_Group]]:
    """Take images out of groups: of every class its share, at least one, and `leave` different ones stay.

    The share is that of the first answer's classes; of those of the others, at least one is taken.

    Args:
        groups: what to take from, in order.
        size: share or number of images.
        sizes: how many classes each answer has.
        leave: how many different images of each class stay, of every answer.

    Returns:
        The indices taken, and the groups that remain, in order.
    """
    tally = _Tally.of(groups, size, sizes, leave)
    for group in groups:
        if tally.has_room(group):
            tally.take(group)
    # Classes that got none because each of their groups is larger than the quota: the smallest group, if another stays.
    for group in sorted(groups, key=lambda group: (len(group.indices), group.key)):
        if tally.lacks(group):
            tally.take(group)
    indices = {index for group in groups if group.key in tally.chosen for index in group.indices}
    return indices, [group for group in groups if group.key not in tally.chosen]


@dataclass
class _Tally:
    """What has been taken of each class, and what is left of it.

    Attributes:
        quota: images to take of each class.
        left: different images, or groups of them, that are not taken.
        leave: how many of those stay.
        taken: images taken.
        chosen: keys of the groups taken.
    """

    quota: np.ndarray
    left: np.ndarray
    leave: int
    taken: np.ndarray
    chosen: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, groups: Sequence[_Group], size: float, sizes: Sequence[int], leave: int) -> _Tally:
        """Return the tally before anything is taken; arguments as those of `_take`."""
        images = np.zeros(sum(sizes), np.int64)
        different = np.zeros(sum(sizes), np.int64)
        for group in groups:
            for label, count in group.per_class.items():
                images[label] += count
                different[label] += 1
        quota, first = images.copy(), sizes[0]
        quota[:first] = np.maximum(_quotas(images[:first], size), different[:first] > leave)
        return cls(quota, different, leave, np.zeros_like(images))

    def has_room(self, group: _Group) -> bool:
        """Whether a group fits into the quota of each of its classes."""
        fits = all(self.taken[label] + count <= self.quota[label] for label, count in group.per_class.items())
        return fits and self._another_stays(group)

    def lacks(self, group: _Group) -> bool:
        """Whether nothing is taken yet of a class that the group has."""
        lacking = any(self.quota[label] > 0 and self.taken[label] == 0 for label in group.per_class)
        return lacking and group.key not in self.chosen and self._another_stays(group)

    def _another_stays(self, group: _Group) -> bool:
        return all(self.left[label] > self.leave for label in group.per_class)

    def take(self, group: _Group) -> None:
        """Take a group."""
        self.chosen.add(group.key)
        for label, count in group.per_class.items():
            self.taken[label] += count
            self.left[label] -= 1


def _quotas(images: np.ndarray, size: float) -> np.ndarray:
    """How many images each class gives: its rounded share; a number of images is shared out by largest remainder."""
    if not isinstance(size, int | np.integer):
        return np.floor(images * float(size) + 0.5).astype(np.int64)
    exact = images * int(size) / max(1, int(images.sum()))
    quota = np.floor(exact).astype(np.int64)
    for label in np.argsort(quota - exact, kind="stable")[: int(size) - int(quota.sum())]:
        quota[label] += 1
    return quota


def _notes(
    dataset: Dataset, hashes: tuple[str, ...], classes: list[tuple[int, ...]], leaked: list[int]
) -> tuple[str, ...]:
    of_content: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for digest, label in zip(hashes, classes, strict=True):
        of_content[digest].add(label)
    notes = []
    repeated = len(hashes) - len(of_content)
    if repeated:
        notes.append(f"{repeated} of {len(hashes)} images repeat another one byte for byte; repeats stay on one side")
    mixed = sum(len(labels) > 1 for labels in of_content.values())
    if mixed and dataset.task != "multilabel":
        notes.append(
            f"{mixed} images lie in more than one class with the same bytes: their labels contradict each other"
        )
    if dataset.groups:
        notes.append(_groups_in_words(dataset.groups))
    if leaked:
        which = "are also in its held-out parts" + (", or others of their group are" if dataset.groups else "")
        notes.append(f"{len(leaked)} training images of the source {which}; not trained on")
    return tuple(notes)


def _groups_in_words(groups: Sequence[str]) -> str:
    alone = sum(not group for group in groups)
    words = f"{len(set(groups) - {''})} groups of images, each kept on one side"
    return words + (f"; {alone} images have none" if alone else "")


def _check_parts(parts: Split, dataset: Dataset, validation: float, test: float) -> None:
    for name, part, size in (("validation", parts.validation, validation), ("test", parts.test, test)):
        if size and not len(part):
            what = "groups" if dataset.groups else "images"
            needed = "three" if validation and test else "two"
            raise DataError(
                f"{dataset.name}: {name}={size!r} of {len(dataset)} images leaves the {name} part empty (a class "
                f"needs {needed} different {what} to be on every side). Add images, or use {name}=0."
            )
    _check_classes(parts, dataset)
    if not len(parts.train):
        raise DataError(f"{dataset.name}: nothing is left to train on; use a smaller validation part")


def _check_classes(parts: Split, dataset: Dataset) -> None:
    for what, names, classes in class_answers(dataset):
        lacking = [name for name, left in class_counts(classes[parts.train], names).items() if not left]
        if lacking:
            raise DataError(
                f"{what}: no image of {', '.join(map(repr, lacking[:10]))} is left to train on. "
                "Add images to it, take the class out, or use a smaller validation part."
            )


def _sorted(indices: Iterable[int]) -> np.ndarray:
    return np.array(sorted(indices), np.int64)
