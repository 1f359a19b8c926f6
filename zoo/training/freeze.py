"""What is frozen: sets it, and keeps frozen Dropout quiet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from zoo.keras_internals import is_container, layers_inside

if TYPE_CHECKING:
    from zoo.architectures import Stage


def leaves(layer: Any) -> Iterator[Any]:
    """The layer itself, or the layers inside it (nested Sequentials, wrappers)."""
    inner = list(layers_inside(layer, itself=False))
    if inner:
        yield from (item for item in inner if not is_container(item))
    else:
        yield layer


def is_batchnorm(layer: Any) -> bool:
    """Whether a layer is BatchNormalization."""
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


BatchNorm = Literal["frozen", "adapt", "train"]
"""What becomes of BatchNorm in stages that train; see `zoo.specs.PhaseSpec.batchnorm`."""


def stages_that_train(stages: Sequence[str], unfreeze: int | str | Sequence[str]) -> list[str]:
    """The names of the stages that train, from the input upward.

    Args:
        stages: all stages, from the input upward.
        unfreeze: how many from the top, "all", or names.
    """
    if unfreeze == "all":
        return list(stages)
    if isinstance(unfreeze, int):
        return list(stages[max(len(stages) - unfreeze, 0) :])
    return [name for name in stages if name in unfreeze]


def freeze(
    backbone: Any, stages: list[Stage], *, unfreeze: int | str | Sequence[str], batchnorm: BatchNorm = "frozen"
) -> list[str]:
    """Freeze the base except some stages; BatchNorm stays frozen in those too.

    In every Keras 3 up to 3.15.1 `base(x, training=False)` is overridden by `fit`, and `base.trainable = True` makes
    every BatchNorm trainable again. What holds is `trainable = False` on each BatchNorm layer, set after the rest:
    Keras then also runs it in inference mode.

    Args:
        backbone: the base network.
        stages: its stages, from the input upward.
        unfreeze: which stages train: how many from the top, "all", or their names.
        batchnorm: unless "frozen", BatchNorm in the stages that train learns too.

    Returns:
        The names of the stages that train.
    """
    training = stages_that_train([stage.name for stage in stages], unfreeze)
    backbone.trainable = True  # a frozen container would hide every layer inside it
    for stage in stages:
        for layer in stage.layers:
            for item in layers_inside(layer):  # those around others too: they may have weights
                item.trainable = stage.name in training
            for leaf in leaves(layer):
                if is_batchnorm(leaf) and batchnorm == "frozen":
                    leaf.trainable = False
    return training


def flags(layers: Iterable[Any]) -> list[tuple[str, bool]]:
    """Name and `trainable` of every layer, those inside others too."""
    return [(leaf.name, bool(leaf.trainable)) for layer in layers for leaf in leaves(layer)]


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
