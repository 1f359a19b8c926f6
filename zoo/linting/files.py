"""What files and their content show: unreadable, tiny, transparent, gray, almost black."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from zoo.data import Dataset
from zoo.data.findings import Finding
from zoo.linting.looks import Look
from zoo.linting.wording import finding_of, minority
from zoo.pictures.reading import Header

_TINY = 32
_NARROW = 4.0
"""Longer side / shorter side from which the center crop loses three quarters of a picture."""

_COLORLESS = 3
"""Largest difference between the channels of a picture without color: JPEG rounds."""


def of_files(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    """Yield what the headers of files show: unreadable, damaged, CMYK, transparent, 16 bits, rotated."""
    no_header = [i for i, look in enumerate(looks) if look.problem and look.header is None]
    undecoded = [i for i, look in enumerate(looks) if look.problem and look.header is not None]
    yield finding_of(
        dataset, "unreadable", "warning", no_header, "{n} of {all} files cannot be read as images",
        "They are skipped; replace or delete them", lambda i: looks[i].problem,
    )  # fmt: skip
    yield finding_of(
        dataset, "corrupt", "warning", undecoded, "{n} of {all} files begin like an image and cannot be decoded",
        "They are skipped; fetch them again, convert or delete them", lambda i: looks[i].problem,
    )  # fmt: skip
    headers = {i: look.header for i, look in enumerate(looks) if look.header is not None and not look.problem}

    def those(test: Callable[[Header], bool]) -> list[int]:
        return [index for index, header in headers.items() if test(header)]

    yield minority(
        dataset, "CMYK", those(lambda h: h.mode in ("CMYK", "YCCK")), "{n} of {all} pictures are in CMYK, for print",
        "Their colors are converted without a profile and may be off: save them as RGB",
    )  # fmt: skip
    yield minority(
        dataset, "transparent", those(lambda h: h.transparent), "{n} of {all} pictures can be transparent (alpha)",
        "Where they are, they are laid over white: see that this is what you want",
    )  # fmt: skip
    yield minority(
        dataset, "16 bits", those(lambda h: h.sixteen_bit), "{n} of {all} pictures have 16 bits a channel",
        "They are divided by 257: pictures that use a small part of the range come out almost black",
    )  # fmt: skip
    yield minority(
        dataset, "rotated by EXIF", those(lambda h: h.orientation != 1),
        "{n} of {all} pictures are stored rotated, with an EXIF note that says how to turn them",
        "zoo turns them upright; a program that ignores the note sees them lying",
        lambda i: f"EXIF orientation {headers[i].orientation}",
    )  # fmt: skip


def of_sizes(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    """Yield pictures that are tiny, or so long and narrow that a crop loses most of them."""
    seen = {index: look for index, look in enumerate(looks) if not look.problem and look.width}

    def those(test: Callable[[Look], bool]) -> list[int]:
        return [index for index, look in seen.items() if test(look)]

    def size(index: int) -> str:
        return f"{seen[index].width} x {seen[index].height} px"

    yield minority(
        dataset, "tiny", those(lambda x: min(x.width, x.height) < _TINY),
        f"{{n}} of {{all}} pictures have a side below {_TINY} px",
        "Made larger they hold no detail: are they thumbnails of the real ones?", size,
    )  # fmt: skip
    yield minority(
        dataset, "odd shape", those(lambda x: max(x.width, x.height) >= _NARROW * min(x.width, x.height)),
        f"{{n}} of {{all}} pictures are {_NARROW:g} times as long as wide, or more",
        "The center crop loses most of them: cut them yourself, or build with resize='pad'", size,
    )  # fmt: skip


def of_contents(dataset: Dataset, looks: Sequence[Look]) -> Iterable[Finding | None]:
    """Yield pictures that are almost black, of one color, or gray among colored ones."""
    seen = {index: look for index, look in enumerate(looks) if not look.problem}

    def those(test: Callable[[Look], bool]) -> list[int]:
        return [index for index, look in seen.items() if test(look)]

    dark = those(lambda x: x.largest <= 1)
    if all(seen[index].largest == 0 for index in dark):
        dark = []  # black pictures and nothing else
    yield finding_of(
        dataset, "almost black", "error", dark, "{n} of {all} pictures have no value above 1 of 255",
        "They look divided by 255 already (preprocessed twice): give values 0..255",
        lambda i: f"largest value {seen[i].largest}",
    )  # fmt: skip
    plain = [index for index in those(lambda x: x.contrast <= _COLORLESS) if index not in set(dark)]
    yield finding_of(
        dataset, "one color", "warning", plain, "{n} of {all} pictures are of one color all over",
        "There is nothing on them to learn from: delete them",
    )  # fmt: skip
    gray = [index for index in those(lambda x: x.color <= _COLORLESS) if index not in {*dark, *plain}]
    yield minority(
        dataset, "gray", gray, "{n} of {all} pictures are gray, the others in color",
        "If they are not spread evenly over the classes, the model may learn color instead of the class",
        largest_share=0.5,
    )  # fmt: skip
