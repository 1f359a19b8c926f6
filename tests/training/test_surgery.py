"""The one stage of largest relative gradient, against gradients by the tape; and through `fit`."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import backend
from helpers.tiny import tiny_model

from zoo.training.descent.sources import Rows
from zoo.training.surgery import most_wanting, relative_gradients


def test_surgical_trains_the_stage_that_wants_it_most(pictures) -> None:
    import keras

    model = tiny_model()
    model.fit(pictures, recipe="probe", validation=None)
    composition = model.composition
    small = np.stack([keras.ops.image.resize(one, (32, 32)) for one in pictures[0]]).astype(np.float32)
    before = composition.training.get_weights()
    found = relative_gradients(composition, Rows(small, pictures[1].astype(np.int64)), seed=0)
    for old, new in zip(before, composition.training.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not composition.backbone.trainable_weights
    batchnorm = keras.layers.BatchNormalization
    watched = {
        stage.name: [
            weight
            for layer in stage.layers
            if not isinstance(layer, batchnorm)
            for weight in layer.weights
            if "kernel" in weight.name or "bias" in weight.name
        ]
        for stage in composition.stages
    }
    watched = {name: weights for name, weights in watched.items() if weights}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=composition.from_logits)
    gradients = iter(
        backend.gradients(
            lambda: loss(pictures[1], composition.training(small, training=False)),
            [weight for own in watched.values() for weight in own],
        )
    )
    for name, own in watched.items():
        size = np.sqrt(sum(float(np.square(np.asarray(weight, np.float64)).sum()) for weight in own))
        norm = np.sqrt(sum(float(np.square(next(gradients).astype(np.float64)).sum()) for _ in own))
        assert found[name] == pytest.approx(norm / size, rel=0.02), name
    run = model.fit(pictures, recipe="surgical", epochs=1, validation=None)
    assert run.phases[-1]["stages"] == [most_wanting(run.phases[-1]["relative_gradients"])]
    trained = {item.stage for item in run.receipts if item.phase == "fine-tune" and item.says == "trained"}
    assert trained == {run.phases[-1]["stages"][0], "head"}
    named = model.fit(pictures, recipe="surgical", stages=["stem"], epochs=1, validation=None)
    assert named.phases[-1]["stages"] == ["stem"]
