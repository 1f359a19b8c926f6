"""Receipts: digests of every stage before and after each phase, which prove what trained and what did not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import FrozenError
from zoo.keras_internals import layers_inside
from zoo.specs import HEAD_STAGE, PhaseSpec
from zoo.specs.record import PhaseReport, ReceiptRow
from zoo.training.freeze import stages_that_train
from zoo.training.layers import is_batchnorm, named, places, training_items

if TYPE_CHECKING:
    from zoo.architectures import Stage
    from zoo.compose import Composition

WEIGHTS, BATCHNORM = "weights", "batchnorm"
"""The two parts of a stage: BatchNorm (gamma, beta, moving statistics), and everything else."""

OTHERS = "other layers"
"""What receipts call the rest of a stage of which single layers train."""

Digests = dict[str, dict[str, dict[str, str]]]
"""Stage (or "head") -> part -> layer -> sha256 of its weights."""


@dataclass(frozen=True)
class Receipt:
    """What became of one part of one stage in one phase.

    Attributes:
        phase: the phase.
        stage: a stage of the base, `stage/layer` where single layers train, or "head".
        part: "weights" or "batchnorm".
        trains: whether it was to move.
        before: sha256 of all its weights before the phase, as 64 hexadecimal digits.
        after: the same after the phase.
    """

    phase: str
    stage: str
    part: str
    trains: bool
    before: str
    after: str

    @property
    def moved(self) -> bool:
        """Whether a single bit changed."""
        return self.before != self.after

    @property
    def says(self) -> str:
        """In a word or two: "frozen", "trained", "stood still" (though it was to train) or "MOVED" (though frozen)."""
        if self.moved:
            return "trained" if self.trains else "MOVED"
        return "stood still" if self.trains else "frozen"


def take(composition: Composition) -> Digests:
    """The digests of everything that a fit could change."""
    digests: Digests = {}
    for place, part, key, item in _items(composition):
        digests.setdefault(place, {}).setdefault(part, {})[key] = _digest(item)
    return digests


def _items(composition: Composition) -> Iterator[tuple[str, str, str, Any]]:
    """Stage (or head), part, key and layer, of every layer with weights."""
    for place, layers in _places(composition).items():
        for index, (name, item) in enumerate(placed(layers)):
            yield place, BATCHNORM if is_batchnorm(item) else WEIGHTS, f"{index}:{name}", item


def _places(composition: Composition) -> dict[str, Sequence[Any]]:
    """The layers of each stage, and the head."""
    assert composition.head is not None
    return {stage.name: stage.layers for stage in composition.stages} | {HEAD_STAGE: [composition.head]}


def batchnorm(composition: Composition) -> dict[str, str]:
    """Layer -> digest, of every BatchNorm layer of the base."""
    return {name: digest for _, name, digest in _batchnorm(composition)}


def adapted(composition: Composition, before: Mapping[str, str]) -> list[str]:
    """The stages whose BatchNorm is not what it was, in order."""
    return list(dict.fromkeys(stage for stage, name, digest in _batchnorm(composition) if before[name] != digest))


def _batchnorm(composition: Composition) -> Iterator[tuple[str, str, str]]:
    """Stage, layer and digest of every BatchNorm layer of the base."""
    inside = [(stage.name, name, item) for stage in composition.stages for name, item in placed(stage.layers)]
    for index, (stage, name, item) in enumerate(inside):
        if is_batchnorm(item):
            yield stage, f"{index}:{name}", _digest(item)


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the layers whose weights are not what they were, or that are not there any more.

    Layers are compared by their place: names are others where a block of one's own does not keep its name in a file.

    Args:
        before: place and name, with a colon between them -> digest.
        after: the same, later.
    """
    now = {key.partition(":")[0]: digest for key, digest in after.items()}
    parts = [(*key.partition(":")[::2], digest) for key, digest in before.items()]
    return [name for place, name, digest in parts if now.get(place) != digest]


def meant(phase: PhaseSpec, stages: Sequence[str], place: str, part: str) -> bool:
    """Whether a phase is to move something of a part of a stage, by what it says and not by the flags of layers."""
    if place == HEAD_STAGE:
        return True
    return place in stages_that_train(stages, phase.unfreeze) and (part == WEIGHTS or phase.batchnorm != "frozen")


def meant_items(phase: PhaseSpec, stages: Sequence[Stage]) -> set[int]:
    """Return the ids of the layers of the base that a phase is to move, by what it says."""
    training = stages_that_train([stage.name for stage in stages], phase.unfreeze)
    items = training_items(stages, training, phase.unfreeze)
    if phase.batchnorm != "frozen":
        return items
    return items - {id(place.layer) for place in places(stages) if is_batchnorm(place.layer)}


@dataclass(frozen=True)
class _Part:
    """Some layers of one part of a stage: those that a phase is to move, or the others.

    Attributes:
        name: the stage; of one of which single layers train, that layer, or the rest.
        part: "weights" or "batchnorm".
        trains: whether the phase is to move it.
        keys: its layers, as `take` calls them.
    """

    name: str
    part: str
    trains: bool
    keys: tuple[str, ...]


def _parts(phase: PhaseSpec, composition: Composition) -> Iterator[_Part]:
    """What a phase moves and what it leaves; a stage of which single layers train is there as a whole first."""
    moving = meant_items(phase, composition.stages)
    paths = {id(place.layer): place.path for place in places(composition.stages)}
    keys: dict[tuple[str, str], list[str]] = {}
    moved: set[tuple[str, str]] = set()
    for place, part, key, item in _items(composition):
        names = [place]
        single = named(phase.unfreeze, place)
        if single:
            path = paths[id(item)]
            names.append(f"{place}/{next((name for name in single if f'{path}/'.startswith(f'{name}/')), OTHERS)}")
        for name in names:
            keys.setdefault((name, part), []).append(key)
            if place == HEAD_STAGE or id(item) in moving:
                moved.add((name, part))
    for (name, part), own in keys.items():
        yield _Part(name, part, (name, part) in moved, tuple(own))


def verify(phase: PhaseSpec, composition: Composition, before: Digests, after: Digests) -> None:
    """Check that nothing moved that was to stay as it was, bit for bit.

    Raises:
        FrozenError: a layer moved; the message names it.
    """
    moving = meant_items(phase, composition.stages)
    moved = [
        f"{layer!r} ({'BatchNorm' if part == BATCHNORM else part} of {place})"
        for place, part, key, item in _items(composition)
        if place != HEAD_STAGE and id(item) not in moving
        for layer in changed({key: before[place][part][key]}, after[place][part])
    ]
    if moved:
        raise FrozenError(
            f"phase {phase.name!r} moved {len(moved)} frozen layers, first {moved[0]}: the weights of this model are "
            f"no longer what they should be. A callback that sets weights or `trainable` does that; otherwise please "
            f"report it as a bug of zoo"
        )


def as_rows(phase: PhaseSpec, composition: Composition, before: Digests, after: Digests) -> tuple[ReceiptRow, ...]:
    """Return the receipts of a phase for its report.

    A stage of which single layers train has rows for these (`stage/layer`) and for the rest beside its own.
    """
    rows = []
    for item in _parts(phase, composition):
        place = item.name.partition("/")[0]
        digests = [{key: state[place][item.part][key] for key in item.keys} for state in (before, after)]
        rows.append(
            ReceiptRow.model_validate(
                {
                    "stage": item.name,
                    "part": item.part,
                    "trains": item.trains,
                    "before": _joined(digests[0]),
                    "after": _joined(digests[1]),
                }
            )
        )
    return tuple(rows)


def from_phases(phases: Iterable[PhaseReport]) -> list[Receipt]:
    """Return the receipts in the reports of phases."""
    return [Receipt(phase=phase.name, **dict(row)) for phase in phases for row in phase.receipts]


def problems(receipts: Sequence[Receipt]) -> list[str]:
    """What a row of receipts shows that should not be; empty if the run kept its word."""
    broken = [
        f"{item.phase}: {item.part} of {item.stage} moved though frozen" for item in receipts if item.says == "MOVED"
    ]
    last: dict[tuple[str, str], Receipt] = {}
    for item in _whole(receipts):
        earlier = last.get((item.stage, item.part))
        if earlier is not None and earlier.after != item.before:
            broken.append(f"{item.part} of {item.stage} changed between {earlier.phase} and {item.phase}")
        last[item.stage, item.part] = item
    return broken


def notices(phases: Iterable[PhaseReport]) -> list[str]:
    """What a user must hear of: what was to train and did not move."""
    listed = list(phases)
    back = {phase.name for phase in listed if phase.went_back}
    return [
        f"phase {item.phase!r} was to train the {item.part} of {item.stage}, and not a bit of it moved"
        for item in from_phases(listed)
        if item.says == "stood still" and item.part == WEIGHTS and item.phase not in back
    ]


def adapted_notice(stages: Sequence[str]) -> list[str]:
    """What a user must hear of a model whose BatchNorm adapted in these stages; nothing if there are none."""
    if not stages:
        return []
    return [
        f"BATCHNORM MOVED: gamma, beta and moving statistics of {', '.join(stages)} are no longer those of the "
        f"pretrained weights, because batchnorm='adapt' was asked for"
    ]


def ends(receipts: Sequence[Receipt]) -> dict[tuple[str, str], str]:
    """(stage, part) -> digest at the end of the run."""
    return {(item.stage, item.part): item.after for item in _whole(receipts)}


def _whole(receipts: Sequence[Receipt]) -> list[Receipt]:
    """The receipts of whole stages, which every phase has."""
    return [item for item in receipts if "/" not in item.stage]


def joined(digests: Digests) -> dict[tuple[str, str], str]:
    """(stage, part) -> digest, as in receipts."""
    return {(place, part): _joined(layers) for place, parts in digests.items() for part, layers in parts.items()}


def _joined(layers: Mapping[str, str]) -> str:
    return hashlib.sha256("\n".join(layers.values()).encode()).hexdigest()


def placed(layers: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the layers that have weights of their own, those inside others too, each with where it is.

    The place of a layer inside another is its number there: blocks of one's own give their parts automatic names, which
    are others when a file is loaded.
    """
    for layer in layers:
        for number, item in enumerate(layers_inside(layer)):
            if own_weights(item):
                yield (layer.name if number == 0 else f"{layer.name}/{number} ({type(item).__name__})"), item


def with_weights(layers: Iterable[Any]) -> Iterator[Any]:
    """Yield the layers that have weights of their own, those inside others too."""
    return (item for _, item in placed(layers))


def own_weights(layer: Any) -> list[Any]:
    """The weights of a layer, without those of layers inside it."""
    inside = {id(w) for item in layers_inside(layer, itself=False) for w in item.weights}
    return [weight for weight in layer.weights if id(weight) not in inside]


def _digest(layer: Any) -> str:
    """sha256 of the shapes, types and bytes of a layer's own weights."""
    value = hashlib.sha256()
    for weight in own_weights(layer):
        array = np.ascontiguousarray(np.asarray(weight))
        value.update(f"{array.dtype}{array.shape}".encode())
        value.update(array.tobytes())
    return value.hexdigest()
