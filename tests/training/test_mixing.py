"""Mixup, cutmix and label smoothing against their formulas, and through `fit`."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.errors import OptionError
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.descent.mixing import blend

TARGETS = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def phase(**fields) -> PhaseSpec:
    return PhaseSpec.model_validate({"name": "tune", "epochs": 1, **fields})


@pytest.fixture
def images() -> np.ndarray:
    """Eight images, each of one value: its number."""
    return np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None, None], (8, 20, 20, 3)).copy()


def test_mixup_blends_values_and_targets_by_one_share(images) -> None:
    mix = blend(phase(mixup=0.4), classes=3, seed=1, class_weight=None)
    found = [mix(images, TARGETS, epoch, 0) for epoch in range(200)]
    drawn = []
    for values, told in found:
        np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-6)
        numbers = values[:, 0, 0, 0]
        assert np.ptp(values, axis=(1, 2, 3)).max() == 0
        # Any share and partner that explain the values explain the targets.
        own = np.eye(3)[TARGETS]
        matches = []
        for share in np.linspace(0, 1, 2001):
            other = np.rint((numbers - share * np.arange(8)) / max(1 - share, 1e-9)).clip(0, 7).astype(int)
            blended = share * np.arange(8) + (1 - share) * other
            if np.abs(blended - numbers).max() < 5e-3 and sorted(other) == list(range(8)):
                matches.append(np.abs(share * own + (1 - share) * own[other] - told).max())
                drawn.append(share)
        assert not matches or min(matches) < 5e-3
    assert np.std(drawn) > 0.2
    again = mix(images, TARGETS, 3, 0)
    np.testing.assert_array_equal(again[0], found[3][0])
    assert not np.array_equal(mix(images, TARGETS, 3, 1)[0], again[0])


def test_cutmix_pastes_as_much_as_the_targets_say(images) -> None:
    mix = blend(phase(cutmix=1.0), classes=8, seed=1, class_weight=None)
    pasted = []
    for epoch in range(50):
        values, told = mix(images, np.arange(8), epoch, 0)
        for row in range(8):
            shares = [(values[row, ..., 0] == number).mean() for number in range(8)]
            np.testing.assert_allclose(told[row], shares, atol=1e-6)
        pasted.append(1 - told[np.arange(8), np.arange(8)].min())
    assert 0.1 < np.mean(pasted) < 0.6
    assert images[3].max() == images[3].min() == 3  # the originals are as they were


def test_smoothing_and_class_weights() -> None:
    mix = blend(phase(label_smoothing=0.3), classes=3, seed=0, class_weight={0: 2.0, 1: 1.0, 2: 4.0})
    _, told, weights = mix(np.zeros((8, 4)), TARGETS, 0, 0)
    np.testing.assert_allclose(told[0], [0.8, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(weights[:3], [0.8 * 2 + 0.1 + 0.4, 0.2 + 0.8 + 0.4, 0.2 + 0.1 + 3.2], rtol=1e-6)


def test_the_loss_of_smoothed_labels_is_that_of_keras(pictures) -> None:
    import keras

    rng = np.random.default_rng(0)
    from zoo.specs import Output
    from zoo.training.descent.losses import loss_for

    logits = rng.normal(size=(8, 3)).astype(np.float32)
    told = blend(phase(label_smoothing=0.2), classes=3, seed=0, class_weight=None)(logits, TARGETS, 0, 0)[1]
    ours = loss_for((Output(labels=("a", "b", "c")),), from_logits=True, scales={}, shares=True)(told, logits)
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)(np.eye(3)[TARGETS], logits)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_through_fit(pictures) -> None:
    model = tiny_model()
    mixed = phase(
        mixup=0.2, cutmix=1.0, label_smoothing=0.1, unfreeze=1, epochs=2, batch_size=8, class_weight="balanced"
    )
    run = model.fit(pictures, recipe=RecipeSpec([mixed]), validation=0.25)
    assert run.phases[-1]["cached_prefix_reason"] == "mixup and cutmix change the examples in every epoch"
    assert run.history["val_loss"][-1] == pytest.approx(run.validation.log_loss, rel=1e-4)  # without smoothing
    again = tiny_model()
    assert again.fit(pictures, recipe=RecipeSpec([mixed]), validation=0.25).history == run.history
    with pytest.raises(OptionError, match="blend classes; this head does regression"):
        tiny_model(zoo.regressor(["size"])).fit(
            (pictures[0], np.linspace(0, 1, len(pictures[0]))), recipe=RecipeSpec([phase(mixup=0.2)])
        )
