"""Keras layers as augmentation: stateless in the seed, whatever was called before."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from zoo.augment import resolve, transform
from zoo.data import Arrays, batches
from zoo.errors import OptionError
from zoo.registry import ZooNotice
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

keras = pytest.importorskip("keras")
layers = keras.layers

LAYERS = {
    "flip": lambda: layers.RandomFlip("horizontal_and_vertical"),
    "rotation": lambda: layers.RandomRotation(0.1),
    "zoom": lambda: layers.RandomZoom(0.3),
    "translation": lambda: layers.RandomTranslation(0.2, 0.2),
    "contrast": lambda: layers.RandomContrast(0.5),
    "brightness": lambda: layers.RandomBrightness(0.3),
    "blur": lambda: layers.RandomGaussianBlur(1.0),
    "dropout": lambda: layers.SpatialDropout2D(0.5, seed=1),
    "erasing": lambda: layers.RandomErasing(),
    "jitter": lambda: layers.RandomColorJitter(brightness_factor=0.3, hue_factor=0.2),
    "rand_augment": lambda: layers.RandAugment(num_ops=1),
    "several": lambda: keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomContrast(0.3)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_a_function_of_the_seed(name, photos):
    (op,) = resolve(LAYERS[name]())
    assert op.provider == "keras"
    json.dumps(op.config)
    image = photos[1][:96, :96]
    before = image.copy()
    wanted = {seed: op.apply(image, seed) for seed in range(4)}
    for seed in (2, 0, 3, 3, 1):  # another order, other calls between
        again = op.apply(image, seed)
        np.testing.assert_array_equal(again, wanted[seed])
        assert again.dtype == np.uint8
        assert again.shape == image.shape
    np.testing.assert_array_equal(image, before)
    assert len({result.tobytes() for result in wanted.values()}) >= 2, "the seed changes nothing"
    (twin,) = resolve(LAYERS[name]())  # another object, as after a restart
    np.testing.assert_array_equal(twin.apply(image, 2), wanted[2])


def test_threads_share_a_layer_without_harm(photos):
    data = Arrays(photos)
    ops = resolve([layers.RandomRotation(0.1), layers.RandomContrast(0.3)])
    runs = []
    for workers in (1, 4):
        run = transform(ops, seed=1, epoch=0)
        stream = batches(data, range(8), intake=ImageIntake(size=48, rule=ResizeRule()), transform=run, workers=workers)
        runs.append(np.concatenate([batch.arrays for batch in stream]))
    np.testing.assert_array_equal(*runs)
    assert len({image.tobytes() for image in runs[0]}) == 8


def test_layers_that_do_not_fit_are_named(photos):
    for layer, message in (
        (layers.Rescaling(1 / 255, name="scaled"), r"'scaled' gave values from .* they stay 0\.\.255"),
        (layers.Dense(4, name="four"), r"'four' made \(224, 224, 4\) of an image \(224, 224, 3\)"),
        (layers.RandomBrightness(0.5, value_range=(0, 1), name="unit"), "'unit' gave values from"),
    ):
        run = transform(resolve(layer), seed=0, epoch=0)
        with pytest.raises(OptionError, match=message):
            run(photos[0].copy(), 0)


class RandomInvert(keras.layers.Layer):
    """The lecture's own layer: its random numbers come from TensorFlow, not from a seed generator of Keras."""

    def call(self, x, training=None):
        import tensorflow as tf

        return 255 - x if tf.random.uniform([]) < 0.5 else x


@pytest.mark.tensorflow("tf.random")
def test_a_layer_that_draws_by_itself_works_and_says_so():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    (op,) = resolve(RandomInvert())
    run = transform([op], seed=0, epoch=0)
    with pytest.warns(ZooNotice, match="cannot be repeated or resumed bit for bit"):
        run(image.copy(), 0, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forms = {run(image.copy(), index, None)[0].tobytes() for index in range(40)}
    assert forms == {image.tobytes(), (255 - image).tobytes()}


def test_a_layer_with_a_seed_generator_is_said_nothing_of():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transform(resolve(keras.layers.RandomFlip(seed=1)), seed=0, epoch=0)(image, 0, None)


def test_a_layer_that_crops_has_its_result_stretched_back():
    ramp = np.arange(0, 200, 5, dtype=np.uint8)[None, :, None].repeat(40, 0).repeat(3, 2)
    (op,) = resolve(keras.layers.RandomCrop(20, 20, seed=1))
    run = transform([op], seed=0, epoch=0)
    results = [run(ramp.copy(), index, None)[0] for index in range(8)]
    assert {result.shape for result in results} == {ramp.shape}
    for result in results:
        assert 85 <= int(result[0, -1, 0]) - int(result[0, 0, 0]) <= 100  # half of the ramp
    drawn = np.stack([op.in_graph.draw(7)] * 2)
    inside = np.asarray(op.in_graph.apply(np.stack([ramp] * 2).astype(np.float32), drawn))
    assert inside.shape == (2, *ramp.shape)
    assert np.abs(inside[0] - op.apply(ramp.copy(), 7)).max() <= 2
