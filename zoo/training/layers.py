"""Layers of a base by name: where each is, and which of them train when single ones are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.keras_internals import layers_directly_inside, layers_inside, trainable_by_kind

if TYPE_CHECKING:
    from zoo.architectures import Stage

Unfreeze = int | str | Sequence[str]
"""What trains: how many stages from the top, "all", or names of stages and of layers, as `stage/layer`."""


def is_batchnorm(layer: Any) -> bool:
    """Return whether a layer is BatchNormalization."""
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


def learns(layer: Any) -> bool:
    """Return whether a layer has weights of its own that gradients could move, and is no BatchNorm."""
    return bool(trainable_by_kind(layer)) and not is_batchnorm(layer)


def is_open(layer: Any) -> bool:
    """Return whether a layer's own weights train by its flag."""
    return any(weight.trainable for weight in trainable_by_kind(layer))


@dataclass(frozen=True)
class Place:
    """Where a layer of a base is.

    Attributes:
        stage: its stage.
        path: its name; of one inside another, the names from the outermost layer, with a slash between them.
        layer: the Keras layer.
        around: the layers that it is inside of, the outermost first.
    """

    stage: str
    path: str
    layer: Any
    around: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """Return what a resolved recipe calls it: its stage and its path."""
        return f"{self.stage}/{self.path}"


def places(stages: Sequence[Stage]) -> Iterator[Place]:
    """Yield every layer of a base, those inside others too, in the order of the graph."""
    for stage in stages:
        yield from places_in(stage.layers, stage.name)


def places_in(layers: Sequence[Any], stage: str = "") -> Iterator[Place]:
    """Yield these layers of a stage, and those inside them."""
    for layer in layers:
        yield from _inside(Place(stage, layer.name, layer))


def _inside(place: Place) -> Iterator[Place]:
    yield place
    for inner in layers_directly_inside(place.layer):
        around = (*place.around, place.layer)
        yield from _inside(Place(place.stage, f"{place.path}/{inner.name}", inner, around))


def names_of_layers(stages: Sequence[Stage]) -> dict[str, str]:
    """Return what each layer with weights may be called, and what it is called in a resolved recipe.

    A layer inside others may be called by its bare name where no other has it.
    """
    listed = [place for place in places(stages) if place.layer.weights]
    bare = [place.path.rpartition("/")[2] for place in listed]
    names = {name: place.name for place, name in zip(listed, bare, strict=True) if bare.count(name) == 1}
    names |= {place.path: place.name for place in listed}
    return names | {place.name: place.name for place in listed}


def named(unfreeze: Unfreeze, stage: str) -> set[str]:
    """Return the paths of the single layers of a stage that train; none where the whole stage trains, or nothing."""
    if isinstance(unfreeze, int | str) or stage in unfreeze:
        return set()
    return {name.partition("/")[2] for name in unfreeze if name.startswith(f"{stage}/")}


def training_items(stages: Sequence[Stage], whole: Sequence[str], unfreeze: Unfreeze) -> set[int]:
    """Return the ids of the layers that train, BatchNorm not told apart.

    Args:
        stages: of the base.
        whole: names of the stages of which something trains.
        unfreeze: what trains.
    """
    items: set[int] = set()
    for stage in stages:
        paths = named(unfreeze, stage.name)
        if stage.name not in whole:
            continue
        for place in places([stage]):
            if not paths or any(place.path == path or place.path.startswith(f"{path}/") for path in paths):
                items.add(id(place.layer))
    return items


def problem_with(stages: Sequence[Stage], names: Sequence[str], *, batchnorm: str) -> str:
    """Return why single layers cannot train alone, in one sentence; "" if they can.

    Args:
        stages: of the base.
        names: of layers, as a resolved recipe calls them.
        batchnorm: what becomes of BatchNorm in what trains.
    """
    by_name: Mapping[str, Place] = {place.name: place for place in places(stages)}
    for name in names:
        place = by_name[name]
        if batchnorm == "frozen" and all(is_batchnorm(item) for item in layers_inside(place.layer) if item.weights):
            return (
                f"{place.path!r} is BatchNorm, which stays frozen in a pretrained base: name another layer, or say "
                f"batchnorm='adapt'"
            )
        for outer in place.around:
            if trainable_by_kind(outer):
                return (
                    f"{place.path!r} is inside {outer.name!r}, which has weights of its own beside it and trains only "
                    f"as a whole: name {outer.name!r}"
                )
    return ""


def last_layer(stages: Sequence[Stage]) -> str | None:
    """Return what a resolved recipe calls the last layer with weights other than BatchNorm; None: there is none."""
    listed = [place for place in places(stages) if learns(place.layer)]
    return listed[-1].name if listed else None


def trained_by_hand(stages: Sequence[Stage]) -> list[str]:
    """Return what trains by the flags of the layers: whole stages where all of one does, else single layers.

    Layers without weights and BatchNorm, which has a rule of its own, do not count.
    """
    chosen: list[str] = []
    for stage in stages:
        listed = [place for place in places([stage]) if learns(place.layer)]
        on = [place for place in listed if is_open(place.layer)]
        chosen += [stage.name] if on and len(on) == len(listed) else [place.name for place in on]
    return chosen
