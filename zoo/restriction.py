"""zoo.restrict: the untouched pretrained classifier limited to the user's classes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.building import build
from zoo.errors import OptionError, did_you_mean
from zoo.head_request import Restriction
from zoo.model import TransferModel
from zoo.plugin import registry
from zoo.specs import BackboneSpec, LabelSet

Classes = Sequence[str] | Mapping[str, Any]
"""Names of classes; or class -> what it means: a name, an index, or several of them."""

_SHOWN = 12


def restrict(
    backbone: str,
    classes: Classes,
    *,
    unknown: str = "error",
    weights: str | os.PathLike[str] = "pretrained",
    precision: str | None = None,
    progress: Any = None,
) -> TransferModel:
    """The classifier that came with the weights, limited to some classes: nothing is trained.

    Its probabilities are those of the classifier given that the answer is one of the classes: the softmax over their
    outputs alone; a class that means several outputs (all breeds of dog) has the sum of theirs.

    Args:
        backbone: a name whose weights come with a classifier (`zoo.backbones()`).
        classes: a list of names; or class -> what it means: one name or a list of them, so that
            `{"dogs": "dog", "cats": ["tabby", "tiger_cat"]}` has the classes of the user's folders. A name is a label
            (`golden_retriever`; case, spaces and a plural s do not matter), an id (`n02099601`), or a group of the
            label set (`dog`: all its breeds; `cat`, `bird` and so on). A number is an output.
        unknown: what becomes of a class that the classifier does not know: "error"; or "keep", as a class that is never
            the answer, as long as two are known.
        weights: as in `zoo.build`; a source or file with the classifier.
        precision: as in `zoo.build`.
        progress: called with (bytes done, bytes in all) while weights are fetched.

    Returns:
        A model with `predict`, `evaluate` and `save`; there is nothing to fit.

    Raises:
        OptionError: unknown classes, all of them listed; a name that means several; an output in two classes; a
            backbone without a classifier.
        WeightsError: the weights are missing, or have no classifier.
    """
    if unknown not in ("error", "keep"):
        raise OptionError(f"unknown= takes 'error' or 'keep'; got {unknown!r}")
    labels = label_set_of(backbone)
    members, strange = meanings(labels, classes)
    known = [name for name, places in members.items() if places]
    if strange and (unknown == "error" or len(known) < 2):
        raise OptionError(_unknown(labels, known, strange))
    if len(known) < 2:
        raise OptionError(f"a classifier needs at least two classes; got {', '.join(members) or 'none'}")
    return build(backbone, Restriction(members), weights=weights, precision=precision, progress=progress)


def label_set_of(backbone: str) -> LabelSet:
    """The classes of a backbone's own classifier.

    Raises:
        OptionError: it has none.
    """
    spec: BackboneSpec = registry().get("backbones", backbone).spec
    if spec.label_set is None:
        raise OptionError(f"{spec.name} was published without a classifier: there is nothing to restrict")
    labels: LabelSet = registry().get("label_sets", spec.label_set).spec
    return labels


def _meant(classes: Any) -> dict[Any, Any]:
    """Class -> what it means; a name in a list means itself."""
    if isinstance(classes, str) or not isinstance(classes, Mapping | Sequence):
        raise OptionError(f"classes are a list of names, or class -> what it means; got {classes!r}")
    return dict(classes) if isinstance(classes, Mapping) else {str(name): name for name in classes}


def meanings(labels: LabelSet, classes: Classes) -> tuple[dict[str, tuple[int, ...]], dict[str, list[str]]]:
    """Which outputs each class means.

    Args:
        labels: the classes of the classifier.
        classes: as for `restrict`.

    Returns:
        Class -> outputs, ascending, () where nothing of it is known; class -> its names that are unknown.

    Raises:
        OptionError: a name that means several outputs, an output in two classes, some names of a class unknown.
    """
    outputs: dict[str, tuple[int, ...]] = {}
    strange: dict[str, list[str]] = {}
    owner: dict[int, str] = {}
    book = _Book(labels)
    for name, meaning in _meant(classes).items():
        places: set[int] = set()
        for part in _parts(name, meaning):
            numbers = book.look_up(part)
            if not numbers:
                strange.setdefault(str(name), []).append(str(part))
            places.update(numbers)
        if places and name in strange:
            raise OptionError(_unknown(labels, [], {str(name): strange[name]}))
        for place in places:
            if place in owner:
                raise OptionError(f"{labels.labels[place]!r} is in two classes: {owner[place]!r} and {name!r}")
            owner[place] = str(name)
        outputs[str(name)] = tuple(sorted(places))
    return outputs, strange


def _parts(name: Any, meaning: Any) -> list[Any]:
    """What a class means, one by one: names and indices."""
    parts = list(meaning) if isinstance(meaning, list | tuple | set | frozenset) else [meaning]
    if not parts or not all(isinstance(part, str | int | np.integer) for part in parts):
        raise OptionError(f"class {name!r} means {meaning!r}: give a name, an index, or a list of them")
    return parts


class _Book:
    """Looks names up in a label set."""

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._ids = {name: index for index, name in enumerate(labels.ids)}
        self._named: dict[str, list[int]] = {}
        for index, name in enumerate(labels.labels):
            self._named.setdefault(_folded(name), []).append(index)

    def look_up(self, name: Any) -> Iterable[int]:
        """The outputs a name, an id or a number means; none if it is unknown.

        Raises:
            OptionError: a name of several, a number that is no output.
        """
        if isinstance(name, int | np.integer) and not isinstance(name, bool):
            return [self._checked(int(name))]
        if name in self._ids:
            return [self._ids[name]]
        folded = _folded(str(name))
        for form in dict.fromkeys((folded, folded.removesuffix("s"), folded.removesuffix("es"))):
            single = self._named.get(form, [])
            if len(single) > 1:
                raise self._ambiguous(name, single)
            if single:
                return single
            if form in self._labels.groups:
                return [place for first, last in self._labels.groups[form] for place in range(first, last + 1)]
        return []

    def _checked(self, number: int) -> int:
        if not 0 <= number < len(self._labels.labels):
            raise OptionError(f"outputs of {self._labels.name} are 0..{len(self._labels.labels) - 1}; got {number}")
        return number

    def _ambiguous(self, name: Any, outputs: Sequence[int]) -> OptionError:
        meant = ", ".join(self._labels.ids[index] if self._labels.ids else str(index) for index in outputs)
        return OptionError(f"{len(outputs)} classes of {self._labels.name} are called {name!r}: say {meant}")


def _folded(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def _unknown(labels: LabelSet, known: Sequence[str], strange: Mapping[str, Sequence[str]]) -> str:
    """The message that lists every class that is unknown, and what is known."""
    names = [
        name if list(parts) == [name] else f"{name} ({', '.join(parts)})" for name, parts in sorted(strange.items())
    ]
    first = next(iter(strange.values()))[0]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    also = f" Of these classes it knows {', '.join(known[:_SHOWN])}." if known else ""
    return (
        f"{labels.name} has no {shown}.{also}{did_you_mean(first, [*labels.labels, *labels.groups])} A class may mean "
        f"several of its labels, by name or group: {{'pets': ['cat', 'dog'], ...}}; groups: "
        f"{', '.join(labels.groups) or 'none'}"
    )
