"""Grad-CAM against a gradient written by hand, through a nested base, preprocessing, and every kind of head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError
from zoo.plots.gradient import grad_cam, overlay, spread
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset

NUMBERS = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.stack([tiny_dataset(count=5).image(index) for index in range(5)])


def maps_of(model: zoo.TransferModel, pixels: np.ndarray) -> np.ndarray:
    """The last feature map, by calling the base by itself on pixels that are preprocessed here."""
    base = model.composition.backbone
    return np.asarray(base(pixels.astype(np.float32) * np.float32(2 / 255) - 1, training=False))


def by_hand(maps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """relu(sum_k a_k A_k), each image by its largest value; `slopes` (n, channels): of the mean of each channel."""
    cells = maps.shape[1] * maps.shape[2]
    heat = np.maximum((maps * slopes[:, None, None, :] / cells).sum(axis=-1), 0)
    most = heat.max(axis=(1, 2), keepdims=True)
    return heat / np.where(most > 0, most, 1)


def test_a_linear_head(pixels: np.ndarray) -> None:
    model = zoo.build(tiny_backbone(), head=zoo.classifier(["a", "b", "c"]), preprocessing=NUMBERS)
    kernel = model.composition.linear_layer().get_weights()[0]
    columns = np.array([0, 1, 2, 1, 0])
    found = grad_cam(model.composition, pixels, columns)
    assert found.shape == (5, 4, 4)
    np.testing.assert_allclose(found, by_hand(maps_of(model, pixels), kernel[:, columns].T), atol=1e-4)
    assert np.ptp(found) > 0.5
    one = grad_cam(model.composition, pixels, 2)
    np.testing.assert_allclose(one, by_hand(maps_of(model, pixels), kernel[:, [2] * 5].T), atol=1e-4)


def test_a_head_with_a_hidden_layer_and_dropout(pixels: np.ndarray) -> None:
    """The gradient of the second answer of a head: back through relu by hand."""
    head = zoo.classifier(["a", "b", "c"], head="mlp", units=[6], dropout=0.5)
    model = zoo.build(tiny_backbone(), head=head, preprocessing=NUMBERS, seed=2)
    weights = [w for w in model.composition.head.get_weights() if w.ndim == 2]
    assert [w.shape for w in weights] == [(24, 6), (6, 3)]
    bias = model.composition.head.get_weights()[1]
    maps = maps_of(model, pixels)
    hidden = maps.mean(axis=(1, 2)) @ weights[0] + bias
    slopes = ((hidden > 0) * weights[1][:, 1]) @ weights[0].T
    np.testing.assert_allclose(grad_cam(model.composition, pixels, 1), by_hand(maps, slopes), atol=1e-4)


def test_values_and_one_of_several_answers(pixels: np.ndarray) -> None:
    head = zoo.multi_output(color=zoo.classifier(["a", "b"]), size=zoo.regressor(["w", "h"]))
    model = zoo.build(tiny_backbone(), head=head, preprocessing=NUMBERS)
    kernel = model.composition.linear_layer().get_weights()[0]
    found = grad_cam(model.composition, pixels, 3)  # the height
    np.testing.assert_allclose(found, by_hand(maps_of(model, pixels), kernel[:, [3] * 5].T), atol=1e-4)


def test_behind_an_earlier_stage_heat_has_more_cells(pixels: np.ndarray) -> None:
    model = zoo.build(tiny_backbone(), head=zoo.classifier(["a", "b"]), preprocessing=NUMBERS)
    names = [stage.name for stage in model.composition.stages]
    assert grad_cam(model.composition, pixels, 0, stage=names[-2]).shape == (5, 8, 8)
    with pytest.raises(OptionError, match="no feature map behind stage 'stage9'"):
        grad_cam(model.composition, pixels, 0, stage="stage9")
    with pytest.raises(OptionError, match=r"columns 0..1; asked for \[2\]"):
        grad_cam(model.composition, pixels, 2)


def red_finder() -> zoo.TransferModel:
    """A base that shows where red is, and a head whose first answer is: there is red."""
    import keras

    image = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(2, 1, activation="relu", name="red_or_gray")(image)
    base = keras.Model(image, keras.layers.AveragePooling2D(8)(x))
    red = np.array([[1.0, 0.3], [-0.5, 0.3], [-0.5, 0.3]], np.float32)
    base.get_layer("red_or_gray").set_weights([red[None, None], np.zeros(2, np.float32)])
    model = zoo.build(base, head=zoo.classifier(["red", "none"]), preprocessing=Preprocessing(scale=1 / 255))
    model.composition.linear_layer().set_weights([np.array([[3.0, -3.0], [0.0, 1.0]]), np.zeros(2)])
    return model


@pytest.mark.parametrize(("top", "left"), [(0, 40), (40, 8), (24, 24)])
def test_the_heat_is_where_the_thing_is(top: int, left: int, tmp_path: Path) -> None:
    """A red square on gray: all of the heat lies on it, whatever the place; in a model that was saved, too."""
    picture = np.full((64, 64, 3), 120, np.uint8)
    picture[top : top + 16, left : left + 16] = (230, 30, 30)
    model = red_finder()
    if top == 0:
        model.state.head_state = "fitted"
        model = zoo.load(model.save(tmp_path / "red.keras"))
    heat = grad_cam(model.composition, picture[None], 0)[0]
    square = np.zeros((8, 8), bool)
    square[top // 8 : top // 8 + 2, left // 8 : left // 8 + 2] = True
    assert heat[square].min() > 0.99
    assert heat[~square].max() == 0
    glow = overlay(picture, heat).astype(int)
    lit = glow.max(axis=-1) > 150
    assert lit[top + 4 : top + 12, left + 4 : left + 12].all()
    far = np.ones((64, 64), bool)
    far[max(top - 8, 0) : top + 24, max(left - 8, 0) : left + 24] = False
    assert not lit[far].any()


def test_nothing_speaks_for_an_answer() -> None:
    assert grad_cam(red_finder().composition, np.full((1, 64, 64, 3), 120, np.uint8), 0).max() == 0


def test_spread_keeps_places() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1
    wide = spread(heat, 32, 48)
    assert wide.shape == (32, 48)
    row, column = np.unravel_index(wide.argmax(), wide.shape)
    assert abs(row - 11.5) <= 1
    assert abs(column - 29.5) <= 1


def test_the_pretrained_classifier_looks_at_the_thing(shared_data: Path) -> None:
    """A fish on one side of the picture: there is more heat on it than beside it, for its class. Real weights."""
    from zoo.data import decode, resize

    model = zoo.build("efficientnet_lite0")
    photo = decode(shared_data / "imagenet_samples" / "n01443537_goldfish.JPEG")
    pixels = resize(photo, 224, model.composition.intake.rule)
    heat = grad_cam(model.composition, pixels[None], model.labels.index("goldfish"))[0]
    orange = pixels[..., 0].astype(int) - pixels[..., 2] > 90
    wide = spread(heat, 224, 224)
    assert 0.02 < orange.mean() < 0.6
    assert wide[orange].mean() > 1.5 * wide[~orange].mean()
