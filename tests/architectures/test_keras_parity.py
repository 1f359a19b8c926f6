"""Invariant 4: from the same file, zoo's network sees and says what Keras's own does with `weights="imagenet"`.

Files in the official layout come from Keras's own networks, made sensitive by calibration. Keras is then asked for
`weights="imagenet"` and given that file instead of a download, so it takes every path of its own: its
preprocessing, the repaired Normalization of EfficientNet, its order of layers.
"""

from __future__ import annotations

import gc
import json
import random
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
from backbone_case import ROOT, SMALLEST, SPECS, by_cost, free, pooled, save_legacy, stored
from helpers.pretrained import preprocessed

from tools.build_registry import undrawn, weight_file
from zoo.architectures import build_base, convnext
from zoo.architectures.loading import load_h5
from zoo.testing.calibration import calibrated, moved, sample_photos, swapped

TOLERANCE = 1e-4
"""Relative; a wrong channel order moves the output by more than a hundred times as much."""

OFTEN = (*SMALLEST.values(), "resnet50", "densenet121", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny")
"""One of Keras's own of every family at least; `make soak` compares them all."""

LAYERS = json.loads((ROOT / "layers.json").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:`input_shape` is undefined or non-square"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`"),
]


@pytest.fixture(scope="module")
def pixels(photos: np.ndarray) -> np.ndarray:
    """float32 (8, 96, 96, 3), 0..255: real photos that calibration did not see."""
    return np.ascontiguousarray(photos[:, 64:160, 64:160]).astype(np.float32)


def application(name: str) -> Any:
    # ConvNeXt is built by zoo itself, and only its summary says which application it is.
    named = SPECS[name].builder_options.get("application") or SPECS[name].summary.rpartition(".")[2]
    return getattr(keras.applications, named)


def keras_preprocessing(name: str, pixels: np.ndarray) -> np.ndarray:
    module = application(name).__module__.rsplit(".", 1)[-1]
    return getattr(keras.applications, module).preprocess_input(pixels.copy())


def sensitive(model: keras.Model, name: str, seed: int, *, repaired: bool = False) -> keras.Model:
    """Calibrate Keras's network, preprocessing layers included, as it was trained: on pixels."""
    mean, std = (np.float32(numbers) for numbers in (SPECS[name].preprocessing.mean, SPECS[name].preprocessing.std))
    # EfficientNet B0 to B7 learns these; official files hold the standard deviation where the variance belongs, which
    # the network for `weights="imagenet"` repairs.
    learned = [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization) and layer.weights]
    for layer in learned:
        layer.set_weights([mean, std if repaired else std**2, np.array(0)])
        layer.finalize_state()
    size = model.input_shape[1]
    calibrated(model, keras_preprocessing(name, sample_photos(size, count=24, seed=seed)))
    for layer in learned:
        layer.set_weights([mean, std, np.array(0)])
        layer.finalize_state()
    return model


def outputs(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """What a network says to one batch: eagerly, since tracing hundreds of layers costs more than they do.

    Not so the grouped convolutions of ConvNeXt, which Keras compiles anew at every eager call.
    """
    if any(getattr(layer, "groups", 1) > 1 for layer in model._flatten_layers()):
        return model.predict(pixels, verbose=0)
    return np.asarray(model(pixels, training=False))


def keras_features(name: str, size: int, path: Path, pixels: list[np.ndarray], **options: Any) -> list[np.ndarray]:
    with mock.patch("keras.src.utils.file_utils.get_file", return_value=str(path)) as download, undrawn():
        reference = application(name)(
            weights="imagenet", include_top=False, pooling="avg", input_shape=(size, size, 3), **options
        )
    assert download.call_count == 1
    assert_source(name, download.call_args, include_top=False)
    return [outputs(reference, keras_preprocessing(name, x)) for x in pixels]


def assert_source(name: str, call: Any, *, include_top: bool) -> None:
    """Keras asks for the file that the registry names."""
    names = ("fname", "origin", "untar", "md5_hash", "file_hash")
    asked = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    asked["origin"] = asked["origin"].replace("_96_no_top", "_224_no_top")  # MobileNetV2 has a file for every size
    told = weight_file(asked, include_top=include_top)
    (source,) = [source for source in SPECS[name].weights if source.id == told["id"]]
    written = source.model_dump(mode="json")
    if name == "mobilenet_025":  # its row has the size and a digest, which Keras does not publish
        assert include_top or written["url"] == told["url"]  # and a file of its own for the classifier
    else:
        assert {key: written[key] for key in told} == told


def zoo_features(name: str, size: int, path: Path, pixels: np.ndarray, *, includes_top: bool) -> np.ndarray:
    base = build_base(SPECS[name], weights=stored(path, includes_top=includes_top), input_size=size)
    return pooled(outputs(base, preprocessed(pixels, SPECS[name].preprocessing)))


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "efficientnet_b0"])
def test_features_equal_those_of_keras(name: str, tmp_path: Path, pixels: np.ndarray) -> None:
    """One of each kind of preprocessing; all 40 are in the slow test below."""
    size = 96
    own = sensitive(application(name)(weights=None, include_top=False, input_shape=(size, size, 3)), name, seed=3)
    path = save_legacy(own, tmp_path / "official_notop.h5")
    expected, wrong = keras_features(name, size, path, [pixels, swapped(pixels)])
    assert moved(expected, wrong) > 100 * TOLERANCE
    found = zoo_features(name, size, path, pixels, includes_top=False)
    assert moved(expected, found) < TOLERANCE
    if name == "efficientnet_b0":  # the comparison sees what `EfficientNetB0(weights=path)` gets wrong
        assert moved(expected, pooled(outputs(own, pixels))) > 0.1
    free()


def test_logits_equal_those_of_keras(tmp_path: Path, pixels: np.ndarray) -> None:
    name = "efficientnet_b0"
    own = sensitive(application(name)(weights=None, input_shape=(96, 96, 3)), name, seed=4)
    path = save_legacy(own, tmp_path / "official.h5")
    with mock.patch("keras.src.utils.file_utils.get_file", return_value=str(path)):
        image = keras.Input((96, 96, 3))  # the shape itself cannot be chosen with these weights
        reference = application(name)(weights="imagenet", classifier_activation=None, input_tensor=image)
    expected, wrong = (outputs(reference, keras_preprocessing(name, x)) for x in (pixels, swapped(pixels)))
    assert moved(expected, wrong) > 100 * TOLERANCE
    model = build_base(SPECS[name], weights=stored(path), input_size=96, include_top=True)
    found = outputs(model, preprocessed(pixels, SPECS[name].preprocessing))
    assert moved(expected, found) < TOLERANCE
    free()


def with_classifier(name: str, size: int, **options: Any) -> keras.Model:
    """What Keras builds for `weights="imagenet"`, at random; its file and its number of weights are in the row."""
    with (
        mock.patch("keras.src.utils.file_utils.get_file", return_value="") as download,
        mock.patch.object(keras.Model, "load_weights"),
    ):
        # The shape cannot be chosen with these weights, but a tensor of any size is taken.
        model = application(name)(weights="imagenet", input_tensor=keras.Input((size, size, 3)), **options)
    assert_source(name, download.call_args, include_top=True)
    if not name.startswith("vgg"):  # their classifier depends on the size: test_registry_rows
        inside = sum(layer.count_params() for layer in model.layers if isinstance(layer, keras.layers.Normalization))
        # LayerScale of ConvNeXt: zoo folds it into the layer before.
        inside += sum(layer.count_params() for layer in model.layers if type(layer).__name__ == "LayerScale")
        assert model.count_params() - inside == SPECS[name].params_top
    return model


def below_classifier(model: keras.Model, name: str) -> keras.Model:
    """The same layers up to where the official file without classifier ends."""
    if name.startswith("convnext"):
        (last,) = [layer for layer in model.layers if layer.name.endswith("head_layernorm")]
        last.name = "layer_normalization"  # as it is called there
        return keras.Model(model.input, last.output)
    last_name = LAYERS[name]["rows"][-1][0]
    return keras.Model(model.input, model.get_layer(last_name).output)


@pytest.mark.parametrize(
    "name",
    by_cost((name for name, spec in SPECS.items() if spec.summary.startswith("keras.app")), slow=OFTEN),
)
def test_all_applications_from_files_with_and_without_top(name: str, tmp_path: Path, pixels: np.ndarray) -> None:
    """One calibrated network gives both files, as the official pairs have the same weights.

    Photo by photo: in a random network of 800 layers now and then one photo explodes, and its rounding errors with it.
    """

    def typical(found: np.ndarray) -> float:
        return float(np.median([moved(*pair) for pair in zip(expected, found, strict=True)]))

    free()  # layers are found by their automatic names: count from the start, whatever failed before
    spec = SPECS[name]
    random.seed(5)  # Keras takes the seeds of its kernels from there
    # Behind valid padding too little is left of 64 pixels for statistics; ConvNeXt keeps none, and is the dearest.
    size = 32 if name.startswith("convnext") else 64 if spec.input.min_size <= 64 else 96
    # ConvNeXt is built by zoo itself, from other options.
    options = {key: value for key, value in spec.builder_options.items() if "application" in spec.builder_options}
    pixels = np.ascontiguousarray(pixels[:, :size, :size])
    options.pop("application", None)
    full = sensitive(with_classifier(name, size, **options), name, seed=5, repaired=True)
    with_top = save_legacy(full, tmp_path / "official.h5")
    no_top = save_legacy(below_classifier(full, name), tmp_path / "official_notop.h5")
    del full
    free()
    expected, wrong = keras_features(name, size, no_top, [pixels, swapped(pixels)], **options)
    free()
    assert typical(wrong) > 100 * TOLERANCE
    with undrawn():
        base = build_base(spec, weights=stored(no_top, includes_top=False), input_size=size)
    assert typical(pooled(outputs(base, preprocessed(pixels, spec.preprocessing)))) < TOLERANCE
    loaded = base.get_weights()
    base.set_weights([np.zeros_like(weight) for weight in loaded])
    converter = convnext.from_keras if name.startswith("convnext") else None
    load_h5(base, with_top, include_top=False, preprocessing=spec.preprocessing, from_keras=converter)
    for weight, again in zip(loaded, base.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)
    with_top.unlink()
    no_top.unlink()
    del base
    free()
    gc.collect()
