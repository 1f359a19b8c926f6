"""The arithmetic of layers: the exercises of the lectures, and the table of all layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo.architectures import find_stages
from zoo.architectures.arithmetic import COLUMNS, layer_rows, output_side
from zoo.errors import OptionError
from zoo.plots.kernels import KERNELS, filtered

ROWS = np.array([[1, 2, 0, 3, 1], [1, 0, 0, 2, 2], [2, 1, 2, 1, 1], [0, 0, 1, 0, 0], [1, 2, 1, 1, 1]])
KERNEL = np.array([[-1, 1, 2], [1, 1, 0], [-1, -2, 0]])


def test_the_formula() -> None:
    """48 through 3x3 same stride 1; 3x3 same stride 2; 5x5 valid; 7x7 valid stride 3."""
    asked = [(3, 1, "same"), (3, 2, "same"), (5, 1, "valid"), (7, 3, "valid")]
    assert [output_side(48, kernel, stride=s, padding=p) for kernel, s, p in asked] == [48, 24, 44, 14]
    assert [output_side(side, 11, stride=4) for side in (224, 227)] == [54, 55]
    assert output_side(27, 5, padding=2) == 27
    for wrong in (
        {"kernel": 9},
        {"kernel": 3, "stride": 0},
        {"kernel": 3, "padding": -1},
        {"kernel": 3, "padding": "x"},
    ):
        with pytest.raises(OptionError):
            output_side(8, **wrong)


def test_the_formula_is_what_keras_does() -> None:
    asked = {
        "17x17 valid": keras.layers.Conv2D(1, 17),
        "3x3 same stride 2": keras.layers.Conv2D(1, 3, strides=2, padding="same"),
        "2x2 pooling stride 2": keras.layers.MaxPooling2D(2),
        "3x3 same": keras.layers.Conv2D(1, 3, padding="same"),
        "5x5 valid": keras.layers.Conv2D(1, 5),
        "3x3 valid stride 2": keras.layers.Conv2D(1, 3, strides=2),
    }
    sides = {}
    for name, layer in asked.items():
        (row,) = [row for row in rows_of(layer, 32) if row["kernel"]]
        sides[name] = row["output"][0]
        assert output_side(32, row["kernel"][0], stride=row["stride"][0], padding=row["padding"]) == row["output"][0]
    assert [name for name, side in sides.items() if side == 16] == [
        "17x17 valid",
        "3x3 same stride 2",
        "2x2 pooling stride 2",
    ]


def rows_of(layer: keras.Layer, side: int) -> list[dict]:
    image = keras.Input((side, side, 1))
    model = keras.Model(image, layer(image))
    return layer_rows(model, find_stages(model))


def test_the_worked_example() -> None:
    assert filtered(ROWS, KERNEL)[0, 0] == -2
    assert filtered(ROWS, KERNEL, padding=1)[0, 0] == -1
    for padding, expected in (("valid", filtered(ROWS, KERNEL)), ("same", filtered(ROWS, KERNEL, padding=1))):
        layer = keras.layers.Conv2D(1, 3, padding=padding, use_bias=False)
        layer.build((None, 5, 5, 1))
        layer.set_weights([KERNEL[:, :, None, None].astype(np.float32)])
        np.testing.assert_allclose(np.asarray(layer(ROWS[None, :, :, None].astype(np.float32)))[0, ..., 0], expected)


def test_a_row_says_what_a_layer_does() -> None:
    table = zoo.describe("first_cnn").layers
    assert table.columns == COLUMNS
    by_name = {row["name"]: row for row in table}
    assert by_name["conv2_1"] == {
        "name": "conv2_1",
        "type": "Conv2D",
        "stage": "stage1",
        "input": [14, 14, 32],
        "output": [14, 14, 64],
        "kernel": [3, 3],
        "stride": [1, 1],
        "padding": "same",
        "units": 64,
        "activation": None,
        "params": 18_496,
        "macs": 14 * 14 * 64 * 9 * 32,
        "field": [8, 8],
    }
    assert [by_name[name]["field"] for name in ("conv1_1", "pool1", "pool2")] == [[3, 3], [4, 4], [10, 10]]
    assert by_name["relu1_1"]["activation"] == "relu"
    assert (by_name["predictions"]["units"], by_name["predictions"]["params"]) == (10, 1_010)
    assert by_name["predictions"]["field"] is None


def test_named_kernels() -> None:
    flat = np.full((9, 9), 100.0)
    sums = {name: float(filtered(flat, kernel)[0, 0]) for name, kernel in KERNELS.items()}
    assert sums == pytest.approx(
        {"blur": 100, "sharpen": 100, "edge": 0, "emboss": 100, "vertical": -300, "horizontal": -300, "corner": -100}
    )
    line = np.zeros((9, 9))
    line[:, 4] = 10
    assert filtered(line, KERNELS["vertical"]).max() == 30
    assert filtered(line, KERNELS["horizontal"]).max() == 0
    photo = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    assert len(zoo.plots.kernels(photo, "sharpen").axes) == 2
    assert len(zoo.plots.kernels(photo).axes) == 1 + len(KERNELS)
    assert len(zoo.plots.variants(photo, ["flip", "rotation"]).axes) == 9
    with pytest.raises(OptionError, match="Did you mean 'sharpen'"):
        zoo.plots.kernels(photo, "sharpn")
