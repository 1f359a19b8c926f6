"""The networks of the lectures: their shapes and counts, their options, and what they learn."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError
from zoo.plugin import manager, registry
from zoo.specs import Preprocessing, sides
from zoo.testing import BackboneConformance

SMALL = {
    "perceptron": (932_362, {"flatten": (784,), "fc3": (512,)}),
    "dense_regressor": (54_465, {"fc2": (64,)}),
    "first_cnn": (333_526, {"pool1": (14, 14, 32), "pool2": (7, 7, 64), "dense1": (100,)}),
    "mnist_cnn": (421_642, {"pool1": (14, 14, 32), "pool2": (7, 7, 64)}),
    "lenet": (61_706, {"c1": (28, 28, 6), "s2": (14, 14, 6), "c3": (10, 10, 16), "s4": (5, 5, 16), "fc1": (120,)}),
    "cifar10_cnn": (1_345_066, {"pool1": (16, 16, 32), "pool2": (8, 8, 64), "pool3": (4, 4, 128), "dense1": (512,)}),
    "flower_cnn": (2_121_509, {"pool3": (16, 16, 64)}),
}
LARGE = {
    "crosschannel_115x51": (
        16_198_277,
        {
            "conv1": (55, 23, 96),
            "pool1": (27, 11, 96),
            "conv2": (27, 11, 128),
            "pool2": (13, 5, 128),
            "conv3": (13, 5, 256),
            "conv4": (13, 5, 256),
            "conv5": (13, 5, 128),
            "pool5": (6, 2, 128),
        },
    ),
    "alexnet": (
        62_378_344,
        {"conv1": (55, 55, 96), "pool1": (27, 27, 96), "pool2": (13, 13, 256), "pool5": (6, 6, 256)},
    ),
    "alexnet_224": (
        50_844_008,
        {"conv1": (54, 54, 96), "pool1": (26, 26, 96), "pool2": (12, 12, 256), "pool5": (5, 5, 256)},
    ),
    "googlenet": (
        6_998_552,
        {
            "conv1": (112, 112, 64),
            "inception3b": (28, 28, 480),
            "inception4e": (14, 14, 832),
            "inception5b": (7, 7, 1024),
        },
    ),
}
NAMED = {
    "xception": (22_910_480, {"block14_sepconv2_act": (10, 10, 2048)}),
    "vgg16": (138_357_544, {"block1_pool": (112, 112, 64), "block5_pool": (7, 7, 512)}),
    "vgg19": (143_667_240, {"block5_pool": (7, 7, 512)}),
    "resnet50": (25_636_712, {"conv5_block3_out": (7, 7, 2048)}),
    "resnet50_v2": (25_613_800, {"post_relu": (7, 7, 2048)}),
    "inception_v3": (23_851_784, {"mixed10": (8, 8, 2048)}),
    "inception_resnet_v2": (55_873_736, {"conv_7b_ac": (8, 8, 1536)}),
    "mobilenet": (4_253_864, {"conv_pw_13_relu": (7, 7, 1024)}),
    "mobilenet_v2": (3_538_984, {"out_relu": (7, 7, 1280)}),
    "densenet121": (8_062_504, {"conv1_relu": (112, 112, 64), "relu": (7, 7, 1024)}),
    "nasnet_mobile": (5_326_716, {"normal_concat_12": (7, 7, 1056)}),
    "efficientnet_b0": (5_330_564, {"top_activation": (7, 7, 1280)}),
}
"""Those that the lectures take from Keras, with the counts of its documentation. EfficientNetB0 has seven more there:
mean, variance and counter of a Normalization layer, which zoo has as numbers of its preprocessing."""

TABLE = SMALL | LARGE | NAMED


def network(name: str, size: Any = None, *, top: bool = True, **options: Any) -> Any:
    from zoo.architectures import build_base

    entry = registry().get("backbones", name)
    chosen = manager().options(entry, options)
    size = size or entry.spec.input.default_size
    return build_base(entry.spec, weights=None, input_size=size, include_top=top, seed=0, options=chosen)


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE | NAMED)])
def test_the_table_of_the_lectures(name: str) -> None:
    params, shapes = TABLE[name]
    model, spec = network(name), registry().get("backbones", name).spec
    assert model.count_params() == params == spec.params_top
    assert model.input_shape == (None, *sides(spec.input.default_size), spec.input.channels)
    assert {layer: tuple(model.get_layer(layer).output.shape[1:]) for layer in shapes} == shapes
    answer = np.asarray(model(np.zeros((1, *model.input_shape[1:]), np.float32), training=False))
    assert answer.shape == (1, model.output_shape[-1])
    assert np.isfinite(answer).all()


def test_the_order_of_the_first_deck() -> None:
    kinds = [type(layer).__name__ for layer in network("first_cnn").layers if type(layer).__name__ != "Activation"]
    assert kinds == ["InputLayer", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]


def test_lenet_reads_all_maps_and_takes_both_sizes() -> None:
    for size in (28, 32):
        model = network("lenet", size)
        assert model.get_layer("c3").count_params() == 2_416 == 6 * 5 * 5 * 16 + 16
        assert model.get_layer("c1").output.shape[1:] == (28, 28, 6)


def test_batchnorm_of_the_cifar_network_does_not_train_in_full() -> None:
    model = network("cifar10_cnn")
    assert sum(int(np.prod(weight.shape)) for weight in model.non_trainable_weights) == 1_920


@pytest.mark.slow
def test_googlenet_with_its_auxiliary_classifiers() -> None:
    from zoo_classics.googlenet import with_auxiliary

    model = with_auxiliary()
    assert model.count_params() == 13_378_280
    assert [tuple(output.shape) for output in model.outputs] == [(None, 1000)] * 3
    kinds = [type(layer).__name__ for layer in network("googlenet").layers]
    # 22 layers with weights in a row and 5 poolings, as the lecture counts: two in each of nine blocks, three before
    # them, one behind.
    assert kinds.count("Conv2D") == 3 + 9 * 6
    assert kinds.count("MaxPooling2D") + kinds.count("GlobalAveragePooling2D") == 5 + 9


def test_normalization_across_channels_is_that_of_the_paper() -> None:
    import keras

    from zoo_classics.networks import across_channels

    inputs = keras.Input((2, 2, 7))
    x = np.random.default_rng(0).normal(0, 30, (1, 2, 2, 7)).astype(np.float32)
    actual = np.asarray(keras.Model(inputs, across_channels(inputs))(x))
    for channel in range(7):
        near = x[..., max(channel - 2, 0) : channel + 3]
        expected = x[..., channel] / (2 + 1e-4 * (near**2).sum(axis=-1)) ** 0.75
        np.testing.assert_allclose(actual[..., channel], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "params"),
    [
        ("mnist_cnn", {"filters": [16, 32]}, 160 + 4_640 + (7 * 7 * 32 + 1) * 128 + 1_290),
        ("perceptron", {"units": [128]}, 785 * 128 + 1_290),
        ("perceptron", {"units": [128, 128], "activation": "tanh", "dropout": 0}, 785 * 128 + 129 * 128 + 1_290),
        ("mnist_cnn", {"filters": [8], "kernels": [5], "units": []}, 208 + (14 * 14 * 8 + 1) * 10),
    ],
)
def test_options_change_the_network(name: str, options: dict[str, Any], params: int) -> None:
    model = zoo.build(name, zoo.classifier([str(digit) for digit in range(10)]), options=options)
    assert model.composition.backbone.count_params() + model.composition.head.count_params() == params
    given = model.composition.identity.options
    assert {key: given[key] for key in options} == options


def test_options_that_are_not_there() -> None:
    head = zoo.classifier(["a", "b"])
    with pytest.raises(OptionError, match=r"filtres.*Known options: activation"):
        zoo.build("mnist_cnn", head, options={"filtres": [8]})
    with pytest.raises(OptionError, match=r"'zoo:vgg16' has no options; got units"):
        zoo.build("vgg16", head, options={"units": 3}, weights=None)
    with pytest.raises(OptionError, match=r"kernels=\[3\] must be one number, or one for each of 2 blocks"):
        zoo.build("mnist_cnn", head, options={"kernels": [3]})
    with pytest.raises(OptionError, match="nothing is left of"):
        zoo.build("mnist_cnn", head, options={"filters": [4] * 6})
    with pytest.raises(OptionError, match="whole number of px, or"):
        zoo.build("mnist_cnn", head, input_size="large")


def halves(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Gray pictures of 28 x 28: dark, bright above, bright below."""
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 60, (count, 28, 28)).astype(np.uint8), np.arange(count) % 3
    x[y == 1, :14] = 250
    x[y == 2, 14:] = 250
    return x, y


def test_gray_from_the_data_to_the_file(tmp_path: Path) -> None:
    x, y = halves()
    model = zoo.build(
        "mnist_cnn",
        zoo.classifier(["dark", "above", "below"]),
        options={"filters": [4], "units": [8], "dropout": 0},
        augment=["noise"],
    )
    assert model.keras_model.input_shape == (None, 28, 28, 1)
    run = model.fit((x, y), epochs=12, learning_rate=1e-2, directory=tmp_path / "run", verbose=0)
    assert run.validation.accuracy == 1.0
    assert [phase.name for phase in run.record.phases] == ["scratch"]
    path = model.save(tmp_path / "gray.keras")
    loaded = zoo.load(path)
    color = np.repeat(x[:6, ..., None], 3, axis=-1)
    answers = [prediction.score for prediction in model.predict(x[:6])]
    assert [prediction.score for prediction in model.predict(color)] == answers
    np.testing.assert_allclose([p.score for p in loaded.predict(x[:6])], answers, rtol=1e-6)
    assert loaded.composition.identity == model.composition.identity
    filters = zoo.plots.first_layer_filters(loaded)
    assert len(filters.axes) == 4
    assert len(zoo.plots.network(loaded, layers=True).axes[0].patches) == 8


def test_a_picture_that_is_no_square() -> None:
    model = zoo.build(
        "crosschannel_115x51", zoo.classifier(["a", "b"]), options={"units": [4], "dropout": 0}, weights=None
    )
    assert model.input_size == (115, 51)
    assert model.composition.intake.array_shape == (115, 51, 3)
    square = zoo.build("flower_cnn", zoo.classifier(["a", "b"]), input_size=(32, 32), options={"units": [4]})
    assert square.input_size == 32
    wide = zoo.build("flower_cnn", zoo.classifier(["a", "b"]), input_size=(16, 40), options={"units": [4]})
    assert wide.keras_model.input_shape == (None, 16, 40, 3)


def test_preprocessing_must_fit_the_channels() -> None:
    with pytest.raises(OptionError, match="3 numbers in mean or std, and zoo_classics:lenet takes 1 channels"):
        zoo.build("lenet", zoo.classifier(["a", "b"]), preprocessing=Preprocessing(mean=(1, 2, 3)))


def test_a_network_without_weights_is_skipped_where_features_are_ranked() -> None:
    from zoo.ranking.candidates import plan

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        planned, skipped = plan(
            ["lenet"], "pretrained", None, None, {"max_params": None, "max_size": None, "license": None}
        )
    assert not planned
    assert "no pretrained weights" in skipped[0].reason


@pytest.mark.slow
class TestLeNet(BackboneConformance):
    name = "zoo_classics:lenet"


@pytest.mark.slow
class TestCrossChannel(BackboneConformance):
    name = "zoo_classics:crosschannel_115x51"


def test_a_dataset_row_says_who_stated_its_digest() -> None:
    """A digest that nobody published would refuse a good download; without one the first download is pinned."""
    from zoo_classics.datasets import SPECS

    rows = [spec for spec in SPECS if spec.digest is not None]
    assert {spec.name for spec in rows} == {"mnist", "cifar10", "flower_photos", "imdb_reviews"}
    for spec in rows:
        assert "as stated by" in spec.source, spec.name
        assert {file.digest for file in spec.files} <= {spec.digest}
    assert not [file for spec in SPECS if spec not in rows for file in spec.files if file.digest or file.bytes]
