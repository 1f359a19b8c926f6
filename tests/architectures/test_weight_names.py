"""Names in weight files are used: another order is put right, names that contradict are refused, never swapped."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from backbone_case import SPECS, save_legacy, stored

from zoo.architectures import build_base
from zoo.errors import WeightsError

QUARTER = SPECS["mobilenet_025"]


def distinct(model: keras.Model) -> keras.Model:
    """Every weight of its own value, so that a swap shows."""
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def original() -> keras.Model:
    return distinct(keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(64, 64, 3)))


@pytest.fixture
def legacy(original: keras.Model, tmp_path: Path) -> Path:
    return save_legacy(original, tmp_path / "legacy.h5")


def same(path: Path, original: keras.Model) -> bool:
    base = build_base(QUARTER, weights=stored(path), input_size=64)
    return all(
        np.array_equal(a, b)
        for layer in base.layers
        for a, b in zip(
            layer.get_weights(), original.get_layer(layer.name).get_weights() if layer.weights else [], strict=True
        )
    )


def reorder(path: Path, how: str) -> None:
    with h5py.File(path, "r+") as file:
        names = list(file.attrs["layer_names"])
        if how == "reversed":
            names.reverse()
        elif how == "shuffled":
            names = [names[place] for place in np.random.default_rng(0).permutation(len(names))]
        else:
            a, b = (names.index(name.encode() if isinstance(names[0], bytes) else name) for name in how.split())
            names[a], names[b] = names[b], names[a]
        file.attrs["layer_names"] = names


@pytest.mark.parametrize(
    "how", ["conv_dw_8 conv_dw_9", "conv_pw_8_bn conv_pw_9_bn", "conv1 conv_pw_13", "reversed", "shuffled"]
)
def test_another_order_is_loaded_by_name(how: str, legacy: Path, original: keras.Model) -> None:
    assert same(legacy, original)
    reorder(legacy, how)
    assert same(legacy, original)


def test_layers_that_lie_under_each_others_names_are_refused(legacy: Path) -> None:
    with h5py.File(legacy, "r+") as file:
        file.move("conv_dw_8", "aside")
        file.move("conv_dw_9", "conv_dw_8")
        file.move("aside", "conv_dw_9")
    with pytest.raises(WeightsError, match=r"contradicts itself.*conv_dw_8.*conv_dw_9"):
        build_base(QUARTER, weights=stored(legacy), input_size=64)


def test_some_names_changed_and_others_moved_is_refused(legacy: Path) -> None:
    """With one layer renamed the order would decide, and it says something else than the names that are left."""
    with h5py.File(legacy, "r+") as file:
        file.move("conv1", "first")
        file.move("first/conv1", "first/first")
        names = [name if name not in (b"conv1", "conv1") else "first" for name in file.attrs["layer_names"]]
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
        file.attrs["layer_names"] = names
        file["first"].attrs["weight_names"] = ["first/kernel"]
    build_base(QUARTER, weights=stored(legacy), input_size=64)  # all others stand where they should
    with h5py.File(legacy, "r+") as file:
        a, b = names.index("conv_dw_8"), names.index("conv_dw_9")
        names[a], names[b] = names[b], names[a]
        file.attrs["layer_names"] = names
    with pytest.raises(WeightsError, match="contradict"):
        build_base(QUARTER, weights=stored(legacy), input_size=64)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (3, 2, 1, 0)])
def test_weights_inside_a_layer_go_by_name_too(order: tuple[int, ...], legacy: Path, original: keras.Model) -> None:
    with h5py.File(legacy, "r+") as file:
        for name, group in file.items():
            names = list(group.attrs["weight_names"])
            if len(names) == 4:
                group.attrs["weight_names"] = [names[place] for place in order]
                assert name.endswith("bn")
    assert same(legacy, original)


def test_a_weight_under_a_foreign_name_beside_a_known_one_is_refused(legacy: Path) -> None:
    with h5py.File(legacy, "r+") as file:
        group = file["conv1_bn"]
        group.move("conv1_bn/gamma", "conv1_bn/other")
        group.attrs["weight_names"] = [
            f"conv1_bn/{name}" for name in ("beta", "other", "moving_mean", "moving_variance")
        ]
    with pytest.raises(WeightsError, match=r"does not fit.*beta"):
        build_base(QUARTER, weights=stored(legacy), input_size=64)


def test_groups_of_keras_3_that_say_another_name_are_loaded_by_it(original: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "own.weights.h5"
    original.save_weights(path)
    with h5py.File(path, "r+") as file:
        first, second = (
            next(key for key, group in file["layers"].items() if group["vars"].attrs.get("name") == name)
            for name in ("conv_dw_8", "conv_dw_9")
        )
        file["layers"].move(first, "aside")
        file["layers"].move(second, first)
        file["layers"].move("aside", second)
    assert same(path, original)


def test_names_that_keras_gave_count_by_their_order(tmp_path: Path) -> None:
    """conv2d_94 is the first of its process, as conv2d is of another; swapped they contradict the order."""
    keras.applications.Xception(include_top=False, weights=None, input_shape=(71, 71, 3))
    model = distinct(keras.applications.Xception(include_top=False, weights=None, input_shape=(71, 71, 3)))
    path = save_legacy(model, tmp_path / "xception.h5")
    base = build_base(SPECS["xception"], weights=stored(path), input_size=71)
    for a, b in zip(base.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    given = [layer.name for layer in model.layers if layer.name.startswith("batch_normalization")]
    again = tmp_path / "again.h5"
    shutil.copy(path, again)
    reorder(again, f"{given[2]} {given[3]}")
    with pytest.raises(WeightsError, match="contradict"):
        build_base(SPECS["xception"], weights=stored(again), input_size=71)


def test_the_weights_of_a_whole_transfer_model_hold_those_of_its_base(tmp_path: Path) -> None:
    import zoo

    model = zoo.build("mobilenet_025", zoo.classifier(["a", "b"]), weights=None, input_size=64, seed=1)
    path = tmp_path / "whole.weights.h5"
    model.keras_model.save_weights(path)
    base = build_base(QUARTER, weights=stored(path), input_size=64)
    for a, b in zip(base.weights, model.composition.backbone.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_misfit_is_told_in_a_few_words(tmp_path: Path) -> None:
    x = keras.Input((64, 64, 3))
    wide = keras.Sequential([keras.layers.Conv2D(4, 3, padding="same") for _ in range(60)], name="conv1")
    path = save_legacy(keras.Model(x, wide(x)), tmp_path / "w.h5")
    with pytest.raises(WeightsError, match=r"and \d+ more") as caught:
        build_base(QUARTER, weights=stored(path), input_size=64)
    assert len(str(caught.value)) < 400
