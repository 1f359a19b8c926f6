"""zoo's own builders give what timm's networks give, for every structure; and a fault of each kind shows.

What timm gives is in `frozen/`, written by tools/freeze_timm.py; weights are drawn by name and shape from a seed.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from backbone_case import ROOT

from zoo.architectures import blocks, find_stages, state_dict
from zoo.architectures.pooling import pool
from zoo.errors import OptionError, WeightsError

sys.path.insert(0, str(ROOT))
from tools import freeze_timm
from tools.timm_networks import random_tensors

FROZEN = Path(__file__).parent / "frozen"
NETWORKS: dict[str, Any] = json.loads((FROZEN / "networks.json").read_text())
TOKENS = [name for name, network in NETWORKS.items() if network["builder"].endswith("vit:build")]
OFTEN = ("vit", "siglip", "convnextv2", "mobilenetv4", "efficientnet_tf")
"""Structures on which faults are tried in the quick tests too; parity itself is held for all of them there."""

TOLERANCE = 1e-5
"""Of the largest value; float32 sums in another order differ by about 1e-6."""


def tried(names: Any) -> list[Any]:
    """Test parameters, those that are not among `OFTEN` for the slow tests."""
    return [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in names]


def tensors_of(name: str) -> dict[str, np.ndarray]:
    shapes = {key: (tuple(shape), floating) for key, (shape, floating) in NETWORKS[name]["shapes"].items()}
    return random_tensors(shapes, freeze_timm.SEED)


def built(name: str, size: int | None = None, top: bool = False, tensors: Any = None, **options: Any) -> keras.Model:
    network = NETWORKS[name]
    module = importlib.import_module(network["builder"].partition(":")[0])
    model = module.build(top, size or network["size"], **{"classes": 10, **network["options"], **options})
    state_dict.assign(model, tensors or tensors_of(name), Path("x.safetensors"), include_top=top)
    return model


def declared_cuts(name: str) -> tuple[str, ...]:
    network = NETWORKS[name]
    return importlib.import_module(network["builder"].partition(":")[0]).cuts(**network["options"])


def pixels_of(name: str) -> np.ndarray:
    return freeze_timm.pictures(NETWORKS[name]["size"])


def features(model: keras.Model, name: str) -> keras.Model:
    """The network with the pooling that its classifier has."""
    options = NETWORKS[name]["options"]
    if len(model.output.shape) == 2:
        return model
    pooling = options.get("pooling", "cls") if name in TOKENS else "avg"
    prefix = options.get("registers", 0) + int(options.get("class_token", True))
    return keras.Model(model.input, pool(model.output, pooling, prefix))


def answer(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Called as it is: tracing a graph for two pictures takes longer than the rest."""
    return keras.ops.convert_to_numpy(model(pixels, training=False))


def off(told: np.ndarray, frozen: np.ndarray) -> float:
    """The largest difference, relative to the largest value."""
    assert told.shape == frozen.shape
    return float(np.abs(told - frozen).max() / np.abs(frozen).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_cells_features_and_logits_are_those_of_timm(name: str) -> None:
    frozen = np.load(FROZEN / f"{name}.npz")
    base = built(name)
    cells = keras.Model(base.input, base.get_layer(declared_cuts(name)[-1]).output)
    assert off(answer(cells, pixels_of(name)), frozen["cells"]) < TOLERANCE
    assert off(answer(features(base, name), pixels_of(name)), frozen["features"]) < TOLERANCE
    assert off(answer(built(name, top=True), pixels_of(name)), frozen["logits"]) < TOLERANCE


@pytest.mark.parametrize("name", freeze_timm.RESIZED)
@pytest.mark.parametrize("side", freeze_timm.OTHER_SIDES)
def test_positions_are_resized_as_timm_does(name: str, side: int) -> None:
    frozen = np.load(FROZEN / f"{name}.npz")[f"features_{side}"]
    told = answer(features(built(name, size=side), name), freeze_timm.pictures(side))
    assert off(told, frozen) < TOLERANCE


def test_every_structure_is_small_enough_to_keep() -> None:
    assert sum(file.stat().st_size for file in FROZEN.iterdir()) < 200_000


# -- faults -----------------------------------------------------------------------------------------------------------

SEEN = 3 * TOLERANCE


def difference(name: str, tensors: Any = None, pixels: np.ndarray | None = None, **options: Any) -> float:
    told = features(built(name, tensors=tensors, **options), name)
    frozen = np.load(FROZEN / f"{name}.npz")["features"]
    return off(answer(told, pixels_of(name) if pixels is None else pixels), frozen)


@pytest.mark.parametrize("name", tried(TOKENS))
def test_another_activation_shows(name: str) -> None:
    used = NETWORKS[name]["options"].get("activation", "gelu")
    for other in {"gelu", "gelu_tanh", "quick_gelu"} - {used}:
        assert difference(name, activation=other) > SEEN


@pytest.mark.parametrize("name", tried(name for name in NETWORKS if name.startswith("convnext")))
def test_another_gelu_of_convnext_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.architectures.convnext.gelu", blocks.gelu_tanh)
    assert difference(name) > SEEN


SCALED = [name for name, network in NETWORKS.items() if any("gamma" in key for key in network["shapes"])]


@pytest.mark.parametrize("name", tried(SCALED))
def test_layer_scale_left_out_shows(name: str) -> None:
    plain = {key: value for key, value in tensors_of(name).items() if "gamma" not in key}
    assert difference(name, plain) > SEEN


@pytest.mark.parametrize("name", tried(NETWORKS))
def test_a_wrong_epsilon_shows(name: str) -> None:
    used = NETWORKS[name]["options"].get("epsilon", 1e-6 if name in TOKENS or name.startswith("convnext") else 1e-5)
    other = {1e-6: 1e-5, 1e-5: 1e-6 if name in TOKENS else 1e-3, 1e-3: 1e-5}[used]
    assert difference(name, epsilon=other) > SEEN


@pytest.mark.parametrize("name", tried(name for name in TOKENS if "pos_embed" in NETWORKS[name]["shapes"]))
def test_a_transposed_table_of_positions_shows(name: str) -> None:
    tensors = tensors_of(name)
    table, side = tensors["pos_embed"], NETWORKS[name]["size"] // NETWORKS[name]["options"]["patch"]
    prefix = table.shape[1] - side * side
    grid = table[:, prefix:].reshape(side, side, -1).transpose(1, 0, 2).reshape(1, side * side, -1)
    tensors["pos_embed"] = np.concatenate([table[:, :prefix], grid], axis=1)
    assert difference(name, tensors) > SEEN


@pytest.mark.parametrize("name", tried(NETWORKS))
def test_swapped_colors_and_transposed_pictures_show(name: str) -> None:
    pixels = pixels_of(name)
    assert difference(name, pixels=pixels[..., ::-1]) > SEEN
    assert difference(name, pixels=pixels.transpose(0, 2, 1, 3)) > SEEN


@pytest.mark.parametrize("name", tried(["efficientnet", "efficientnet_tf", "mobilenetv4"]))
def test_padding_of_another_kind_shows(name: str) -> None:
    used = NETWORKS[name]["options"].get("padding", "even")
    assert difference(name, padding={"even": "same", "same": "even"}[used]) > SEEN


# -- stages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tried(NETWORKS))
def test_declared_cuts_divide_the_network(name: str) -> None:
    base, cuts = built(name), declared_cuts(name)
    stages = find_stages(base, cuts)
    assert [stage.name for stage in stages] == ["stem", *(f"stage{number}" for number in range(1, len(cuts)))]
    assert [stage.cut.name for stage in stages] == list(cuts)
    assert sorted(layer.name for stage in stages for layer in stage.layers) == sorted(x.name for x in base.layers)
    for stage in stages[:-1]:
        below = keras.Model(base.input, stage.cut.output)
        above = keras.Model(stage.cut.output, base.output)
        whole = answer(base, pixels_of(name))
        halves = answer(above, answer(below, pixels_of(name)))
        np.testing.assert_allclose(halves, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "siglip", "convnextv2", "mobilenetv4"])
def test_a_classifier_is_a_stage_of_its_own(name: str) -> None:
    stages = find_stages(built(name, top=True), declared_cuts(name))
    assert stages[-1].name == "top"
    assert [type(layer).__name__ for layer in stages[-1].layers] == ["Dense"]
    assert [stage.name for stage in stages[:-1]] == [
        stage.name for stage in find_stages(built(name), declared_cuts(name))
    ]


def test_a_network_that_ends_inside_a_stage_keeps_the_stages_before() -> None:
    base, cuts = built("vit"), declared_cuts("vit")
    short = keras.Model(base.input, base.get_layer("blocks_2_mid").output)
    assert [(stage.name, stage.cut.name) for stage in find_stages(short, cuts)] == [
        ("stem", "embedded"),
        ("stage1", "blocks_0_out"),
        ("stage2", "blocks_1_out"),
        ("stage3", "blocks_2_mid"),
    ]
    short = keras.Model(base.input, base.get_layer("blocks_1_out").output)
    assert [stage.name for stage in find_stages(short, cuts)] == ["stem", "stage1", "stage2"]


# -- what does not fit ------------------------------------------------------------------------------------------------


def test_an_input_that_is_no_multiple_of_the_patch_is_refused() -> None:
    with pytest.raises(OptionError, match="multiple of the patch of 8 px: take 32 or 40"):
        built("vit", size=36)


def test_weights_that_do_not_fit_name_layer_and_shapes() -> None:
    with pytest.raises(WeightsError, match=r"layer 'blocks_0_mlp_fc1' needs \(16, 48\) \(48,\), the file has"):
        built("vit", hidden=48)
    with pytest.raises(WeightsError, match=r"has no weights for layer 'norm_pre'"):
        built("vit", norm_first=True)
    with pytest.raises(WeightsError, match=r"modules that the network does not have, reg_token"):
        built("dinov2_reg", registers=0)
    with pytest.raises(WeightsError, match=r"has 10 classes, vit has 5"):
        built("vit", top=True, classes=5)


def test_a_file_that_lost_a_layer_below_its_scale_is_refused() -> None:
    tensors = tensors_of("dinov2")
    del tensors["blocks.1.attn.proj.weight"]
    with pytest.raises(WeightsError, match=r"blocks.1.ls1.gamma \(16,\) scales blocks.1.attn.proj.weight, which"):
        built("dinov2", tensors=tensors)


def test_numbers_that_are_not_finite_are_refused() -> None:
    tensors = tensors_of("vit")
    tensors["norm.bias"][3] = np.nan
    with pytest.raises(WeightsError, match="NaN or infinite weights in 'norm'"):
        built("vit", tensors=tensors)
