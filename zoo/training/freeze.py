"""What is frozen: sets it, proves that it stayed so, and keeps frozen Dropout quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zoo.errors import FrozenError

if TYPE_CHECKING:
    from zoo.architectures import Stage


def leaves(layer: Any) -> Iterator[Any]:
    """The layer itself, or the layers inside it (nested Sequentials, wrappers)."""
    inner = list(layer._flatten_layers(include_self=False, recursive=True))
    if inner:
        yield from (item for item in inner if not list(item._flatten_layers(include_self=False, recursive=True)))
    else:
        yield layer


def _is_batchnorm(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)


BatchNorm = Literal["frozen", "adapt", "train"]
"""What becomes of BatchNorm in stages that train; see `zoo.specs.PhaseSpec.batchnorm`."""


def stages_that_train(stages: Sequence[str], unfreeze: int | str | Sequence[str]) -> list[str]:
    """The names of the stages that train, from the pixels upwards.

    Args:
        stages: all stages, from the pixels upwards.
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
        stages: its stages, from the pixels upwards.
        unfreeze: which stages train: how many from the top, "all", or their names.
        batchnorm: unless "frozen", BatchNorm in the stages that train learns too.

    Returns:
        The names of the stages that train.
    """
    training = stages_that_train([stage.name for stage in stages], unfreeze)
    backbone.trainable = True  # a frozen container would hide every layer inside it
    for stage in stages:
        for layer in stage.layers:
            for leaf in leaves(layer):
                leaf.trainable = stage.name in training and not (_is_batchnorm(leaf) and batchnorm == "frozen")
    return training


def _digest(layer: Any) -> str:
    value = hashlib.sha256()
    for weight in layer.weights:
        value.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return value.hexdigest()


@dataclass(frozen=True)
class Guard:
    """The digests of all layers that must not move during a phase."""

    digests: tuple[tuple[Any, str], ...]

    @classmethod
    def watch(cls, stages: list[Stage], training: list[str], batchnorm: BatchNorm) -> Guard:
        """Remember every layer outside the stages that train, and every BatchNorm layer unless it may learn.

        By intent, not by the layers' own flags: a wrong flag is what the guard is there to find.
        """
        return cls(
            tuple(
                (leaf, _digest(leaf))
                for stage in stages
                for layer in stage.layers
                for leaf in leaves(layer)
                if stage.name not in training or (_is_batchnorm(leaf) and batchnorm == "frozen")
            )
        )

    def verify(self, phase: str) -> None:
        """Check that nothing watched has moved, bit for bit.

        Raises:
            FrozenError: a layer moved; the message names it.
        """
        moved = [layer.name for layer, digest in self.digests if _digest(layer) != digest]
        if moved:
            raise FrozenError(
                f"phase {phase!r} moved {len(moved)} frozen layers, first {moved[0]!r}: the weights of this model are "
                f"no longer what they should be. Call model.reset() and report this as a bug of zoo."
            )


@contextmanager
def quiet_dropout(stages: list[Stage], training: list[str]) -> Iterator[None]:
    """Switch off Dropout (and StochasticDepth made of it) inside frozen stages; the rates come back afterwards.

    `trainable = False` does not stop Dropout in `fit`, so without this the features of a frozen base would differ from
    the cached ones.
    """
    import keras

    kinds = tuple(
        getattr(keras.layers, name)
        for name in (
            "Dropout",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "GaussianDropout",
            "AlphaDropout",
        )
    )
    rates = [
        (leaf, leaf.rate)
        for stage in stages
        if stage.name not in training
        for layer in stage.layers
        for leaf in leaves(layer)
        if isinstance(leaf, kinds)
    ]
    try:
        for layer, _ in rates:
            layer.rate = 0.0
        yield
    finally:
        for layer, rate in rates:
            layer.rate = rate
