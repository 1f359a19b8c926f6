"""Augmentation in the training graph: the same pixels as from the pipeline for the same seed; while training only."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import backend

from zoo.augment import check_in_graph, resolve, transform
from zoo.augment.in_graph import INPUTS, draws, in_front_of
from zoo.errors import OptionError

keras = pytest.importorskip("keras")
layers = keras.layers

SIDE = 64
CASES = {
    "flip": ({"flip": {"mode": "horizontal_and_vertical"}}, 0, 0),
    "contrast": ({"contrast": {"factor": 0.8}}, 1, 1e-3),
    "rotation": ({"rotation": {"degrees": 40}}, 1, 0.01),
    "zoom": ({"zoom": {"factor": 0.5}}, 1, 0.01),
    "translation": ({"translation": {"factor": 0.4}}, 1, 0.01),
    "layers": (lambda: [layers.RandomRotation(0.2), layers.RandomContrast(0.4), layers.SpatialDropout2D(0.5)], 0, 0),
    "sequential": (lambda: keras.Sequential([layers.RandomFlip(), layers.RandomZoom(0.3)]), 0, 0),
    "several": (lambda: ["flip", layers.RandomTranslation(0.2, 0.2), {"contrast": {}}], 1, 1e-3),
}
"""Augmentation, the most levels by which a pixel may differ, and the share of pixels that may."""


def both_ways(augment, images, *, seed, epoch):
    """The images as the pipeline and as the graph augments them."""
    ops = resolve(augment)
    apply, draw = transform(ops, seed=seed, epoch=epoch), draws(ops, seed=seed, epoch=epoch)
    wanted = np.stack([apply(image.copy(), index)[0] for index, image in enumerate(images)])
    pixels = keras.Input((SIDE, SIDE, 3))
    model = in_front_of(keras.Model(pixels, layers.Identity()(pixels)), ops)
    rows = [draw(index) for index in range(len(images))]
    batch = {INPUTS: images.astype(np.float32), **{name: np.stack([row[name] for row in rows]) for name in rows[0]}}

    found = backend.in_training(model, batch)
    np.testing.assert_array_equal(model(batch, training=False), images)  # passes through unless it trains
    return wanted.astype(np.float32), found


@pytest.mark.parametrize("name", CASES)
def test_the_graph_gives_the_pixels_of_the_pipeline(name, photos):
    augment, levels, share = CASES[name]
    augment = augment() if callable(augment) else augment
    images = np.ascontiguousarray(photos[:, 60 : 60 + SIDE, 80 : 80 + SIDE])
    wanted, found = both_ways(augment, images, seed=3, epoch=2)
    assert (wanted != images).mean() > 0.2, "nothing happens"
    off = np.abs(found - wanted)
    assert off.max() <= levels
    assert (off > 0).mean() <= share
    np.testing.assert_array_equal(found, np.rint(found))


def test_draws_depend_on_seed_epoch_and_index_only():
    ops = resolve(["flip", "rotation", layers.RandomFlip()])
    one = draws(ops, seed=1, epoch=4)(7)
    assert {name: value.shape for name, value in one.items()} == {
        "augment_0": (2,),
        "augment_1": (6,),
        "augment_2": (1,),
    }
    again = draws(resolve(["flip", "rotation", layers.RandomFlip()]), seed=1, epoch=4)
    again(3)
    for name, value in again(7).items():
        np.testing.assert_array_equal(value, one[name])
    for other in (draws(ops, seed=2, epoch=4)(7), draws(ops, seed=1, epoch=5)(7), draws(ops, seed=1, epoch=4)(8)):
        assert (other["augment_1"] != one["augment_1"]).any()


def test_what_cannot_run_there_is_named():
    with pytest.raises(OptionError, match=r"'noise' of .* runs in the pipeline only"):
        check_in_graph(resolve(["flip", "noise"]), boxes=False)

    def darker(image, seed):
        return image // 2

    with pytest.raises(OptionError, match="'darker' of user runs in the pipeline only"):
        check_in_graph(resolve(darker), boxes=False)
    with pytest.raises(OptionError, match="'flip' moves boxes, which the graph does not see"):
        check_in_graph(resolve(["contrast", "flip"]), boxes=True)
    check_in_graph(resolve("contrast"), boxes=True)
