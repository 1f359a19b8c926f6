"""What zoo promises of every family holds on the tiny networks of the modern ones: frozen, trained, saved, exported."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers.backend import eagerly
from helpers.rows import NETWORKS, tiny_rows, write_weights

import zoo
from zoo.testing.tiny import tiny_dataset
from zoo.training.freeze import freeze
from zoo.training.receipts import problems

FAMILIES = ("vit", "dinov2_reg", "dinov3", "siglip", "clip", "convnext", "convnextv2", "mobilenetv4")
FAST = ("siglip", "convnextv2")
OPTIONS = {"batch_size": 12, "epochs": 1, "learning_rate": 1e-3, "validation": None, "checkpoint_every": None}


@pytest.fixture(
    params=[pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in FAMILIES], scope="module"
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zoo.TransferModel]:
    name = request.param
    file = write_weights(name, tmp_path_factory.mktemp("weights") / f"{name}.safetensors")
    with tiny_rows(name):
        yield zoo.build(
            f"tiny_{name}",
            head=zoo.classifier(["red", "green", "blue"]),
            weights=file,
            input_size=NETWORKS[name]["size"],
        )


def digests(model: zoo.TransferModel) -> dict[str, str]:
    """Stage -> digest of its weights, read without the code that writes receipts."""
    found: dict[str, Any] = {}
    for stage in model.composition.stages:
        for weight in (weight for layer in stage.layers for weight in layer.weights):
            found.setdefault(stage.name, hashlib.sha256()).update(np.asarray(weight).tobytes())
    return {name: digest.hexdigest() for name, digest in found.items()}


def test_stages_are_those_of_the_row(model: zoo.TransferModel) -> None:
    composition = model.composition
    assert [stage.cut.name for stage in composition.stages] == list(composition.identity.cuts)
    base = composition.backbone
    for count in range(len(composition.stages) + 1):
        freeze(base, composition.stages, unfreeze=count)
        opened = {id(weight) for weight in base.trainable_weights}
        last = composition.stages[len(composition.stages) - count :] if count else []
        inside = {id(weight) for stage in last for layer in stage.layers for weight in layer.trainable_weights}
        assert opened == inside
    freeze(base, composition.stages, unfreeze=0)
    assert not base.trainable_weights


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_probe_and_lp_ft_train_what_they_say_and_files_give_the_same(model: zoo.TransferModel, tmp_path: Path) -> None:
    data, start = tiny_dataset(), digests(model)
    run = model.fit(data, recipe="probe", validation=None)
    assert not problems(run.receipts)
    assert digests(model) == start
    with eagerly():
        run = model.fit(data, recipe="lp-ft", **OPTIONS)
    assert not problems(run.receipts)
    after = digests(model)
    moved = {item.stage for item in run.receipts if item.says == "trained"} - {"head"}
    assert {stage for stage in start if start[stage] != after[stage]} == moved != set()

    pixels = pictures(data)
    scores = model.predict_scores(list(pixels))
    file = model.save(tmp_path / "model.keras")
    size = model.input_size
    exact = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    expected = model.predict_scores(exact)
    plain = keras.models.load_model(file)
    np.testing.assert_allclose(plain.predict(exact.astype(np.float32), verbose=0), expected, rtol=1e-5, atol=1e-6)
    again = zoo.load(file)
    assert [stage.name for stage in again.composition.stages] == [stage.name for stage in model.composition.stages]
    assert digests(again) == after
    np.testing.assert_allclose(again.predict_scores(list(pixels)), scores, rtol=1e-5, atol=1e-6)


def pictures(data: zoo.Dataset) -> np.ndarray:
    return np.stack([data.read(row) for row in range(6)])


@pytest.mark.tensorflow("Keras exports these formats from TensorFlow")
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["tf_saved_model", "onnx", "litert"])
def test_exports_answer_the_same_in_their_own_runtimes(model: zoo.TransferModel, layout: str, tmp_path: Path) -> None:
    serving, size = model.composition.serving, model.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.float32)
    expected = serving.predict(pixels, verbose=0)
    inputs = keras.Input(serving.input_shape[1:], name="pixels")
    served = keras.Model(inputs, serving(inputs, training=False))
    served(pixels)  # Keras exports what was called once
    answered = RUNTIMES[layout](served, pixels, tmp_path)
    assert np.abs(answered - expected).max() <= 1e-4 * np.abs(expected).max()


def saved_model(model: keras.Model, pixels: np.ndarray, folder: Path) -> np.ndarray:
    import tensorflow as tf

    model.export(folder / "exported", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(str(folder / "exported"))
    return loaded.serve(pixels).numpy()


def onnx(model: keras.Model, pixels: np.ndarray, folder: Path) -> np.ndarray:
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    model.export(folder / "model.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(str(folder / "model.onnx"))
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]


def litert(model: keras.Model, pixels: np.ndarray, folder: Path) -> np.ndarray:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model.export(folder / "model.tflite", format="litert", verbose=False)
    loaded = interpreter.Interpreter(model_path=str(folder / "model.tflite"))
    place = loaded.get_input_details()[0]["index"]
    loaded.resize_tensor_input(place, pixels.shape)
    loaded.allocate_tensors()
    loaded.set_tensor(place, pixels)
    loaded.invoke()
    return loaded.get_tensor(loaded.get_output_details()[0]["index"])


RUNTIMES = {"tf_saved_model": saved_model, "onnx": onnx, "litert": litert}
