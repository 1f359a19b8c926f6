"""Looks at every image of a dataset for what goes wrong most often; no TensorFlow, seconds for thousands of files."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from zoo.data.dataset import Dataset, class_answers, class_counts
from zoo.data.findings import Example, Finding, Severity
from zoo.data.images import Header, UnreadableImageError
from zoo.data.pools import ordered_map
from zoo.errors import DataError

QUICK_CHECKS = (
    *("unreadable", "tiny", "odd shape", "transparent", "CMYK", "16 bits", "rotated by EXIF"),
    *("exact duplicates", "leakage", "groups across splits", "contradicting labels", "labels missing in a split"),
    *("few images", "uneven classes", "names that differ only in case"),
)
"""What shows without decoding a picture: headers, hashes of the files, labels."""

CHECKS = (*QUICK_CHECKS, "corrupt", "gray", "near duplicates", "almost black", "one color")
"""What `inspect` looks for."""

FEW = 10
"""Fewer images of a class than this are too few to learn it from and to measure it."""

_VERY_FEW = 3
_UNEVEN = 5.0
_TINY = 32
_NARROW = 4.0
"""Longer side / shorter side from which the center crop loses three quarters of a picture."""

_COLORLESS = 3
"""Largest difference between the channels of a picture without color: JPEG rounds."""

_BITS = 12
_CORRELATION = 0.98
"""Near duplicates differ in at most 12 of the 128 bits of their difference hashes, and their 16 x 16 miniatures
correlate by 0.98 at least. Copies made smaller to 70 % and compressed again (quality 60) of 80 photos of flowers and
aerial scenes differ in 11 bits at most and correlate by 0.9803 at least; of six data sets (5,507 images) two pairs of
slices of computed tomography meet both, and no other pair."""

_SIDE = 16
_BLOCK = 512


@dataclass(frozen=True)
class Look:
    """What a look at one image gives; of pixels only where it was decoded.

    Attributes:
        header: size, mode and so on; None for an image that is not a file.
        problem: why it cannot be read; "" if it can.
        width: in pixels, upright; 0 where it is not known.
        height: in pixels, upright.
        largest: largest pixel value, 0..255.
        contrast: largest minus smallest value, of the channel where they are furthest apart, 0..255.
        color: largest difference between the channels of a pixel, 0..255.
        bits: uint64 (2,), difference hash: is each cell brighter than its neighbor, 8 x 8 cells across and down.
        small: uint8 (16, 16), the picture in gray.
    """

    header: Header | None
    problem: str = ""
    width: int = 0
    height: int = 0
    largest: int = 0
    contrast: int = 0
    color: int = 0
    bits: np.ndarray | None = None
    small: np.ndarray | None = None


def inspect(dataset: Dataset, *, quick: bool = False) -> list[Finding]:
    """Look at every image once: its header, a small version of its pixels, its content's hash, its label.

    Args:
        dataset: what to look at; its own splits, if it has any, are compared.
        quick: decode nothing: only `QUICK_CHECKS` are made, from what training looks up anyway.

    Returns:
        What was found, in no particular order.
    """
    looks = _glance(dataset) if quick else ordered_map(lambda index: _look(dataset, index), range(len(dataset)))
    readable = np.array([not look.problem for look in looks], bool)
    found = [*_of_files(dataset, looks), *_of_sizes(dataset, looks), *_exact(dataset, readable)]
    if not quick:
        found += [*_of_pixels(dataset, looks), *_near(dataset, looks, readable)]
    found += [*dataset.reading, _across_splits(dataset), *_of_labels(dataset, readable)]
    return [finding for finding in found if finding is not None]


# -- one image --------------------------------------------------------------------------------------------------------


def _glance(dataset: Dataset) -> list[Look]:
    problems = dataset.unreadable()
    headers = ((index, dataset.header(index)) for index in range(len(dataset)))
    return [
        Look(header, problems.get(index, ""), *((header.width, header.height) if header else (0, 0)))
        for index, header in headers
    ]


def _look(dataset: Dataset, index: int) -> Look:
    header = dataset.header(index)
    try:
        picture = dataset.glimpse(index, 64)
        width, height = (header.width, header.height) if header else picture.size
    except UnreadableImageError as error:
        return Look(header, error.reason)
    except DataError as error:
        return Look(header, str(error))
    pixels = np.asarray(picture).astype(np.int16)
    gray = picture.convert("L")
    across = np.asarray(gray.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    down = np.asarray(gray.resize((8, 9), Image.Resampling.BOX)).astype(np.int16)
    brighter = np.concatenate([(np.diff(across, axis=1) > 0).ravel(), (np.diff(down, axis=0) > 0).ravel()])
    return Look(
        header,
        "",
        width,
        height,
        largest=int(pixels.max()),
        contrast=int((pixels.max(axis=(0, 1)) - pixels.min(axis=(0, 1))).max()),
        color=int((pixels.max(axis=2) - pixels.min(axis=2)).max()),
        bits=np.packbits(brighter).view(np.uint64),
        small=np.asarray(gray.resize((_SIDE, _SIDE), Image.Resampling.BOX)),
    )


# -- files ------------------------------------------------------------------------------------------------------------


def _of_files(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    no_header = [i for i, look in enumerate(looks) if look.problem and look.header is None]
    no_pixels = [i for i, look in enumerate(looks) if look.problem and look.header is not None]
    yield _finding(
        dataset, "unreadable", "warning", no_header, "{n} of {all} files cannot be read as images",
        "They are skipped; replace or delete them", lambda i: looks[i].problem,
    )  # fmt: skip
    yield _finding(
        dataset, "corrupt", "warning", no_pixels, "{n} of {all} files begin like an image and cannot be decoded",
        "They are skipped; fetch them again, convert or delete them", lambda i: looks[i].problem,
    )  # fmt: skip
    headers = {i: look.header for i, look in enumerate(looks) if look.header is not None and not look.problem}

    def those(test: Callable[[Header], bool]) -> list[int]:
        return [index for index, header in headers.items() if test(header)]

    yield _minority(
        dataset, "CMYK", those(lambda h: h.mode in ("CMYK", "YCCK")), "{n} of {all} pictures are in CMYK, for print",
        "Their colors are converted without a profile and may be off: save them as RGB",
    )  # fmt: skip
    yield _minority(
        dataset, "transparent", those(lambda h: h.transparent), "{n} of {all} pictures can be transparent (alpha)",
        "Where they are, they are laid over white: see that this is what you want",
    )  # fmt: skip
    yield _minority(
        dataset, "16 bits", those(lambda h: h.sixteen_bit), "{n} of {all} pictures have 16 bits a channel",
        "They are divided by 257: pictures that use a small part of the range come out almost black",
    )  # fmt: skip
    yield _minority(
        dataset, "rotated by EXIF", those(lambda h: h.orientation != 1),
        "{n} of {all} pictures are stored rotated, with an EXIF note that says how to turn them",
        "zoo turns them upright; a program that ignores the note sees them lying",
        lambda i: f"EXIF orientation {headers[i].orientation}",
    )  # fmt: skip


def _of_sizes(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    seen = {index: look for index, look in enumerate(looks) if not look.problem and look.width}

    def those(test: Callable[[Look], bool]) -> list[int]:
        return [index for index, look in seen.items() if test(look)]

    def size(index: int) -> str:
        return f"{seen[index].width} x {seen[index].height} pixels"

    yield _minority(
        dataset, "tiny", those(lambda x: min(x.width, x.height) < _TINY),
        f"{{n}} of {{all}} pictures have a side below {_TINY} pixels",
        "Made larger they hold no detail: are they thumbnails of the real ones?", size,
    )  # fmt: skip
    yield _minority(
        dataset, "odd shape", those(lambda x: max(x.width, x.height) >= _NARROW * min(x.width, x.height)),
        f"{{n}} of {{all}} pictures are {_NARROW:g} times as long as wide, or more",
        "The center crop loses most of them: cut them yourself, or build with resize='pad'", size,
    )  # fmt: skip


def _of_pixels(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    seen = {index: look for index, look in enumerate(looks) if not look.problem}

    def those(test: Callable[[Look], bool]) -> list[int]:
        return [index for index, look in seen.items() if test(look)]

    dark = those(lambda x: x.largest <= 1)
    if all(seen[index].largest == 0 for index in dark):
        dark = []  # black pictures and nothing else
    yield _finding(
        dataset, "almost black", "error", dark, "{n} of {all} pictures have no pixel above 1 of 255",
        "They look divided by 255 already (preprocessed twice): give pixels 0..255",
        lambda i: f"largest value {seen[i].largest}",
    )  # fmt: skip
    plain = [index for index in those(lambda x: x.contrast <= _COLORLESS) if index not in set(dark)]
    yield _finding(
        dataset, "one color", "warning", plain, "{n} of {all} pictures are of one color all over",
        "There is nothing on them to learn from: delete them",
    )  # fmt: skip
    gray = [index for index in those(lambda x: x.color <= _COLORLESS) if index not in {*dark, *plain}]
    yield _minority(
        dataset, "gray", gray, "{n} of {all} pictures are gray, the others in color",
        "If they are not spread evenly over the classes, the model may learn color instead of the class",
        largest_share=0.5,
    )  # fmt: skip


def _minority(
    dataset: Dataset,
    kind: str,
    which: list[int],
    message: str,
    advice: str,
    detail: Callable[[int], str] = lambda index: "",
    *,
    largest_share: float = 1.0,
) -> Finding | None:
    """A peculiarity: a warning where a few images have it, merely good to know where most do: then the data is so.

    Args:
        dataset: whose images they are.
        kind: see `Finding`.
        which: indices of the images.
        message: with `{n}` and `{all}`.
        advice: see `Finding`.
        detail: what to say of each.
        largest_share: from which share on it is not worth a word.
    """
    share = len(which) / max(len(dataset), 1)
    if share >= largest_share:
        return None
    return _finding(dataset, kind, "warning" if share < 0.2 else "info", which, message, advice, detail)


def _finding(
    dataset: Dataset,
    kind: str,
    severity: Severity,
    which: Sequence[int],
    message: str,
    advice: str,
    detail: Callable[[int], str] = lambda index: "",
) -> Finding | None:
    if not which:
        return None
    text = message.format(n=len(which), all=len(dataset))
    if len(which) == 1:
        text = text.replace(" pictures are ", " pictures is ").replace(" pictures have ", " pictures has ")
        text = text.replace(" files are ", " files is ").replace(" files begin ", " files begins ")
    return Finding(
        kind, severity, text, advice, len(which), tuple(Example(i, dataset.ids[i], detail(i)) for i in which)
    )


# -- copies -----------------------------------------------------------------------------------------------------------


def _near(dataset: Dataset, looks: Sequence[Look], readable: np.ndarray) -> Iterable[Finding]:
    """Copies in other sizes or compressions."""
    # Thumbnails hold too little to tell copies from pictures that are merely alike.
    detailed = np.array([min(look.width, look.height) >= _TINY for look in looks], bool)
    where = np.flatnonzero(readable & detailed)
    if len(where) < 2:
        return
    hashes, seen = np.array(dataset.subset(where).hashes()), [looks[index] for index in where.tolist()]
    pairs = near_pairs(
        np.stack([bits for look in seen if (bits := look.bits) is not None]),
        np.stack([small for look in seen if (small := look.small) is not None]),
    )
    near = [(int(where[a]), int(where[b])) for a, b in pairs if hashes[a] != hashes[b]]
    groups = [sorted(group) for group in _joined(near)]
    yield from _copies(dataset, groups, exact=False)


def _exact(dataset: Dataset, readable: np.ndarray) -> list[Finding]:
    """Copies byte for byte."""
    where = np.flatnonzero(readable)
    same: dict[str, list[int]] = defaultdict(list)
    for index, digest in zip(where.tolist(), dataset.subset(where).hashes(), strict=True):
        same[digest].append(index)
    return _copies(dataset, [group for group in same.values() if len(group) > 1], exact=True)


def _copies(dataset: Dataset, groups: list[list[int]], *, exact: bool) -> list[Finding]:
    """Groups of copies: across splits, with different labels, and the others."""
    how = "byte for byte" if exact else "in other sizes or compressions, or nearly so"
    part_of = {int(index): name for name, members in dataset.splits.items() for index in members}
    across, contrary, plain = [], [], []
    for group in groups:
        names = sorted({part_of[index] for index in group if index in part_of})
        labels = sorted({_label(dataset, index) for index in group})
        if len(names) > 1:
            across.append((group, f"in {' and '.join(names)}"))
        if len(labels) > 1:
            contrary.append((group, f"called {' and '.join(labels)}"))
        if len(names) < 2 and len(labels) < 2:
            plain.append((group, ""))
    kind = "" if exact else "near "
    found = []
    if across:
        found.append(
            Finding(
                f"{kind}leakage",
                "error",
                f"{_images(len(across))} of one split {'is' if len(across) == 1 else 'are'} in another one too, {how}",
                "What was trained on must not be measured on: delete the copies in the training part",
                len(across),
                _examples(dataset, across),
            )
        )
    if contrary:
        found.append(
            Finding(
                f"{kind}contradicting labels",
                "error" if exact else "warning",
                f"{_images(len(contrary))} {'is' if len(contrary) == 1 else 'are'} there under different labels, {how}",
                "One of the labels is wrong: keep the right one",
                len(contrary),
                _examples(dataset, contrary),
            )
        )
    if plain:
        advice = "zoo keeps them on one side of every split; they count more than others" if exact else (
            "A random split can put them on both sides, which makes the figures too good: delete all but one"
        )  # fmt: skip
        found.append(
            Finding(
                f"{kind or 'exact '}duplicates",
                "info" if exact else "warning",
                f"{_images(len(plain))} {'is' if len(plain) == 1 else 'are'} there more than once, {how}",
                advice,
                len(plain),
                _examples(dataset, plain),
            )
        )
    return found


def _examples(dataset: Dataset, groups: list[tuple[list[int], str]]) -> tuple[Example, ...]:
    return tuple(
        Example(group[0], dataset.ids[group[0]], detail, tuple(dataset.ids[i] for i in group[1:]))
        for group, detail in groups
    )


def _images(count: int) -> str:
    return "one image" if count == 1 else f"{count} images"


def near_pairs(bits: np.ndarray, small: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (row, later row) of pictures that are nearly the same: see `_BITS` and `_CORRELATION`.

    Args:
        bits: uint64 (n, 2), difference hashes.
        small: uint8 (n, 16, 16), the pictures in gray.
    """
    rows = small.reshape(len(small), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1)
    found: list[tuple[int, int]] = []
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
        found += zip(first[alike].tolist(), second[alike].tolist(), strict=True)
    return found


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


def _across_splits(dataset: Dataset) -> Finding | None:
    """Groups (a patient, a film) that the source itself has on two sides; a split that zoo makes keeps them on one."""
    rows: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for name, members in dataset.splits.items():
        for index in members.tolist() if dataset.groups else ():
            if group := dataset.groups[index]:
                rows[group][name].append(index)
    across = [(group, parts) for group, parts in rows.items() if len(parts) > 1]
    if not across:
        return None
    examples = []
    for group, parts in across:
        first, *others = (members[0] for members in parts.values())
        told = f"{group}: {', '.join(f'{len(members)} in {name}' for name, members in parts.items())}"
        examples.append(Example(first, dataset.ids[first], told, tuple(dataset.ids[index] for index in others)))
    count = len(across)
    return Finding(
        "groups across splits", "error",
        f"{count} of {len(set(dataset.groups) - {''})} groups {'is' if count == 1 else 'are'} on two sides of the "
        "source's own split",
        "What belongs together must not be trained on and measured on: fit leaves such images out of training; or "
        "take the source's split out (split='') and let zoo make one that keeps groups together",
        count, tuple(examples),
    )  # fmt: skip


# -- labels -----------------------------------------------------------------------------------------------------------


def _of_labels(dataset: Dataset, readable: np.ndarray) -> Iterable[Finding | None]:
    if dataset.targets is None:
        return
    for labels in [output.labels for output in dataset.outputs] or [dataset.labels]:
        yield _same_but_case(dict.fromkeys(labels))  # two of ImageNet's classes are called crane
    good = dataset.subset(np.flatnonzero(readable))
    for _, names, classes in class_answers(good):
        counts = class_counts(classes, names)
        yield _few(counts)
        yield _uneven(counts)
        yield _missing(good, names, classes[:, None] == np.arange(len(names)))
    if good.task == "multilabel" and good.targets is not None:
        names = good.labels or tuple(str(number) for number in range(good.n_classes))
        yield _few(dict(zip(names, good.targets.sum(axis=0).astype(int).tolist(), strict=True)))
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


def _few(counts: Mapping[str, int]) -> Finding | None:
    few = {name: count for name, count in counts.items() if count < FEW}
    if not few:
        return None
    listed = ", ".join(f"{name} {count}" for name, count in sorted(few.items(), key=lambda item: item[1])[:10])
    more = f" and {len(few) - 10} more" if len(few) > 10 else ""
    severity: Severity = "error" if min(few.values()) < _VERY_FEW else "warning"
    return Finding(
        "few images", severity, f"{'a class' if len(few) == 1 else f'{len(few)} classes'} with fewer than {FEW} "
        f"readable images: {listed}{more}",
        "Too few to learn from, and to measure: add images or take the class out", len(few),
    )  # fmt: skip


def _uneven(counts: Mapping[str, int]) -> Finding | None:
    present = {name: count for name, count in counts.items() if count}
    if len(present) < 2:
        return None
    largest, smallest = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
    if present[largest] < _UNEVEN * present[smallest]:
        return None
    return Finding(
        "uneven classes", "warning",
        f"the classes are uneven: {largest} has {present[largest]} images, {smallest} {present[smallest]}",
        f"Always answering {largest} would be right {present[largest] / sum(present.values()):.0%} of the time: look "
        "at the figures per class, and consider class_weight", 1,
    )  # fmt: skip


def _missing(dataset: Dataset, names: Sequence[str], has: np.ndarray) -> Finding | None:
    """Args: has: bool (n, classes), what each image is."""
    lacking = []
    for split, members in dataset.splits.items():
        absent = [name for name, there in zip(names, has[members].any(axis=0), strict=True) if not there]
        lacking += [f"{name} in {split}" for name in absent]
    if not lacking:
        return None
    shown = ", ".join(lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
    return Finding(
        "labels missing in a split", "error", f"classes without an image in a split: {shown}",
        "A class that is not there is neither learned nor measured: move some of its images", len(lacking),
    )  # fmt: skip
