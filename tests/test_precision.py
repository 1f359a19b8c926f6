"""Mixed precision: half the bytes inside the network, float32 where it counts, and the invariants as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError
from zoo.head_request import BACKBONE, OUTPUT, PREPROCESSING
from zoo.head_request import FEATURES as FEATURES_LAYER
from zoo.specs import PhaseSpec, RecipeSpec

MIXED = ("mixed_bfloat16", "mixed_float16")
FEATURES = {"mixed_bfloat16": 0.06, "mixed_float16": 0.01}
"""Relative distance of the features allowed; measured on 8 photos of flowers: 0.034 and 0.005."""
PROBABILITIES = {"mixed_bfloat16": 0.02, "mixed_float16": 0.005}
"""Absolute difference of a probability allowed; measured on every 60th photo of flowers5: 0.004 and 0.001."""


@pytest.fixture(scope="module")
def flowers(shared_data: Path) -> list[Path]:
    """Four photos of each of the five flowers."""
    folders = sorted(path for path in (shared_data / "flowers5").iterdir() if path.is_dir())
    return [file for folder in folders for file in sorted(folder.iterdir())[:4]]


@pytest.fixture(scope="module")
def exact(flowers: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and features of these photos in float32."""
    return answers(zoo.build("efficientnet_lite0", head="flowers5"), flowers)


def answers(model: zoo.TransferModel, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    from zoo import data
    from zoo.features import extract

    dataset = data.load([str(file) for file in files])
    found = extract(
        model.composition.features,
        dataset,
        np.arange(len(files)),
        intake=model.composition.intake,
    )
    return model.predict_scores(files), found.values


@pytest.mark.parametrize("precision", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_answers_are_close_to_float32_and_the_file_gives_the_same(
    precision: str, flowers: list[Path], exact: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    import keras

    model = zoo.build("efficientnet_lite0", head="flowers5", precision=precision)
    assert keras.config.dtype_policy().name == "float32"
    parts = {layer.name: layer for layer in model.keras_model.layers}
    half = precision.removeprefix("mixed_")
    assert {layer.compute_dtype for layer in parts[BACKBONE].layers[1:]} == {half}
    for delicate in (PREPROCESSING, FEATURES_LAYER, OUTPUT):
        assert parts[delicate].compute_dtype == "float32"
    assert {weight.dtype for weight in model.keras_model.weights} == {"float32"}
    scores, features = answers(model, flowers)
    assert scores.dtype == features.dtype == np.float32
    # Half precision is seen to be used, and to be close.
    distance = np.linalg.norm(features - exact[1]) / np.linalg.norm(exact[1])
    assert FEATURES[precision] / 50 < distance < FEATURES[precision]
    assert np.abs(scores - exact[0]).max() < PROBABILITIES[precision]
    assert (scores.argmax(axis=1) == exact[0].argmax(axis=1)).all()
    path = model.save(tmp_path / "half.keras")
    loaded = zoo.load(path)
    assert loaded.composition.identity.precision == precision
    np.testing.assert_array_equal(loaded.predict_scores(flowers[:3]), model.predict_scores(flowers[:3]))
    plain = keras.saving.load_model(path, compile=False)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype(np.float32)
    np.testing.assert_array_equal(plain.predict(pixels, verbose=0), model.keras_model.predict(pixels, verbose=0))


@pytest.mark.parametrize("precision", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_fine_tuning_leaves_batchnorm_alone_and_scales_the_loss_of_float16(
    precision: str, pictures: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    compiled: list[object] = []
    original = keras.Model.compile
    monkeypatch.setattr(
        keras.Model,
        "compile",
        lambda self, optimizer, **given: (compiled.append(optimizer), original(self, optimizer, **given))[1],
    )
    model = zoo.build("efficientnet_lite0", head=zoo.classifier(["left", "right"]), input_size=32, precision=precision)
    before = {layer: weights(layer) for layer in batchnorms(model)}
    assert len(before) == 49
    start = model.keras_model.get_weights()
    tune = PhaseSpec(name="tune", solver="gradient", unfreeze=1, epochs=1, batch_size=8, keep="last")
    probe = PhaseSpec(name="probe", solver="convex")
    run = model.fit(pictures, validation=0.25, recipe=RecipeSpec(name="lp-ft", phases=(probe, tune)))
    assert all(weights(layer) == kept for layer, kept in before.items())
    assert run.phases[1]["solver"] == "convex"
    assert {item.says for item in run.receipts if item.part == "batchnorm"} == {"frozen"}
    assert np.isfinite(run.history["loss"]).all()
    moved = [not np.array_equal(*pair) for pair in zip(start, model.keras_model.get_weights(), strict=True)]
    assert 2 < sum(moved) < 30
    # Keras itself goes by the policy at the time the model is made, which is float32 for one that was loaded.
    loaded = zoo.load(model.save(tmp_path / "half.keras"))
    loaded.fit(pictures, validation=0.25, recipe="head", epochs=1)
    scaled = [isinstance(optimizer, keras.optimizers.LossScaleOptimizer) for optimizer in compiled]
    assert scaled == 2 * [precision == "mixed_float16"]


def batchnorms(model: zoo.TransferModel) -> list[object]:
    import keras

    layers = model.composition.backbone._flatten_layers(include_self=False, recursive=True)
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def weights(layer) -> list[bytes]:
    return [np.asarray(weight).tobytes() for weight in layer.weights]


def test_features_of_another_precision_are_not_taken_from_the_cache(
    pictures: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    computed = []
    for precision in ("mixed_bfloat16", None, "mixed_bfloat16"):
        model = zoo.build(
            "efficientnet_lite0", head=zoo.classifier(["left", "right"]), input_size=32, precision=precision
        )
        computed.append(model.fit(pictures, validation=0.25).phases[0]["computed"])
    assert computed[0] == computed[1] == 16
    assert computed[2] == 0


@pytest.fixture(scope="module")
def small_base():
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, strides=2)(inputs)
    x = keras.layers.BatchNormalization()(x)
    base = keras.Model(inputs, x)
    keras.config.set_dtype_policy("float32")
    return base


def test_values_are_in_the_unit_of_their_targets_exactly(small_base) -> None:
    """Around 2000 neighbors in bfloat16 are 8 apart."""
    model = zoo.build(small_base, head=zoo.regressor(["year"]), preprocessing=None, precision="mixed_bfloat16")
    model.composition.set_units(np.array([[2000.25], [2002.25]], np.float32))
    layer = model.composition.linear_layer()
    layer.set_weights([np.zeros((4, 1)), np.zeros(1)])
    pixels = np.zeros((2, 16, 16, 3), np.float32)
    np.testing.assert_array_equal(model.keras_model.predict(pixels, verbose=0), [[2001.25], [2001.25]])


def test_keras_s_global_policy_is_taken_and_kept(small_base) -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = zoo.build(small_base, head=zoo.classifier(["a", "b"]), preprocessing=None)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        with pytest.raises(OptionError, match=r"softmax computed in bfloat16.*dtype='float32'"):
            zoo.build(small_base, head=keras.layers.Dense(2, activation="softmax"), preprocessing=None)
        keras.config.set_dtype_policy("float16")
        with pytest.raises(OptionError, match="global dtype policy is 'float16'"):
            zoo.build(small_base, head=zoo.classifier(["a", "b"]), preprocessing=None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.composition.identity.precision == "mixed_bfloat16"
    assert model.keras_model.output.dtype == "float32"


def test_what_cannot_be_is_told(small_base) -> None:
    import keras

    with pytest.raises(OptionError, match="Did you mean 'mixed_bfloat16'"):
        zoo.build("efficientnet_lite0", head=zoo.classifier(["a", "b"]), precision="mixed_bfloat")
    with pytest.raises(OptionError, match=r"of the given model computes in bfloat16: build the model after"):
        zoo.build(small_base, head=zoo.classifier(["a", "b"]), preprocessing=None, precision="float32")
    assert keras.config.dtype_policy().name == "float32"
