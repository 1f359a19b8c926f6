"""Copies of images, byte for byte and nearly so: repeated, in another split, or under another label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from zoo.data import Dataset
from zoo.data.findings import Example, Finding
from zoo.data.modalities import files_of
from zoo.linting.looks import Look

_TINY = 32
"""Smaller pictures hold too little to tell copies from pictures that are merely alike; in px."""

_BITS = 12
_CORRELATION = 0.98
"""Near duplicates differ in at most 12 of the 128 bits of their difference hashes, and their 16 x 16 miniatures
correlate by 0.98 at least. Copies made smaller to 70 % and compressed again (quality 60) of 80 photos of flowers and
aerial scenes differ in 11 bits at most and correlate by 0.9803 at least; of six data sets (5,507 images) two pairs of
slices of computed tomography meet both, and no other pair."""

_BLOCK = 512


def near_copies(dataset: Dataset, looks: Sequence[Look], readable: np.ndarray) -> Iterable[Finding]:
    """Copies in other sizes or compressions."""
    # Thumbnails hold too little to tell copies from pictures that are merely alike.
    detailed = np.array([min(look.width, look.height) >= _TINY for look in looks], bool)
    where = np.flatnonzero(readable & detailed)
    if len(where) < 2:
        return
    hashes, seen = np.array(dataset.subset(where).hashes()), [looks[index] for index in where.tolist()]
    pairs = near_pairs(
        _stacked(look.bits for look in seen),
        _stacked(look.small for look in seen),
    )
    near = [(int(where[a]), int(where[b])) for a, b in pairs if hashes[a] != hashes[b]]
    groups = [sorted(group) for group in _joined(near)]
    yield from _copies(dataset, groups, exact=False)


def exact_copies(dataset: Dataset, readable: np.ndarray) -> list[Finding]:
    """Copies byte for byte."""
    where = np.flatnonzero(readable)
    same: dict[str, list[int]] = defaultdict(list)
    for index, digest in zip(where.tolist(), dataset.subset(where).hashes(), strict=True):
        same[digest].append(index)
    return _copies(dataset, [group for group in same.values() if len(group) > 1], exact=True)


def _stacked(arrays: Iterable[np.ndarray | None]) -> np.ndarray:
    return np.stack([array for array in arrays if array is not None])


def _copies(dataset: Dataset, groups: list[list[int]], *, exact: bool) -> list[Finding]:
    """Groups of copies: across splits, with different labels, and the others."""
    how = "byte for byte" if exact else "in other sizes or compressions, or nearly so"
    across, contrary, plain = [], [], []
    for group, names in zip(groups, _parts(dataset, groups), strict=True):
        labels = sorted({_label(dataset, index) for index in group})
        if len(names) > 1:
            across.append((group, f"in {' and '.join(names)}"))
        if len(labels) > 1:
            contrary.append((group, f"called {' and '.join(labels)}"))
        if len(names) < 2 and len(labels) < 2:
            plain.append((group, ""))
    kinds = ((_leakage, across), (_contradiction, contrary), (_duplicates, plain))
    return [make(dataset, copies, how, exact=exact) for make, copies in kinds if copies]


def _parts(dataset: Dataset, groups: list[list[int]]) -> list[list[str]]:
    """The parts of the source's own split that each group is in."""
    part_of = {int(index): name for name, members in dataset.splits.items() for index in members}
    return [sorted({part_of[index] for index in group if index in part_of}) for group in groups]


def _leakage(dataset: Dataset, groups: list[tuple[list[int], str]], how: str, *, exact: bool) -> Finding:
    return Finding(
        "leakage" if exact else "near leakage",
        "error",
        f"{_counted(dataset, groups, ' of one split')} in another one too, {how}",
        "What was trained on must not be measured on: delete the copies in the training part",
        len(groups),
        _examples(dataset, groups),
    )


def _contradiction(dataset: Dataset, groups: list[tuple[list[int], str]], how: str, *, exact: bool) -> Finding:
    return Finding(
        "contradicting labels" if exact else "near contradicting labels",
        "error" if exact else "warning",
        f"{_counted(dataset, groups)} there under different labels, {how}",
        "One of the labels is wrong: keep the right one",
        len(groups),
        _examples(dataset, groups),
    )


def _duplicates(dataset: Dataset, groups: list[tuple[list[int], str]], how: str, *, exact: bool) -> Finding:
    return Finding(
        "exact duplicates" if exact else "near duplicates",
        "info" if exact else "warning",
        f"{_counted(dataset, groups)} there more than once, {how}",
        "zoo keeps them on one side of every split; they count more than others"
        if exact
        else "A random split can put them on both sides, which makes the figures too good: delete all but one",
        len(groups),
        _examples(dataset, groups),
    )


def _examples(dataset: Dataset, groups: list[tuple[list[int], str]]) -> tuple[Example, ...]:
    return tuple(
        Example(group[0], dataset.ids[group[0]], detail, tuple(dataset.ids[i] for i in group[1:]))
        for group, detail in groups
    )


def _counted(dataset: Dataset, groups: Sequence[Any], where: str = "") -> str:
    """How many examples there are copies of, with the verb."""
    kinds = files_of(dataset.modality)
    return f"one {kinds.word}{where} is" if len(groups) == 1 else f"{len(groups)} {kinds.words}{where} are"


def near_pairs(bits: np.ndarray, small: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, later row) of pictures that are nearly the same: see `_BITS` and `_CORRELATION`.

    Args:
        bits: uint64 (n, 2), difference hashes.
        small: uint8 (n, 16, 16), the pictures in gray.
    """
    rows = small.reshape(len(small), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(bits), _BLOCK):
        block = bits[start : start + _BLOCK, None]
        distance = np.zeros((len(block), len(bits) - start), np.uint8)
        for word in range(bits.shape[1]):
            distance += np.bitwise_count(block[:, :, word] ^ bits[None, start:, word])
        first, second = (places + start for places in np.nonzero(distance <= _BITS))
        first, second = first[first < second], second[first < second]
        product = np.einsum("ij,ij->i", rows[first], rows[second])
        length = lengths[first] * lengths[second]
        alike = (product >= _CORRELATION * length) & (length > 0)
        pairs += zip(first[alike].tolist(), second[alike].tolist(), strict=True)
    return pairs


def _joined(pairs: Iterable[tuple[int, int]]) -> list[set[int]]:
    """The groups that pairs make."""
    group_of: dict[int, set[int]] = {}
    for a, b in pairs:
        group = group_of.get(a, {a}) | group_of.get(b, {b})
        for index in group:
            group_of[index] = group
    return list({id(group): group for group in group_of.values()}.values())


def _label(dataset: Dataset, index: int) -> str:
    if dataset.targets is None or dataset.task not in ("classification", "multilabel"):
        return ""  # values of two pictures differ for good reasons
    several = dataset.task == "multilabel"
    numbers = np.flatnonzero(dataset.targets[index]).tolist() if several else [int(dataset.targets[index])]
    return ", ".join(dataset.labels[number] if dataset.labels else str(number) for number in numbers) or "nothing"
