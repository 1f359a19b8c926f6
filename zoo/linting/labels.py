"""What labels and splits show: too few images, uneven classes, names that are nearly the same, groups on two sides."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from zoo.data import Dataset
from zoo.data.classes import class_answers, class_counts
from zoo.data.findings import Example, Finding, Severity
from zoo.data.modalities import FileKinds, files_of

FEW = 10
"""Fewer images of a class than this are too few to learn it from and to measure it."""

_VERY_FEW = 3
_UNEVEN = 5.0


def _parts(dataset: Dataset) -> dict[str, dict[str, list[int]]]:
    """Group -> part of the source's own split -> its examples there."""
    rows: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for name, members in dataset.splits.items():
        for index in members.tolist() if dataset.groups else ():
            if group := dataset.groups[index]:
                rows[group][name].append(index)
    return rows


def across_splits(dataset: Dataset) -> Finding | None:
    """Groups (a patient, a film) that the source itself has on two sides; a split that zoo makes keeps them on one."""
    across = [(group, parts) for group, parts in _parts(dataset).items() if len(parts) > 1]
    if not across:
        return None
    examples = []
    for group, parts in across:
        first, *others = (members[0] for members in parts.values())
        detail = f"{group}: {', '.join(f'{len(members)} in {name}' for name, members in parts.items())}"
        examples.append(Example(first, dataset.ids[first], detail, tuple(dataset.ids[index] for index in others)))
    count = len(across)
    return Finding(
        "groups across splits", "error",
        f"{count} of {len(set(dataset.groups) - {''})} groups {'is' if count == 1 else 'are'} on two sides of the "
        "source's own split",
        "What belongs together must not be trained on and measured on: fit leaves such "
        f"{files_of(dataset.modality).words} out of training; or "
        "take the source's split out (split='') and let zoo make one that keeps groups together",
        count, tuple(examples),
    )  # fmt: skip


def of_labels(dataset: Dataset, readable: np.ndarray) -> Iterable[Finding | None]:
    """Yield what labels show; `readable`: bool (n,), which images can be read."""
    if dataset.targets is None:
        return
    for labels in [output.labels for output in dataset.outputs] or [dataset.labels]:
        yield _same_but_case(dict.fromkeys(labels))  # two of ImageNet's classes are called crane
    good, kinds = dataset.subset(np.flatnonzero(readable)), files_of(dataset.modality)
    for _, names, classes in class_answers(good):
        counts = class_counts(classes, names)
        yield _few(counts, kinds)
        yield _uneven(counts, kinds, alone=not good.outputs)
        yield _missing(good, names, classes[:, None] == np.arange(len(names)))
    if good.task == "multilabel" and good.targets is not None:
        names = good.labels or tuple(str(number) for number in range(good.n_classes))
        yield _few(dict(zip(names, good.targets.sum(axis=0).astype(int).tolist(), strict=True)), kinds)
        yield _missing(good, names, good.targets > 0)


def _same_but_case(labels: Iterable[str]) -> Finding | None:
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        # Also the two ways to write an accent. What joins letters counts for nothing; -1, C++ and 1.5 are other names.
        plain = "".join(unicodedata.normalize("NFKC", label).casefold().split())
        alike[re.sub(r"(?<=[^\W\d_])[\W_]+(?=\w)", "", plain)].append(label)
    groups = [group for group in alike.values() if len(group) > 1]
    if not groups:
        return None
    return Finding(
        "names that differ only in case", "error",
        f"classes that differ in case, spaces or punctuation only: {'; '.join(' / '.join(g) for g in groups)}",
        "If they are one class, put their images into one folder", len(groups),
    )  # fmt: skip


def _few(counts: Mapping[str, int], kinds: FileKinds) -> Finding | None:
    few = {name: count for name, count in counts.items() if count < FEW}
    if not few:
        return None
    listed = ", ".join(f"{name} {count}" for name, count in sorted(few.items(), key=lambda item: item[1])[:10])
    more = f" and {len(few) - 10} more" if len(few) > 10 else ""
    severity: Severity = "error" if min(few.values()) < _VERY_FEW else "warning"
    return Finding(
        f"few {kinds.words}", severity,
        f"{'a class' if len(few) == 1 else f'{len(few)} classes'} with fewer than {FEW} readable {kinds.words}: "
        f"{listed}{more}",
        f"Too few to learn from, and to measure: add {kinds.words} or take the class out", len(few),
    )  # fmt: skip


def _uneven(counts: Mapping[str, int], kinds: FileKinds, *, alone: bool) -> Finding | None:
    present = {name: count for name, count in counts.items() if count}
    if len(present) < 2:
        return None
    largest, smallest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[largest] < _UNEVEN * present[smallest]:
        return None
    return Finding(
        "uneven classes", "warning",
        f"the classes are uneven: {largest} has {present[largest]} {kinds.words}, {smallest} {present[smallest]}",
        f"Always answering {largest} would be right {present[largest] / sum(present.values()):.0%} of the time: look "
        f"at the figures per class{', and consider class_weight' if alone else ''}", 1,
    )  # fmt: skip


def _missing(dataset: Dataset, names: Sequence[str], has: np.ndarray) -> Finding | None:
    """Args: has: bool (n, classes), what each image is."""
    kinds = files_of(dataset.modality)
    lacking = []
    for split, members in dataset.splits.items():
        absent = [name for name, there in zip(names, has[members].any(axis=0), strict=True) if not there]
        lacking += [f"{name} in {split}" for name in absent]
    if not lacking:
        return None
    shown = ", ".join(lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
    return Finding(
        "labels missing in a split", "error", f"classes without {kinds.an} in a split: {shown}",
        f"A class that is not there is neither learned nor measured: move some of its {kinds.words}", len(lacking),
    )  # fmt: skip
