"""What a head reads of a base: a pooling of its last cells, a stage or a layer."""

from __future__ import annotations

from typing import Any

from zoo.errors import OptionError, did_you_mean
from zoo.specs import BackboneSpec


def tap(network: Any, features: str | None, of: BackboneSpec | str) -> tuple[Any, str]:
    """Return the network up to the features asked for, and how its cells are pooled.

    Args:
        network: the base.
        features: a pooling, a stage or a layer, the last two with a pooling after a colon if any; None: what the
            pretrained classifier reads.
        of: the row of the network, or the name of a Keras model that has none.
    """
    import keras

    from zoo.architectures import find_stages
    from zoo.architectures.pooling import MAP_POOLINGS, cells, poolings

    spec = None if isinstance(of, str) else of
    name = of if spec is None else spec.name
    cuts, pooling = ((), "avg") if spec is None else (spec.cuts, str(spec.pooling))
    if features is None:
        return network, pooling
    known = MAP_POOLINGS if spec is None else poolings(spec.output, spec.prefix_tokens)
    pooling = "avg" if pooling == "own" else pooling
    if len(cells(network, cuts).output.shape) not in (3, 4) and features in known:
        raise OptionError(
            f"features={features!r}: the output of {name} has shape {tuple(network.output.shape)} and not that of a "
            f"feature map, so there is nothing to pool"
        )
    source, _, asked = features.rpartition(":") if ":" in features else (features, "", "")
    if source in known and not asked:
        return cells(network, cuts), source
    if asked:
        if asked not in known:
            raise OptionError(f"features={features!r}: poolings of {name} are {', '.join(known)}")
        pooling, features = asked, source
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
    if asked and len(tensor.shape) not in (3, 4):
        raise OptionError(
            f"{features!r} of {name} has shape {tuple(tensor.shape)} and is no feature map: leave {asked!r}"
        )
    return keras.Model(network.input, tensor, name=network.name), pooling
