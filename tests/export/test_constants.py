"""What a layer holds as tensors outside of any graph is in the file that is written of it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.tensorflow("exports are written on the TensorFlow backend")


def given() -> keras.layers.Layer:
    return keras.layers.Normalization(mean=[90.0, 100.0, 110.0], variance=[400.0, 500.0, 600.0])


def adapted() -> keras.layers.Layer:
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(100, 20, (50, 8, 8, 3)))
    return layer


@pytest.mark.slow
@pytest.mark.parametrize("normalization", [given, adapted])
def test_normalization_of_a_base_of_ones_own_is_exported(normalization, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    pixels = np.random.default_rng(0).integers(60, 140, (16, 16, 16, 3), dtype=np.uint8)
    inputs = keras.Input((16, 16, 3))
    layer = normalization()
    base = keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=2)(layer(inputs)))
    model = zoo.build(base, zoo.classifier(["a", "b"]), preprocessing=None)
    model.fit((pixels, np.repeat(["a", "b"], 8)), recipe="head", epochs=1, validation=None)
    expected = model.predict_scores(pixels)
    assert expected.std() > 0.005  # the answers do depend on the pixels
    model.export(tmp_path / "m.onnx", examples=pixels[:4])
    np.testing.assert_allclose(zoo.load(tmp_path / "m.onnx").predict_scores(pixels), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.predict_scores(pixels), expected)  # the model is as it was
