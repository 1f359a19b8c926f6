"""Which name on one side is which on the other: the one rule by which answers meet labels.

Both sides have names: matched by name, exactly or, where it is unique, but for case and the way accents are written.
Whole numbers that can be read as names and as positions: refused with both readings. No names on one side: by position.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from zoo.errors import DataError, did_you_mean
from zoo.printing import printable

UNNAMED = "value"
"""What `zoo.regressor` calls a value that nobody named."""


def folded(name: str) -> str:
    """Return a name without what may differ between two spellings of it: case, the form of accents, outer spaces."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def places(names: Sequence[str], labels: Sequence[str]) -> list[int | None]:
    """Return for each name its place among the labels, or None.

    A name that is not there exactly is looked up folded, where no two labels and no two names are the same that way.
    """
    exact = {label: place for place, label in reversed(list(enumerate(labels)))}
    keys = [folded(label) for label in labels]
    once = {key: keys.index(key) for key, count in Counter(keys).items() if count == 1}
    alike = Counter(folded(name) for name in dict.fromkeys(names))
    return [
        exact[name] if name in exact else once.get(folded(name)) if alike[folded(name)] == 1 else None for name in names
    ]


def match(names: Sequence[str], labels: Sequence[str], what: str) -> np.ndarray:
    """Return int64 places of names among labels; labels that no name means are allowed.

    Raises:
        DataError: a name that is not there; the message names what is unknown and what is missing.
    """
    there = places(names, labels)
    if None in there:
        raise DataError(misfit(what, names, labels))
    return np.array(there, np.int64)


def match_columns(names: Sequence[str], labels: Sequence[str], count: int, what: str) -> np.ndarray | None:
    """Return where the column of each label stands, int64, or None where there are no names: then by position.

    Args:
        names: of the columns, in order; () without any.
        labels: what the columns must answer.
        count: how many columns there are.
        what: the data, for errors.

    Raises:
        DataError: other names, or without names another number of columns.
    """
    if numbered(names) or numbered(labels) or (len(names) == 1 and tuple(labels) == (UNNAMED,)):
        if count != len(labels):
            raise DataError(
                f"{what} has {count} columns of answers, the head {len(labels)} ({listed(labels)}), and the columns "
                "have no names to tell which are which: give all of them, or a DataFrame whose columns have names"
            )
        return None
    there = places(labels, names)
    if None in there or len(names) != len(labels):
        raise DataError(
            misfit(what, names, labels) + " Every label needs its column: what is not there is not known to be 'no'."
        )
    return np.array(there, np.int64)


def numbered(names: Sequence[str]) -> bool:
    """Return whether names are none, or merely count from 0: that is what zoo calls columns without names."""
    return tuple(names) == tuple(map(str, range(len(names))))


def _numbers(labels: Sequence[str]) -> dict[int, int]:
    """The whole numbers among labels -> their places."""
    return {int(label): place for place, label in enumerate(labels) if re.fullmatch(r"-?\d+", label)}


def class_numbers(numbers: np.ndarray, labels: Sequence[str], what: str) -> np.ndarray:
    """Return the class index that each whole number means, int64 (n,), where labels can be numbers themselves.

    With labels "0", "1", "10", "2" the number 2 is the class "2" by name and the class "10" by position.

    Args:
        numbers: whole numbers (n,).
        labels: class names, in order; () if not known.
        what: the data or option, for errors.

    Raises:
        DataError: both readings are possible and differ.
    """
    numbers = numbers.astype(np.int64)
    by_name = _numbers(labels)
    used = np.unique(numbers).tolist()
    if not by_name or not by_name.keys() >= set(used) or all(by_name[number] == number for number in used):
        return numbers
    if all(0 <= number < len(labels) for number in used):
        odd = next(number for number in used if by_name[number] != number)
        raise DataError(
            f"{what}: whole numbers, and the labels are numbers in another order ({listed(labels)}). By name {odd} is "
            f'the class "{odd}", by position it is the class "{labels[odd]}". Give names as text: y.astype(str) if '
            "they are names, np.array(labels)[y] if they are positions"
        )
    return np.array([by_name[number] for number in numbers.tolist()], np.int64)


def misfit(what: str, names: Sequence[str], labels: Sequence[str]) -> str:
    """Return the message for names that do not fit labels: what is unknown, what is missing, what helps."""
    there = places(names, labels)
    unknown = [name for name, place in zip(names, there, strict=True) if place is None]
    missing = [label for place, label in enumerate(labels) if place not in there]
    text = f"{what}: the classes do not fit the labels."
    if unknown:
        text += f" Not among the labels: {listed(map(repr, unknown))}."
    if missing:
        text += f" Labels that the data lacks: {listed(map(repr, missing))}."
    pairs = _alike(unknown, labels)
    if pairs:
        return f"{text} Only the case differs, and of more than one: {listed(pairs)}; rename them."
    near = did_you_mean(unknown[0], missing) if unknown else ""
    return f"{text}{near} Rename the classes, or build the head from this data."


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Return the first of some names, and how many more there are."""
    shown = [printable(name) for name in names]
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")


def _alike(names: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Which label each name is but for the case of its letters, in words."""
    keys = {folded(label): label for label in labels}
    return [f"{name!r} is {keys[folded(name)]!r} there" for name in names if folded(name) in keys]
