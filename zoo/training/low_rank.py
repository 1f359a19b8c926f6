"""LoRA: dense and convolution layers learn a product of two thin matrices, which is added to their kernel at the end.

Hu et al. 2021, arXiv 2106.09685. Keras has the layers' side of it (`enable_lora`); here are the phase's: which layers,
from which random numbers, and that nothing of it is left in the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import OptionError
from zoo.keras_internals import drop_low_rank, layers_inside, low_rank_weights, merge_low_rank, trainable_by_kind
from zoo.training.descent import devices
from zoo.training.freeze import leaves, stages_that_train
from zoo.training.layers import Unfreeze, is_open, training_items

if TYPE_CHECKING:
    from zoo.architectures import Stage
    from zoo.compose import Composition


def check_low_rank(stages: Sequence[Stage], unfreeze: Unfreeze, phase: str) -> None:
    """Refuse a low-rank phase where no layer that is to train takes one.

    Args:
        stages: of the base.
        unfreeze: what the phase trains, resolved.
        phase: its name, for the error.

    Raises:
        OptionError: nothing in what trains is a dense or convolution layer.
    """
    unfreeze = "all" if unfreeze == "chosen" else unfreeze  # which one is found when the phase starts
    training = stages_that_train([stage.name for stage in stages], unfreeze)
    items = training_items(stages, training, unfreeze)
    if not any(id(leaf) in items and takes_low_rank(leaf) for leaf in _leaves(stages, training)):
        raise OptionError(
            f"phase {phase!r}: lora= is for dense and convolution layers, and there is none in {', '.join(training)}"
        )


def takes_low_rank(layer: Any) -> bool:
    """Return whether a layer can learn a low-rank update: dense or a convolution over all channels, unconstrained."""
    import keras

    kinds = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Conv1D, keras.layers.Conv2D)
    if not isinstance(layer, kinds) or not layer.weights or layer.kernel_constraint is not None:
        return False
    if layer.lora_enabled:
        raise OptionError(f"layer {layer.name!r} has a low-rank update already: merge it into the kernel first")
    return True


@contextmanager
def low_rank(composition: Composition, training: Sequence[str], rank: int, seed: int) -> Iterator[None]:
    """Within, what trains in the base is low-rank updates alone; behind it they are part of the kernels.

    Biases, norms and kernels themselves stand still within. After an error nothing of the updates stays.

    Args:
        composition: the model, frozen but for what the phase trains.
        training: names of the stages of which something trains.
        rank: columns of the thin matrices, at most; 0: nothing is done.
        seed: of their initial values.
    """
    if not rank:
        yield
        return
    chosen = [leaf for leaf in _leaves(composition.stages, training) if is_open(leaf) and takes_low_rank(leaf)]
    _hold(composition.stages, training)
    enabled: list[Any] = []
    try:
        with devices.scope(composition.training):
            for number, layer in enumerate(chosen):
                _enable(layer, rank, np.random.SeedSequence([seed, number]))
                enabled.append(layer)
        _forget_traces(composition)
        yield
        for layer in enabled:
            merge_low_rank(layer)
    finally:
        for layer in enabled:
            drop_low_rank(layer)
        _forget_traces(composition)


def _hold(stages: Sequence[Stage], training: Sequence[str]) -> None:
    """Let no weight of these stages train, those of layers around others included; the layers' own flags stay."""
    for stage in stages:
        for layer in stage.layers if stage.name in training else ():
            for item in layers_inside(layer):
                for weight in trainable_by_kind(item):
                    weight.trainable = False


def _leaves(stages: Sequence[Stage], training: Sequence[str]) -> Iterator[Any]:
    return (leaf for stage in stages if stage.name in training for layer in stage.layers for leaf in leaves(layer))


def _enable(layer: Any, rank: int, seed: np.random.SeedSequence) -> None:
    import keras

    smallest = min(int(layer.kernel.shape[-1]), int(np.prod(layer.kernel.shape[:-1])))
    start = keras.initializers.HeUniform(seed=int(seed.generate_state(1)[0]))
    layer.enable_lora(min(rank, smallest), a_initializer=start)
    thin = {id(weight) for weight in low_rank_weights(layer)}
    for weight in trainable_by_kind(layer):
        weight.trainable = id(weight) in thin


def _forget_traces(composition: Composition) -> None:
    """Let every graph be traced anew: one that was traced with other weights would go on with them."""
    for model in (composition.training, composition.serving, composition.scoring, composition.features):
        if model is None:
            continue
        model.train_function = model.test_function = model.predict_function = None
