"""Calibrated networks react to their input, so tests that use them can fail."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from zoo.architectures import applications
from zoo.testing.calibration import calibrated, moved, sample_photos, swapped

FAMILIES = [
    "VGG16",
    "MobileNetV2",
    "ConvNeXtTiny",
    pytest.param("ResNet50", marks=pytest.mark.slow),
    pytest.param("EfficientNetB0", marks=pytest.mark.slow),
]


def features(base: keras.Model, pixels: np.ndarray) -> np.ndarray:
    return base.predict(pixels / np.float32(127.5) - 1, verbose=0).mean((1, 2))


@pytest.fixture(scope="module")
def pixels(photos: np.ndarray) -> np.ndarray:
    """Photos that calibration does not see: other crops of the same two pictures."""
    return np.ascontiguousarray(photos[:, 64:128, 64:128]).astype(np.float32)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_channel_order_moves_the_output(name: str, pixels: np.ndarray) -> None:
    keras.utils.set_random_seed(0)  # of many random networks a few lie outside these bounds
    base = applications.build(name, include_top=False, input_size=64)
    assert calibrated(base) is base
    right, wrong = np.split(features(base, np.concatenate([pixels, swapped(pixels)])), 2)
    assert 0.25 < moved(right, wrong) < 1.5
    size = np.sqrt(np.mean(np.square(right)))
    assert 0.05 < size < 50  # signals neither die out nor explode


def test_the_same_seed_gives_the_same_network() -> None:
    first, again, other = (
        applications.build("MobileNet", include_top=False, input_size=64, alpha=0.25) for _ in range(3)
    )
    for base in (again, other):
        base.set_weights(first.get_weights())
    for base, seed in ((first, 1), (again, 1), (other, 2)):
        calibrated(base, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first.get_weights(), other.get_weights(), strict=True))


def test_settings_are_as_before() -> None:
    base = applications.build("EfficientNetB0", include_top=False, input_size=64)
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    drops = [layer for layer in base.layers if isinstance(layer, keras.layers.Dropout)]
    norms[3].trainable = False
    before = [(norm.momentum, norm.trainable) for norm in norms], [drop.rate for drop in drops]
    calibrated(base)
    assert ([(norm.momentum, norm.trainable) for norm in norms], [drop.rate for drop in drops]) == before
    assert not np.array_equal(np.asarray(norms[3].moving_mean), np.zeros(norms[3].moving_mean.shape))


def test_layers_without_batchnorm_get_unit_scale(pixels: np.ndarray) -> None:
    base = applications.build("VGG16", include_top=False, input_size=64)
    calibrated(base)
    assert "call" not in vars(base.layers[1])
    photos = sample_photos(64) / np.float32(127.5) - 1
    for name in ("block1_conv1", "block3_conv2", "block5_conv3"):
        layer = base.get_layer(name)
        entering = keras.Model(base.input, layer.input).predict(photos, verbose=0)
        kernel, bias = layer.weights
        output = np.asarray(keras.ops.conv(entering, kernel, padding="same") + bias)
        np.testing.assert_allclose(output.std((0, 1, 2)), 1, atol=0.01)
        np.testing.assert_allclose(output.mean((0, 1, 2)), 0, atol=0.01)


def test_photos_are_given_by_the_caller(pixels: np.ndarray) -> None:
    base = applications.build("MobileNet", include_top=False, input_size=64, alpha=0.25)
    calibrated(base, pixels)
    first = base.layers[2]
    convolved = keras.Model(base.input, first.input).predict(pixels, verbose=0)
    np.testing.assert_allclose(np.asarray(first.moving_mean), convolved.mean((0, 1, 2)), rtol=1e-3, atol=1e-2)


def test_sample_photos_vary() -> None:
    photos = sample_photos(48, count=6)
    assert photos.shape == (6, 48, 48, 3)
    assert photos.dtype == np.float32
    assert photos.min() >= 0
    assert 100 < photos.max() <= 255
    assert len({photo.tobytes() for photo in photos}) == 6
    np.testing.assert_array_equal(photos, sample_photos(48, count=6))
