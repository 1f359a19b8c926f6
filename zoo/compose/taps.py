"""What a head reads of a base: a pooling of its last cells, a stage or a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.errors import OptionError, did_you_mean
from zoo.specs import BackboneSpec

MAP = "map"
"""In place of a pooling: the cells as they are."""


def tap(network: Any, features: str | None, of: BackboneSpec | str, *, reads: str = "vector") -> tuple[Any, str]:
    """Return the network up to the features asked for, and how its cells are pooled.

    Args:
        network: the base.
        features: a pooling, a stage or a layer, the last two with a pooling after a colon if any; None: what the
            pretrained classifier reads.
        of: the row of the network, or the name of a Keras model that has none.
        reads: what the head reads: "vector"; "map", cells that are not pooled; "either", as `features` says.

    Raises:
        OptionError: there are no such features, or the head does not read them.
    """
    from zoo.architectures.pooling import cells

    name, cuts, pooling, known = _of_model(of) if isinstance(of, str) else _of_row(of)
    if features is None and reads != MAP:
        return network, pooling
    pooling = "avg" if pooling == "own" else pooling
    source, cells_asked = _as_cells(features, known, reads)
    if cells_asked:
        base = cells(network, cuts) if not source else _up_to(network, source, name, cuts, known)
        return _with_cells(base, features or MAP, name), MAP
    assert features is not None
    if features in known:
        return _with_map(cells(network, cuts), network, features, name), features
    source, kind = _parts(features, name, known)
    network = _up_to(network, source, name, cuts, known)
    if kind and len(network.output.shape) not in (3, 4):
        raise OptionError(
            f"{source!r} of {name} has shape {tuple(network.output.shape)} and is no feature map: leave {kind!r}"
        )
    return network, kind or pooling


def _of_model(name: str) -> tuple[str, tuple[str, ...], str, Sequence[str]]:
    """Name, cuts, pooling and possible poolings of a Keras model without a row."""
    from zoo.architectures.pooling import MAP_POOLINGS

    return name, (), "avg", MAP_POOLINGS


def _of_row(spec: BackboneSpec) -> tuple[str, tuple[str, ...], str, Sequence[str]]:
    """The same of a row."""
    from zoo.architectures.pooling import poolings

    return spec.name, spec.cuts, str(spec.pooling), poolings(spec.output, spec.prefix_tokens)


def _parts(features: str, name: str, known: Sequence[str]) -> tuple[str, str]:
    """Stage or layer, and the pooling behind a colon, "" for none."""
    if ":" not in features:
        return features, ""
    source, _, kind = features.rpartition(":")
    if kind not in known:
        raise OptionError(f"features={features!r}: poolings of {name} are {', '.join(known)}")
    return source, kind


def _with_map(base: Any, network: Any, features: str, name: str) -> Any:
    """The network up to its last cells, if it has some."""
    if len(base.output.shape) not in (3, 4):
        raise OptionError(
            f"features={features!r}: the output of {name} has shape {tuple(network.output.shape)} and not that of a "
            f"feature map, so there is nothing to pool"
        )
    return base


def _as_cells(features: str | None, known: Sequence[str], reads: str) -> tuple[str, bool]:
    """The stage or layer whose cells a head reads as they are ("" for the last), and whether it does."""
    source, _, last = (features or MAP).rpartition(":")
    if reads == MAP and last in known:
        raise OptionError(
            f"features={features!r}: this head reads maps, which are not pooled: take 'map', a stage or a layer"
        )
    if last == MAP and reads == "vector":
        raise OptionError(
            f"features={features!r}: this head reads one vector an example. A head that reads a map says so "
            f"(HeadSpec(reads='map'), `zoo heads`); a Keras layer as head takes either"
        )
    if last == MAP:
        return source, True
    return features or "", reads == MAP


def _with_cells(network: Any, features: str, name: str) -> Any:
    """The network, if it ends in a map or in tokens."""
    if len(network.output.shape) not in (3, 4):
        raise OptionError(
            f"features={features!r}: {name} gives {tuple(network.output.shape)} there, and a head that reads a map "
            f"needs (n, h, w, c) or (n, t, c): take a stage or a layer in front of it, or another head"
        )
    return network


def _up_to(network: Any, features: str, name: str, cuts: Sequence[str], known: Sequence[str]) -> Any:
    """The network up to a stage or layer."""
    import keras

    from zoo.architectures import find_stages

    names = [layer.name for layer in network.layers]
    stages = {stage.name: stage for stage in find_stages(network, cuts)}
    if features in stages:
        cut = stages[features].cut
        if cut is None and stages[features] is not list(stages.values())[-1]:
            raise OptionError(f"no single tensor ends {features!r} of {name}: take another stage or a layer")
        tensor = cut.output if cut is not None else network.output
    elif features in names:
        tensor = network.get_layer(features).output
    else:
        raise OptionError(
            f"{name} has no features {features!r}.{did_you_mean(str(features), [*known, *stages, *names])} "
            f"Stages: {', '.join(stages)}; poolings: {', '.join(known)}; or a layer of `zoo show {name} --layers`. "
            f"A stage or layer takes a pooling after a colon: 'stage3:max'."
        )
    return keras.Model(network.input, tensor, name=network.name)
