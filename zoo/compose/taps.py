"""What a head reads of a base: a pooling of its last map, a stage or a layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from zoo.errors import OptionError, did_you_mean
from zoo.head_request import FEATURES

POOLINGS = ("avg", "max", "concat", "gem")
"""How a feature map becomes a vector: mean, maximum, both side by side, or their generalization with exponent 3."""

_GEM = 3.0


def pool(maps: Any, pooling: str) -> Any:
    """One vector an image from its feature map.

    Args:
        maps: Keras tensor (n, h, w, c).
        pooling: "avg" (n, c); "max" (n, c); "concat": average and maximum (n, 2c); "gem": the generalized mean
            `mean(max(x, 1e-6) ** 3) ** (1/3)` (n, c), Radenovic, Tolias and Chum 2018, arXiv 1711.02512, equation 3,
            with the exponent they start from. Negative activations count as none.
    """
    import keras

    from zoo.architectures.precision import in_float32

    # In float32 whatever the base computes in: sums over a map, and features that a head is solved on.
    average = partial(keras.layers.GlobalAveragePooling2D, dtype="float32")
    maximum = partial(keras.layers.GlobalMaxPooling2D, dtype="float32")
    if pooling == "max":
        return maximum(name=FEATURES)(maps)
    if pooling == "concat":
        return keras.layers.Concatenate(dtype="float32", name=FEATURES)([average()(maps), maximum()(maps)])
    if pooling == "gem":
        powers = keras.ops.power(keras.ops.maximum(in_float32(maps), 1e-6), _GEM)
        return keras.layers.Identity(dtype="float32", name=FEATURES)(keras.ops.power(average()(powers), 1 / _GEM))
    return average(name=FEATURES)(maps)


def tap(network: Any, features: str | None, pooling: str, name: str) -> tuple[Any, str]:
    """The network up to the features asked for, and how a feature map is pooled."""
    import keras

    from zoo.architectures import find_stages

    if features is None:
        return network, pooling
    if len(network.output.shape) != 4 and features in POOLINGS:
        raise OptionError(
            f"features={features!r}: the output of {name} has shape {tuple(network.output.shape)} and not that of a "
            f"feature map, so there is nothing to pool"
        )
    tap, _, asked = features.rpartition(":") if ":" in features else (features, "", "")
    if tap in POOLINGS and not asked:
        return network, tap
    if asked:
        if asked not in POOLINGS:
            raise OptionError(f"features={features!r}: poolings are {', '.join(POOLINGS)}")
        pooling, features = asked, tap
    names = [layer.name for layer in network.layers]
    stages = {stage.name: stage for stage in find_stages(network)}
    if features in stages:
        cut = stages[features].cut
        if cut is None and stages[features] is not list(stages.values())[-1]:
            raise OptionError(f"no single tensor ends {features!r} of {name}: take another stage or a layer")
        tensor = cut.output if cut is not None else network.output
    elif features in names:
        tensor = network.get_layer(features).output
    else:
        raise OptionError(
            f"{name} has no features {features!r}.{did_you_mean(str(features), [*stages, *names])} "
            f"Stages: {', '.join(stages)}; poolings: {', '.join(POOLINGS)}; or a layer of `zoo show {name} --layers`. "
            f"A stage or layer takes a pooling after a colon: 'stage3:max'."
        )
    if asked and len(tensor.shape) != 4:
        raise OptionError(
            f"{features!r} of {name} has shape {tuple(tensor.shape)} and is no feature map: leave {asked!r}"
        )
    return keras.Model(network.input, tensor, name=network.name), pooling
