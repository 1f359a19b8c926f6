"""Chooses the one stage that most wants to change: surgical fine-tuning."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.errors import OptionError
from zoo.training.descent import devices
from zoo.training.descent.descend import reseed
from zoo.training.descent.sources import Images, Rows
from zoo.training.freeze import freeze, leaves, quiet_dropout

IMAGES = 64
"""Training images whose gradient is looked at."""


def relative_gradients(composition: Composition, source: Images | Rows, *, seed: int) -> dict[str, float]:
    """Norm of the gradient over norm of the weights, for each stage, on some training images.

    After Lee et al. 2022 (Surgical Fine-Tuning, arXiv 2210.11466, Auto-RGN). The gradient is read off one step of plain
    gradient descent, which every backend can take; the weights are put back, bit for bit.

    Args:
        composition: the model, with a head that has been trained.
        source: training images.
        seed: of the draw of images.

    Returns:
        Stage -> ratio, for stages that have weights to train beside BatchNorm.
    """
    import keras

    from zoo.architectures.backends import jit_compile  # here, not above: these load Keras
    from zoo.training.descent.losses import loss_for, loss_scaled

    model, stages = composition.training, composition.stages
    drawn = np.random.default_rng([seed, 2]).permutation(len(source))[:IMAGES]
    values, targets = source.take(np.sort(drawn), 0)
    before = [np.array(weight) for weight in model.get_weights()]
    freeze(composition.backbone, stages, unfreeze="all")
    layers = [leaf for stage in stages for layer in stage.layers for leaf in leaves(layer)]
    try:
        with quiet_dropout(stages, []):
            reseed([*layers, *leaves(composition.head)], seed=seed, epoch=0)
            loss = loss_for(composition.outputs, from_logits=composition.from_logits, scales=composition.scales())
            with devices.scope(model):
                optimizer = loss_scaled(keras.optimizers.SGD(learning_rate=1.0), layers)
                model.compile(optimizer=optimizer, loss=loss, jit_compile=jit_compile())
            start = {id(weight): np.asarray(weight).astype(np.float64) for weight in model.trainable_weights}
            model.train_on_batch(values, targets)
        ratios: dict[str, float] = {}
        for stage in stages:
            own = [weight for layer in stage.layers for weight in layer.trainable_weights]
            if own:
                moved = sum(float(np.square(np.asarray(weight) - start[id(weight)]).sum()) for weight in own)
                size = sum(float(np.square(start[id(weight)]).sum()) for weight in own)
                ratios[stage.name] = float(np.sqrt(moved / max(size, 1e-12)))
        return ratios
    finally:
        model.set_weights(before)
        freeze(composition.backbone, stages, unfreeze=0)


def most_wanting(ratios: dict[str, float]) -> str:
    """The stage of the largest relative gradient.

    Raises:
        OptionError: no stage has a gradient that is a number.
    """
    usable: dict[str, Any] = {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio) and ratio > 0}
    if not usable:
        raise OptionError("recipe 'surgical': no stage of the base has a gradient; say stages=")
    return max(usable, key=lambda name: usable[name])
