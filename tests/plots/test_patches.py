"""Receptive fields against gradients, top patches against brute force, first filters in the order of colors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoo
from zoo.architectures.receptive import Field, receptive_fields
from zoo.errors import OptionError
from zoo.plots.gradient import gradient
from zoo.plots.patches import crop, first_filters, top_patches, up_to
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset


def convolution(kernel: Any, **options: Any) -> Any:
    import keras

    return keras.layers.Conv2D(2, kernel, kernel_initializer="ones", **options)


def plain(x: Any) -> Any:
    return convolution(3, strides=2)(x)


def same(x: Any) -> Any:
    return convolution(4, strides=2, padding="same")(convolution(5, strides=3, padding="same")(x))


def padded_and_pooled(x: Any) -> Any:
    import keras

    x = keras.layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = keras.layers.AveragePooling2D(3, strides=2, padding="same")(convolution((3, 2))(x))
    return keras.layers.DepthwiseConv2D(3, depthwise_initializer="ones")(keras.layers.Cropping2D(1)(x))


def branches(x: Any) -> Any:
    """A block with a shortcut, a dilated branch and a gate (which sees everything, so that its gradient is kept 0)."""
    import keras

    x = convolution(3, strides=2, padding="same")(x)
    wide = convolution(3, padding="same", dilation_rate=2)(x)
    gate = keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones")
    gate = gate(keras.layers.GlobalAveragePooling2D(keepdims=True)(wide))
    return keras.layers.Add()([x, keras.layers.Multiply()([wide, gate])])


def nested(x: Any) -> Any:
    import keras

    inner = keras.Sequential([convolution(3, padding="same"), keras.layers.AveragePooling2D(2)])
    return inner(convolution(1)(x))


@pytest.mark.parametrize("layers", [plain, same, padded_and_pooled, branches, nested])
def test_a_field_is_where_a_gradient_is(layers: Any) -> None:
    """The pixels that a cell depends on, by the gradient of that cell, are those that its field names."""
    import keras

    image = keras.Input((37, 30, 1))
    model = keras.Model(image, layers(image))
    rows, columns = receptive_fields(model)
    height, width, channels = model.output_shape[1:]
    flat = keras.Model(image, keras.layers.Flatten()(model(image)))
    cells = [(0, 0), (height - 1, width - 1), (height // 2, width // 2), (2, width - 1)]
    places = np.array([(row * width + column) * channels for row, column in cells])
    value = keras.ops.ones((len(cells), 37, 30, 1))
    slopes = np.abs(gradient(flat, value, places))[..., 0]
    for (row, column), slope in zip(cells, slopes, strict=True):
        for field, cell, axis, side in ((rows, row, 1, 37), (columns, column, 0, 30)):
            seen = np.flatnonzero(slope.any(axis=axis))
            first, last = field.of(cell)
            assert (seen[0], seen[-1]) == (max(first, 0), min(last, side - 1))


def test_what_is_no_window_is_told() -> None:
    import keras

    image = keras.Input((16, 16, 3))
    with pytest.raises(OptionError, match="UpSampling2D 'wider' sees is not known"):
        receptive_fields(keras.Model(image, keras.layers.UpSampling2D(name="wider")(image)))
    with pytest.raises(OptionError, match="transposed convolution"):
        receptive_fields(keras.Model(image, keras.layers.Conv2DTranspose(2, 3)(image)))
    with pytest.raises(OptionError, match="sees the whole picture"):
        receptive_fields(keras.Model(image, keras.layers.GlobalAveragePooling2D(keepdims=True)(image)))


def test_published_fields() -> None:
    """Araujo et al. 2019, table 1: 212 pixels behind VGG16's last pooling, 315 behind MobileNet's last layer."""
    import keras

    shape = {"weights": None, "include_top": False, "input_shape": (224, 224, 3)}
    vgg = receptive_fields(keras.applications.VGG16(**shape))
    assert [(field.size, field.jump) for field in vgg] == [(212, 32)] * 2
    mobilenet = receptive_fields(keras.applications.MobileNet(alpha=0.25, **shape))
    assert [(field.size, field.jump) for field in mobilenet] == [(315, 32)] * 2


def test_top_patches_are_those_of_brute_force() -> None:
    """Every window of every picture through the kernel by hand; the nine best pictures, places and pixels."""
    import keras

    random = np.random.default_rng(3)
    pictures = random.integers(0, 256, (14, 24, 24, 3)).astype(np.uint8)
    image = keras.Input((24, 24, 3))
    base = keras.Model(image, convolution(5, strides=3, padding="same", name="first")(image))
    kernel = random.normal(size=(5, 5, 3, 2)).astype(np.float32)
    base.get_layer("first").set_weights([kernel, np.zeros(2, np.float32)])
    model = zoo.build(base, head=zoo.classifier(["a", "b"]), preprocessing=None)
    found = top_patches(model.composition, zoo.Arrays(pictures), "first", [1, 0], k=9)
    assert list(found) == [1, 0]
    for channel, patches in found.items():
        best = []
        for number, picture in enumerate(pictures):
            wide = np.pad(picture.astype(np.float64), ((1, 1), (1, 1), (0, 0)))  # 'same': 2 pixels in all
            values = {
                (row, column): (wide[3 * row : 3 * row + 5, 3 * column : 3 * column + 5] * kernel[..., channel]).sum()
                for row in range(8)
                for column in range(8)
            }
            cell = max(values, key=values.__getitem__)
            best.append((values[cell], number, cell))
        best.sort(reverse=True)
        assert [(patch.index, patch.cell) for patch in patches] == [(number, cell) for _, number, cell in best[:9]]
        np.testing.assert_allclose([patch.value for patch in patches], [value for value, _, _ in best[:9]], rtol=1e-4)
        for patch in patches:
            left, top, right, bottom = patch.box
            assert (left, top) == (3 * patch.cell[1] - 1, 3 * patch.cell[0] - 1)
            assert (right - left, bottom - top) == (5, 5)
            inside = pictures[patch.index][max(top, 0) : bottom, max(left, 0) : right]
            np.testing.assert_array_equal(patch.array[max(-top, 0) :, max(-left, 0) :][:24, :24][: len(inside)], inside)
    with pytest.raises(OptionError, match=r"channels 0..1"):
        top_patches(model.composition, zoo.Arrays(pictures), "first", [2])
    with pytest.raises(OptionError, match="no stage or layer 'frist'"):
        top_patches(model.composition, zoo.Arrays(pictures), "frist", [0])


def test_preprocessing_is_in_front_of_the_maps() -> None:
    model = zoo.build(
        tiny_backbone(),
        head=zoo.classifier(["a", "b"]),
        preprocessing=Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0)),
    )
    inside, network = up_to(model.composition, "relu0")
    pixels = tiny_dataset(count=1).image(0)[None].astype(np.float32)
    np.testing.assert_allclose(network(pixels), inside(pixels * np.float32(2 / 255) - 1), atol=1e-5)


def test_beyond_the_border_a_patch_is_gray() -> None:
    picture = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    part = crop(picture, (-1, 3, 2, 7))
    assert part.shape == (4, 3, 3)
    np.testing.assert_array_equal(part[:2, 1:], picture[3:, :2])
    assert (part[:, 0] == 128).all()
    assert (part[2:] == 128).all()


def test_first_filters_are_in_the_order_of_colors() -> None:
    """With a base that takes blue first the filters are turned, so that they show as the colors they look for."""
    kernel = tiny_backbone().get_layer("conv0").get_weights()[0].transpose(3, 0, 1, 2)
    for order, wanted in (("RGB", kernel), ("BGR", kernel[..., ::-1])):
        numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0), channel_order=order)
        model = zoo.build(tiny_backbone(), head=zoo.classifier(["a", "b"]), preprocessing=numbers)
        np.testing.assert_array_equal(first_filters(model.composition), wanted)


def test_a_field_is_data() -> None:
    field = Field().behind(3, 2, 1).behind(3, 1, 1)
    assert (field.jump, field.size, field.of(0), field.of(4)) == (2, 7, (-3, 3), (5, 11))
