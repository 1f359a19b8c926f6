"""Bases of the caller's own: copied layer by layer, with the same numbers out, or refused in one line."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.errors import OptionError
from zoo.registry import ZooNotice
from zoo.specs import Preprocessing

SIDE = 32
PICTURES = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3)).astype(np.float32)
LABELS = zoo.classifier(["dark", "light"])


def built(base: keras.Model, **options):
    return zoo.build(base, options.pop("head", LABELS), **{"preprocessing": None} | options)


def agrees(model, expected: np.ndarray) -> bool:
    features = model.composition.features.predict(PICTURES, verbose=0)
    return bool(np.allclose(features, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()))


def test_weights_go_by_layer_and_not_by_the_order_of_attributes() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            first, second = (layers.Conv2D(3, 3, padding="same", name=name) for name in ("first", "second"))
            self.second, self.first = second, first
            start = keras.Input((SIDE, SIDE, 3))
            super().__init__(inputs=start, outputs=second(first(start)))

    net = Net()
    expected = net.predict(PICTURES, verbose=0).mean((1, 2))
    assert agrees(built(net), expected)
    swapped = keras.models.clone_model(keras.Model(net.inputs[0], net.outputs[0]))
    swapped.set_weights(net.get_weights())
    other = swapped.predict(PICTURES, verbose=0).mean((1, 2))
    assert np.abs(other - expected).max() > 0.1 * np.abs(expected).max(), "the swap has to show"


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("invert", [False, True])
def test_statistics_of_a_normalization_survive(nested: bool, invert: bool, tmp_path) -> None:
    norm = layers.Normalization(invert=invert)
    norm.adapt(PICTURES)
    start = keras.Input((SIDE, SIDE, 3))
    inner = keras.Model(start, norm(start), name="inner") if nested else norm
    end = layers.Conv2D(8, 3, strides=2, activation="relu")(inner(start))
    base = keras.Model(start, end)
    expected = base.predict(PICTURES, verbose=0).mean((1, 2))
    model = built(base)
    assert agrees(model, expected)
    model.state.head_state = "fitted"
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    assert agrees(loaded, expected)


def test_a_base_that_is_no_square_or_gray() -> None:
    wide = built(keras.Sequential([keras.Input((32, 48, 3)), layers.Conv2D(8, 3)]), preprocessing=None)
    assert (wide.input_size, wide.keras_model.input_shape) == ((32, 48), (None, 32, 48, 3))
    gray = built(
        keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(8, 3)]), preprocessing=None, input_size=16
    )
    assert gray.keras_model.input_shape == (None, 16, 16, 1)
    shown = np.random.default_rng(0).integers(0, 256, (2, 16, 16), np.uint8)
    gray.state.head_state = "fitted"
    expected = np.asarray(gray.keras_model(shown[..., None].astype(np.float32)))
    np.testing.assert_allclose(gray.predict_scores(shown), expected, rtol=1e-5)


def test_any_input_size_and_bytes_as_input() -> None:
    start = keras.Input((None, None, 3), dtype="uint8")
    convolution = layers.Conv2D(8, 3, strides=2)
    base = keras.Model(start, convolution(layers.Rescaling(1.0)(start)))
    model = built(base, input_size=SIDE, preprocessing=Preprocessing(scale=1 / 127.5, mean=(1, 1, 1)))
    assert agrees(model, np.asarray(convolution(PICTURES / 127.5 - 1)).mean((1, 2)))


def test_one_activation_in_several_places_is_cut_at_the_right_call() -> None:
    start, relu = keras.Input((SIDE, SIDE, 3)), layers.ReLU()
    x = layers.Rescaling(1 / 127.5, -1)(start)
    places = []
    for filters in (8, 16, 24):
        x = relu(layers.BatchNormalization()(layers.Conv2D(filters, 3, strides=2, padding="same")(x)))
        places.append(x)
    base = keras.Model(start, x)
    stage = keras.Model(start, places[1]).predict(PICTURES, verbose=0).mean((1, 2))
    assert agrees(built(base), base.predict(PICTURES, verbose=0).mean((1, 2)))
    assert agrees(built(base, features="stage1"), stage)


def test_a_base_that_is_called_elsewhere_is_cut_in_its_own_graph(tmp_path) -> None:
    from zoo.testing.tiny import tiny_backbone, tiny_dataset

    data = tiny_dataset(count=24)
    model = built(tiny_backbone(), head=zoo.classifier(data.labels))
    start = keras.Input((SIDE, SIDE, 3))
    keras.Model(start, model.keras_model.get_layer("backbone")(start))
    run = model.fit(data, recipe="lp-ft", epochs=2, cached_prefix=True, directory=tmp_path / "run", verbose=0)
    assert run.phases[-1]["cached_prefix"]


class Rolling(layers.Layer):
    """A layer whose state moves in training."""

    def build(self, shape) -> None:
        self.mean = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.mean.assign(keras.ops.mean(x))
        return x


def net(*middle: layers.Layer) -> keras.Model:
    start = x = keras.Input((SIDE, SIDE, 3))
    for layer in (*middle, layers.Conv2D(8, 3, strides=2)):
        x = layer(x)
    return keras.Model(start, x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: net(layers.Lambda(lambda x: x / 255)), "has a Lambda layer"),
        (lambda: net(layers.RandomContrast(0.5)), "draws random numbers"),
        (lambda: net(Rolling()), "changes its state in every training step"),
        (lambda: net(layers.SpectralNormalization(layers.Conv2D(4, 3))), "changes its state in every training step"),
        (lambda: keras.Sequential([layers.Conv2D(8, 3)]), r"is not built: begin it with keras\.Input"),
        (lambda: keras.Sequential([keras.Input((3, 32, 32)), layers.Conv2D(8, 1)]), "channels first"),
        (lambda: keras.Sequential([keras.Input((32, 32, 4)), layers.Conv2D(8, 3)]), "3 or 1"),
    ],
)
def test_what_cannot_be_a_base(make, words: str) -> None:
    with pytest.raises(OptionError, match=words) as refused:
        built(make())
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_noise_in_a_frozen_stage_is_quiet(tmp_path) -> None:
    from zoo.testing.tiny import tiny_dataset

    data = tiny_dataset(count=24)
    start = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(start)
    for filters in (8, 16, 24):
        x = layers.ReLU()(layers.GaussianNoise(0.5)(layers.Conv2D(filters, 3, strides=2, padding="same")(x)))
    base = keras.Model(start, x)
    weights = []
    for prefix in (True, False):
        model = built(base, head=zoo.classifier(data.labels))
        model.fit(data, recipe="lp-ft", epochs=2, cached_prefix=prefix, directory=tmp_path / str(prefix), verbose=0)
        weights.append(model.composition.head_weights())
        stages = [layer.stddev for layer in model.composition.backbone.layers if hasattr(layer, "stddev")]
        assert stages == [0.5] * 3, "the noise comes back"
    # The noise of the stage that trains is drawn by the place of its layer, and by nothing else.
    for kept, whole in zip(*weights, strict=True):
        np.testing.assert_allclose(kept, whole, rtol=1e-3, atol=1e-4)


def test_a_base_that_ends_in_probabilities_is_noticed() -> None:
    start = keras.Input((SIDE, SIDE, 3))
    end = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(start)))
    with pytest.warns(ZooNotice, match="ends in softmax: a head on it reads 10 probabilities"):
        built(keras.Model(start, end))


def test_a_model_is_copied_through_a_file() -> None:
    model = built(net())
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(OptionError, match=r"copied through a file: path = model\.save"):
            way(model)


def test_a_head_trained_elsewhere_answers_and_says_so() -> None:
    model = built(net())
    with pytest.raises(zoo.errors.UntrainedHeadError):
        model.predict(PICTURES)
    model.keras_model.compile("adam", "sparse_categorical_crossentropy")
    model.keras_model.fit(PICTURES, np.arange(8) % 2, epochs=1, verbose=0)
    with pytest.warns(ZooNotice, match="trained outside of zoo"):
        assert len(model.predict(PICTURES)) == 8
