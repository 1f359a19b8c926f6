"""Keras layers as augmentation: stateless in the seed, whatever was called before."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoo.augment import resolve, transform
from zoo.data import Arrays, batches
from zoo.data.intake import ImageIntake
from zoo.errors import OptionError
from zoo.specs import ResizeRule

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
        runs.append(np.concatenate([batch.pixels for batch in stream]))
    np.testing.assert_array_equal(*runs)
    assert len({image.tobytes() for image in runs[0]}) == 8


def test_layers_that_do_not_fit_are_named(photos):
    for layer, message in (
        (layers.Rescaling(1 / 255, name="scaled"), r"'scaled' gave pixels from .* pixels stay 0\.\.255"),
        (layers.Resizing(32, 32, name="small"), r"'small' made \(32, 32, 3\) of an image \(224, 224, 3\)"),
        (layers.RandomCrop(100, 100, name="crop"), "'crop' made"),
        (layers.RandomBrightness(0.5, value_range=(0, 1), name="unit"), "'unit' gave pixels from"),
    ):
        run = transform(resolve(layer), seed=0, epoch=0)
        with pytest.raises(OptionError, match=message):
            run(photos[0].copy(), 0)


def test_a_layer_whose_randomness_cannot_be_seeded_is_refused(photos):
    class Loose(keras.Layer):
        def call(self, x):
            return x + keras.random.uniform((1, 224, 224, 3), 0, 50)

    run = transform(resolve(Loose(name="loose")), seed=0, epoch=0)
    with pytest.raises(OptionError, match="'loose' gave two different results for the same seed"):
        run(photos[0].copy(), 0)
