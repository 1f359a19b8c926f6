"""What trains, stage by stage: layers, parameters, learning rate, BatchNorm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.keras_internals import trainable_by_kind
from zoo.specs import HEAD_STAGE, PhaseSpec
from zoo.specs.record import PhaseReport
from zoo.table import Table
from zoo.training.layers import is_batchnorm, places
from zoo.training.receipts import BATCHNORM, WEIGHTS, Receipt, meant_items, own_weights, with_weights
from zoo.training.recipes.choosing import rates

if TYPE_CHECKING:
    from zoo.compose import Composition

COLUMNS = ("stage", "layers", "parameters", "trainable", "learning_rate", "batchnorm")


def trainable_report(composition: Composition, phase: PhaseSpec | None = None) -> Table:
    """One row for each stage of the base, from the input upward, and one for the head.

    Args:
        composition: the model.
        phase: as it will be in this phase (resolved); None: as the layers' own flags say now.

    Returns:
        Rows of: stage; layers (those with weights); parameters; trainable (how many of them); learning_rate (peak, of
        the phase; None where nothing trains); batchnorm ("none", "frozen" or "trains").
    """
    stages = [stage.name for stage in composition.stages]
    groups: dict[str, Sequence[Any]] = {stage.name: stage.layers for stage in composition.stages}
    if composition.head is not None:
        groups[HEAD_STAGE] = [composition.head]
    factors = {} if phase is None else rates(phase, stages)
    still = _still(composition, phase)
    rows = []
    for place, layers in groups.items():
        items = list(with_weights(layers))
        learns = [0 if id(item) in still else _learning(item, phase is None) for item in items]
        trainable = sum(learns)
        rows.append(
            {
                "stage": place,
                "layers": len(items),
                "parameters": sum(_size(weight) for item in items for weight in own_weights(item)),
                "trainable": trainable,
                "learning_rate": phase.learning_rate * factors[place] if phase is not None and trainable else None,
                "batchnorm": _of_norms(items, learns),
            }
        )
    title = "as it is now" if phase is None else f"in phase {phase.name!r}"
    return Table(rows, columns=list(COLUMNS), title=f"what trains, {title}")


def _still(composition: Composition, phase: PhaseSpec | None) -> set[int]:
    """The ids of the layers of the base that a phase leaves as they are."""
    if phase is None:
        return set()
    return {id(place.layer) for place in places(composition.stages)} - meant_items(phase, composition.stages)


def _of_norms(items: Sequence[Any], learns: Sequence[int]) -> str:
    """What the BatchNorm layers among some do: none, frozen, trains."""
    counts = [count for item, count in zip(items, learns, strict=True) if is_batchnorm(item)]
    if not counts:
        return "none"
    return "trains" if any(counts) else "frozen"


def _learning(item: Any, now: bool) -> int:
    """How many numbers of a layer learn where it trains; now: as its own flags say."""
    return sum(_size(weight) for weight in own_weights(item) if _learns(item, weight, now))


def parameters(composition: Composition, receipts: Iterable[Receipt]) -> dict[str, int]:
    """How many parameters a model has in all, and how many of them a run trained.

    Args:
        composition: the model.
        receipts: of the run.

    Returns:
        `{"total": ..., "trained": ...}`; statistics of BatchNorm count in the total only.
    """
    listed = list(receipts)
    split = {(item.phase, item.stage.partition("/")[0]) for item in listed if "/" in item.stage}
    moving = {(item.stage, item.part) for item in listed if item.trains and (item.phase, item.stage) not in split}
    trained: dict[int, int] = {}
    if composition.head is not None and (HEAD_STAGE, WEIGHTS) in moving:
        trained = {id(item): _learning(item, False) for item in with_weights([composition.head])}
    for place in places(composition.stages):
        part = BATCHNORM if is_batchnorm(place.layer) else WEIGHTS
        names = [place.stage, *(f"{place.stage}/{path}" for path in _outward(place.path))]
        if any((name, part) in moving for name in names):
            trained[id(place.layer)] = _learning(place.layer, False)
    return {"total": int(composition.scoring.count_params()), "trained": sum(trained.values())}


def _outward(path: str) -> list[str]:
    """The path of a layer, and those of the layers around it."""
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def did_not_help(phases: Iterable[PhaseReport], history: Mapping[str, Sequence[float]]) -> list[str]:
    """What a user must hear of phases whose every epoch was worse than what was there before, a sentence each.

    Args:
        phases: in order.
        history: metric -> value per epoch, over all phases.
    """
    notices, done = [], 0
    for phase in phases:
        epochs = phase.epochs_done or 0
        if phase.best is not None and phase.went_back:
            name = phase.best.monitor
            values = [value for value in history.get(name, ())[done : done + epochs] if not math.isnan(value)]
            best = f"{_best(values, name):.4g} at best in {_counted(epochs)}" if values else "not a number after"
            notices.append(
                f"phase {phase.name!r} did not help: {_MEASURES.get(name, name)} was {phase.best.value_before:.4g} "
                f"before it and {best}. The model from before it is kept."
            )
        done += epochs
    return notices


_MEASURES = {"val_loss": "the loss on held-out examples", "val_accuracy": "the accuracy on held-out examples"}


def _best(values: Sequence[float], name: str) -> float:
    return max(values) if name.endswith("accuracy") else min(values)


def _counted(epochs: int) -> str:
    return "one epoch" if epochs == 1 else f"{epochs} epochs"


def _learns(layer: Any, weight: Any, now: bool) -> bool:
    """Whether a weight is one that gradients can move; now: with the flags as they are."""
    return bool(weight.trainable) if now else any(weight is own for own in trainable_by_kind(layer))


def _size(weight: Any) -> int:
    size = 1
    for side in weight.shape:
        size *= int(side)
    return size
