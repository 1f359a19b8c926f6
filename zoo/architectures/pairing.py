"""Decides which weights of a file belong to which layer of a network: by name, by order where names say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from zoo.architectures.h5_file import snake_case
from zoo.errors import WeightsError
from zoo.untrusted import shown


class Saved(NamedTuple):
    """One layer of the file: name and weights, as arrays or as datasets still in the file."""

    name: str
    weights: tuple[Any, ...]
    weight_names: tuple[str, ...] = ()

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each weight."""
        return [tuple(weight.shape) for weight in self.weights]


def paired(layers: Sequence[Any], saved: Sequence[Saved], path: Path) -> list[tuple[Any, Saved]]:
    """Pair the layers of a network with those of a file.

    Where every layer of the network stands in the file under its name, names decide, whatever the order. Names that
    Keras gave ("conv2d_12") count by their order, since their numbers depend on what was built before. Where no name
    is common, the order decides, as in Keras.

    Args:
        layers: the layers of the network that have weights, in order.
        saved: the layers of the file that have weights, in its order.
        path: the file, for errors.

    Returns:
        Pairs in the order of the network; layers without a partner are left out.

    Raises:
        WeightsError: names and order say different things, and neither can be trusted.
    """
    kinds = {snake_case(type(layer).__name__) for layer in layers}
    own = _comparable([layer.name for layer in layers], kinds)
    theirs = _comparable([entry.name for entry in saved], kinds)
    places = {name: place for place, name in enumerate(theirs)}
    if _distinct(own) and _distinct(theirs) and set(own) <= set(theirs):
        chosen = [places[name] for name in own]
        _check_order(own, chosen, layers, saved, path)
        return [(layer, saved[place]) for layer, place in zip(layers, chosen, strict=True)]
    _check_strangers(own, theirs, layers, saved, path)
    return list(zip(layers, saved, strict=False))


def _check_strangers(
    own: Sequence[str], theirs: Sequence[str], layers: Sequence[Any], saved: Sequence[Saved], path: Path
) -> None:
    """Refuse a pairing by order in which a name stands elsewhere on the other side."""
    strange = _elsewhere(own, theirs)
    if strange is not None:
        raise _contradiction(path, layers[strange], saved[strange])


def _check_order(
    own: Sequence[str], chosen: Sequence[int], layers: Sequence[Any], saved: Sequence[Saved], path: Path
) -> None:
    """Refuse names of Keras's own giving ("conv2d_12") whose order in the file is another one."""
    given = [at for at, name in enumerate(own) if name.startswith("#")]
    for before, at in pairwise(given):
        if chosen[at] < chosen[before]:
            raise _contradiction(path, layers[at], saved[chosen[at]])


def _contradiction(path: Path, layer: Any, entry: Saved) -> WeightsError:
    return WeightsError(
        f"{path} does not fit: names and order of its layers contradict each other, at {shown(entry.name)} of the file "
        f"and {layer.name!r} of the network. It was written by another network, or its layers were renamed; get the "
        f"file again, or save it from the network it is for."
    )


def _comparable(names: Iterable[str], kinds: set[str]) -> list[str]:
    """Names as both sides can be compared by: without slashes, those that Keras gave as "#kind:order"."""
    plain = [name.replace("/", "_") for name in names]
    numbers: dict[str, list[int]] = {}
    split = [_given(name, kinds) for name in plain]
    for item in split:
        if item is not None:
            numbers.setdefault(item[0], []).append(item[1])
    ranks = {kind: {number: rank for rank, number in enumerate(sorted(taken))} for kind, taken in numbers.items()}
    return [
        name if item is None else f"#{item[0]}:{ranks[item[0]][item[1]]}"
        for name, item in zip(plain, split, strict=True)
    ]


def _given(name: str, kinds: set[str]) -> tuple[str, int] | None:
    """Kind and number of a name that Keras gave; None for a name of the author's."""
    parts = re.fullmatch(r"(.+?)(?:_(\d{1,9}))?", name)
    if parts is None or parts[1] not in kinds:
        return None
    return parts[1], int(parts[2] or 0)


def ordered(layer: Any, variables: Sequence[Any], entry: Saved, path: Path) -> tuple[Any, ...]:
    """Return the weights of a layer of the file in the order of the layer's variables.

    Args:
        layer: the layer of the network.
        variables: its variables, in the order of the files of Keras.
        entry: the layer of the file.
        path: the file, for errors.

    Raises:
        WeightsError: names and order of its weights say different things.
    """
    own, theirs = [variable.name for variable in variables], list(entry.weight_names)
    if len(own) != len(theirs) or own == theirs or not _distinct(own) or not _distinct(theirs):
        return entry.weights
    if set(own) == set(theirs):
        return tuple(entry.weights[theirs.index(name)] for name in own)
    strange = _elsewhere(own, theirs)
    if strange is not None:
        raise WeightsError(
            f"{path} does not fit: in the layer {shown(entry.name)} the weight {shown(theirs[strange])} stands where "
            f"{own[strange]!r} of {layer.name!r} is read"
        )
    return entry.weights


def _elsewhere(own: Sequence[str], theirs: Sequence[str]) -> int | None:
    """The first place where the two sides differ in a name that stands elsewhere on the other side."""
    for place, (name, other) in enumerate(zip(own, theirs, strict=False)):
        if name != other and (name in theirs or other in own):
            return place
    return None


def _distinct(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)
