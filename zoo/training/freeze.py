"""What is frozen: sets it, and keeps frozen Dropout quiet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from zoo.keras_internals import is_container, layers_inside, trainable_by_kind
from zoo.training.layers import Unfreeze, is_batchnorm, training_items

if TYPE_CHECKING:
    from zoo.architectures import Stage


def leaves(layer: Any) -> Iterator[Any]:
    """The layer itself, or the layers inside it (nested Sequentials, wrappers)."""
    inner = list(layers_inside(layer, itself=False))
    if inner:
        yield from (item for item in inner if not is_container(item))
    else:
        yield layer


BatchNorm = Literal["frozen", "adapt", "train"]
"""What becomes of BatchNorm in stages that train; see `zoo.specs.PhaseSpec.batchnorm`."""


def stages_that_train(stages: Sequence[str], unfreeze: Unfreeze) -> list[str]:
    """The names of the stages of which something trains, from the input upward.

    Args:
        stages: all stages, from the input upward.
        unfreeze: how many from the top, "all", or names: of stages, or of layers as `stage/layer`.
    """
    if unfreeze == "all":
        return list(stages)
    if isinstance(unfreeze, int):
        return list(stages[max(len(stages) - unfreeze, 0) :])
    with_layers = {name.partition("/")[0] for name in unfreeze}
    return [name for name in stages if name in with_layers]


def freeze(backbone: Any, stages: list[Stage], *, unfreeze: Unfreeze, batchnorm: BatchNorm = "frozen") -> list[str]:
    """Freeze the base except some stages or layers; BatchNorm stays frozen in those too.

    In every Keras 3 up to 3.15.1 `base(x, training=False)` is overridden by `fit`, and `base.trainable = True` makes
    every BatchNorm trainable again. What holds is `trainable = False` on each BatchNorm layer, set after the rest:
    Keras then also runs it in inference mode.

    Args:
        backbone: the base network.
        stages: its stages, from the input upward.
        unfreeze: what trains: how many stages from the top, "all", or names of stages and layers.
        batchnorm: unless "frozen", BatchNorm in what trains learns too.

    Returns:
        The names of the stages of which something trains.
    """
    training = stages_that_train([stage.name for stage in stages], unfreeze)
    items = training_items(stages, training, unfreeze)
    backbone.trainable = True  # a frozen container would hide every layer inside it
    for stage in stages:
        for layer in stage.layers:
            for item in layers_inside(layer):  # those around others too: they may have weights
                item.trainable = id(item) in items or any(id(inner) in items for inner in layers_inside(item))
            for leaf in leaves(layer):
                if is_batchnorm(leaf) and (batchnorm == "frozen" or id(leaf) not in items):
                    leaf.trainable = False
    return training


Flags = list[tuple[str, bool]]
"""Name and `trainable` of layers with weights, those inside others too."""


def flags(layers: Sequence[Any]) -> Flags:
    """Return name and `trainable` of every layer with weights of its own, those inside others too."""
    return [
        (item.name, any(weight.trainable for weight in trainable_by_kind(item)))
        for layer in layers
        for item in layers_inside(layer)
        if trainable_by_kind(item)
    ]


@contextmanager
def quiet_dropout(stages: list[Stage], training: list[str]) -> Iterator[None]:
    """Switch off Dropout (StochasticDepth is made of it) and noise inside frozen stages; they come back afterward.

    `trainable = False` does not stop Dropout in `fit`, so without this the features of a frozen base would differ from
    the cached ones.
    """
    import keras

    kinds = {
        getattr(keras.layers, name): strength
        for name, strength in (
            ("Dropout", "rate"),
            ("SpatialDropout1D", "rate"),
            ("SpatialDropout2D", "rate"),
            ("SpatialDropout3D", "rate"),
            ("GaussianDropout", "rate"),
            ("AlphaDropout", "rate"),
            ("GaussianNoise", "stddev"),
        )
    }
    strengths = [
        (leaf, strength, getattr(leaf, strength))
        for stage in stages
        if stage.name not in training
        for layer in stage.layers
        for leaf in leaves(layer)
        for kind, strength in kinds.items()
        if isinstance(leaf, kind)
    ]
    try:
        for layer, strength, _ in strengths:
            setattr(layer, strength, 0.0)
        yield
    finally:
        for layer, strength, value in strengths:
            setattr(layer, strength, value)
