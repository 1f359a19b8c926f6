"""Stages follow the structure of a network, whatever its layers are called."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from backbone_case import FEW, SPECS
from keras import layers

from zoo.architectures import Stage, build_base, find_stages, layer_table

# Where somebody who knows the network would cut it, from the stem upward.
CUTS = {
    "vgg16": ["block1_pool", "block2_pool", "block3_pool", "block4_pool", "block5_pool"],
    "resnet50": ["pool1_pool", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"],
    # The last block of each group is the strided one.
    "resnet50_v2": ["pool1_pool", "conv2_block2_out", "conv3_block3_out", "conv4_block5_out", "post_relu"],
    "mobilenet": ["conv_pw_1_relu", "conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"],
    "mobilenet_v2": ["expanded_conv_project_BN", "block_2_add", "block_5_add", "block_12_add", "out_relu"],
    "efficientnet_b0": ["block1a_project_bn", "block2b_add", "block3b_add", "block5c_add", "top_activation"],
    "efficientnet_v2_b0": ["block1a_project_activation", "block2b_add", "block3b_add", "block5e_add", "top_activation"],
    "densenet121": ["pool1", "pool2_pool", "pool3_pool", "pool4_pool", "relu"],
    "efficientnet_lite0": ["blocks_0_bn2", "blocks_2_add", "blocks_4_add", "blocks_10_add", "head_relu"],
    "squeezenet": ["pool1", "pool3", "pool5", "fire9_concat"],
}


@pytest.mark.parametrize("name", CUTS)
def test_cuts_lie_where_blocks_end(name: str) -> None:
    stages = find_stages(build_base(SPECS[name], weights=None, input_size=96))
    assert [stage.cut.name for stage in stages] == CUTS[name]


def test_names_that_depend_on_the_process_do_not_matter() -> None:
    spec = SPECS["mobilenet_v3_small"]
    first, second = (find_stages(build_base(spec, weights=None, input_size=64)) for _ in range(2))
    assert [[type(layer) for layer in stage.layers] for stage in first] == [
        [type(layer) for layer in stage.layers] for stage in second
    ]
    assert [layer.name for layer in first[-1].layers] != [layer.name for layer in second[-1].layers]


def test_convnext_splits_its_patch_stem_from_the_first_blocks() -> None:
    spec = SPECS["convnext_tiny"]
    stages = find_stages(build_base(spec, weights=None, input_size=64), spec.cuts)
    assert [(stage.name, stage.stride, stage.channels) for stage in stages] == [
        ("stem", 4, 96),
        ("stage1", 4, 96),
        ("stage2", 8, 192),
        ("stage3", 16, 384),
        ("stage4", 32, 768),
    ]
    assert stages[0].cut.name == "stem_1"


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("efficientnet_b0", "convnext_tiny", "inception_v3")),
    ],
)
def test_the_two_sides_of_a_cut_make_the_whole(name: str) -> None:
    base = build_base(SPECS[name], weights=None, input_size=FEW[name], seed=1)
    pixels = np.random.default_rng(0).normal(size=(2, FEW[name], FEW[name], 3)).astype(np.float32)
    stage = find_stages(base)[-2]
    below = keras.Model(base.input, stage.cut.output)
    above = keras.Model(stage.cut.output, base.output)
    tensor = below.predict(pixels, verbose=0)
    assert tensor.shape[-1] == stage.channels
    if name != "inception_v3":  # its convolutions are not padded
        assert tensor.shape[1] == tensor.shape[2] == FEW[name] // stage.stride
    np.testing.assert_allclose(above.predict(tensor, verbose=0), base.predict(pixels, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["vgg16", "mobilenet", "efficientnet_lite0", "resnet50", "mobilenet_v3_small"])
def test_a_classifier_is_a_stage_of_its_own(name: str) -> None:
    spec = SPECS[name]
    stages = find_stages(build_base(spec, weights=None, input_size=32, include_top=True))
    assert [stage.name for stage in stages] == [*(stage.name for stage in spec.stages), "top"]
    assert [len(stage.layers) for stage in stages[:-1]] == [stage.layers for stage in spec.stages]
    assert stages[-1].channels == 1000
    assert isinstance(stages[-1].layers[0], (layers.Flatten, layers.GlobalAveragePooling2D))


def test_the_layer_table_names_the_stage_of_every_layer() -> None:
    base = build_base(SPECS["vgg16"], weights=None, input_size=64)
    rows = layer_table(base, find_stages(base))
    assert len(rows) == len(base.layers)
    assert rows[1] == ("block1_conv1", "Conv2D", [64, 64, 64], 1792, "stem")
    assert rows[-1] == ("block5_pool", "MaxPooling2D", [2, 2, 512], 0, "stage4")


# -- networks that are not ours ---------------------------------------------------------------------------------------


def described(stages: list[Stage]) -> list[tuple[str, int, str | None]]:
    return [(stage.name, stage.stride, stage.cut and stage.cut.name) for stage in stages]


def test_a_sequential_network_of_ones_own() -> None:
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", padding="same", name="a"),
            layers.MaxPooling2D(name="pool"),
            layers.Conv2D(16, 3, activation="relu", padding="same", name="b"),
            layers.Conv2D(16, 3, 2, padding="same", name="c"),
            layers.BatchNormalization(name="c_bn"),
            layers.ReLU(name="c_relu"),
            layers.Dropout(0.2, name="drop"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(4, name="d"),
        ]
    )
    assert described(find_stages(model)) == [
        ("stem", 2, "pool"),
        ("stage1", 2, "b"),
        ("stage2", 4, "drop"),
        ("top", 4, "d"),
    ]


def test_no_cut_between_a_convolution_and_what_completes_it() -> None:
    x = inputs = layers.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, 2, padding="same", name="a")(x)
    x = layers.BatchNormalization(name="a_bn")(x)
    x = layers.LeakyReLU(name="a_relu")(x)
    x = layers.Conv2D(8, 3, 2, padding="same", name="b")(x)
    x = layers.BatchNormalization(name="b_bn")(x)
    x = layers.PReLU(name="b_relu")(x)
    stages = find_stages(keras.Model(inputs, x))
    assert described(stages) == [("stem", 2, "a_relu"), ("stage1", 4, "b_relu")]


def test_skips_over_the_resolution_leave_no_cut() -> None:
    inputs = layers.Input((32, 32, 3))
    a = layers.Conv2D(8, 3, padding="same", name="a")(inputs)
    b = layers.Conv2D(8, 3, 2, padding="same", name="b")(a)
    around = layers.AveragePooling2D(2, name="around")(inputs)
    model = keras.Model(inputs, layers.Concatenate(name="end")([b, around]))
    stages = find_stages(model)
    assert described(stages) == [("stem", 2, None), ("stage1", 2, "end")]
    assert [layer.name for layer in stages[1].layers] == ["b", "end"]


def test_a_nested_network_is_one_layer() -> None:
    inner = keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(64, 64, 3))
    inputs = layers.Input((64, 64, 3))
    x = layers.GlobalAveragePooling2D()(inner(inputs))
    stages = find_stages(keras.Model(inputs, layers.Dense(2)(x)))
    assert [(stage.name, stage.stride) for stage in stages] == [("stem", 32), ("top", 32)]
    assert inner in stages[0].layers


def test_dense_networks_and_subclassed_models_are_one_stage() -> None:
    dense = keras.Sequential([layers.Input((8,)), layers.Dense(4), layers.Dense(2)])
    assert [stage.name for stage in find_stages(dense)] == ["stem"]

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(3)

        def call(self, x):
            return self.inner(x)

    own = Own()
    own(np.zeros((1, 8), np.float32))
    (stage,) = find_stages(own)
    assert (stage.name, stage.cut, stage.layers) == ("stem", None, (own.inner,))
