"""The same weights in every format that zoo reads give the same network, whatever the file is called."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import keras
import numpy as np
import pytest
from backbone_case import SPECS, save_legacy
from helpers.mutation import zipped

from zoo.architectures import build_base
from zoo.errors import UnsafeFileError, WeightsError
from zoo.weights import Store
from zoo.weights.formats import safetensors_file

QUARTER = SPECS["mobilenet_025"]


@pytest.fixture(scope="module")
def original() -> keras.Model:
    rng = np.random.default_rng(3)
    model = keras.applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_shape=(64, 64, 3))
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


def loaded(path: Path, tmp_path: Path) -> keras.Model:
    store = Store(tmp_path / "store", drop=tmp_path / "drop")
    return build_base(QUARTER, weights=store.local(path), input_size=64)


@pytest.mark.parametrize("layout", ["legacy.h5", "own.weights.h5", "whole.keras", "named.npz"])
@pytest.mark.parametrize("disguised", [False, True])
def test_every_format_of_keras(layout: str, disguised: bool, original: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / layout
    if layout == "legacy.h5":
        save_legacy(original, path)
    elif layout == "own.weights.h5":
        original.save_weights(path)
    elif layout == "whole.keras":
        original.save(path)
    else:
        arrays = {f"{layer.name}/{w.name}": np.asarray(w) for layer in original.layers for w in layer.weights}
        np.savez(path, **dict(reversed(arrays.items())))
    if disguised:
        path = path.rename(tmp_path / "weights.bin")
    base = loaded(path, tmp_path)
    for layer in base.layers:
        if layer.weights:
            for a, b in zip(layer.get_weights(), original.get_layer(layer.name).get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_misfit_names_layer_expected_and_found_shape(original: keras.Model, tmp_path: Path) -> None:
    arrays = {f"{layer.name}/{w.name}": np.asarray(w) for layer in original.layers for w in layer.weights}
    arrays["conv_pw_3/kernel"] = np.zeros((1, 1, 7, 9), np.float32)
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(WeightsError, match=r"layer 'conv_pw_3' needs \(1, 1, 32, 32\), the file has \(1, 1, 7, 9\)"):
        loaded(tmp_path / "w.npz", tmp_path)


def test_objects_in_an_npz_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.array([{}], dtype=object))
    with pytest.raises(UnsafeFileError, match="plain array"):
        loaded(tmp_path / "w.npz", tmp_path)


def safetensors(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HEADERS = {
    "twice": b'{"a": %s, "a": %s}' % ((json.dumps(ENTRY).encode(),) * 2),
    "twice inside": b'{"a": {"dtype": "F32", "shape": [2], "shape": [2], "data_offsets": [0, 8]}}',
    "short": b"{",
    "no table": b'{"a": 3}',
    "deep": b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "out of range": json.dumps({"a": {**ENTRY, "data_offsets": [0, 16]}}).encode(),
    "negative": json.dumps({"a": {**ENTRY, "data_offsets": [-8, 0]}}).encode(),
    "overlap": json.dumps({"a": ENTRY, "b": ENTRY}).encode(),
    "hole": json.dumps({"a": {**ENTRY, "shape": [1], "data_offsets": [4, 8]}}).encode(),
    "shape": json.dumps({"a": {**ENTRY, "shape": [3]}}).encode(),
    "overflow": json.dumps({"a": {**ENTRY, "shape": [2**62, 2**62]}}).encode(),
    "type": json.dumps({"a": {**ENTRY, "dtype": "object"}}).encode(),
    "not UTF-8": b'{"\xff": 1}',
}


@pytest.mark.parametrize("what", HEADERS)
def test_headers_of_safetensors_are_checked(what: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors(HEADERS[what], bytes(8)))
    with pytest.raises((WeightsError, UnsafeFileError), match=r"w\.safetensors"):
        safetensors_file.read(path)
    path.write_bytes(safetensors(json.dumps({"a": ENTRY}).encode(), bytes(8)))
    assert safetensors_file.read(path)["a"].shape == (2,)


def test_a_header_without_end_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{")
    with pytest.raises(UnsafeFileError, match="header"):
        safetensors_file.read(path)


def test_a_whole_model_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(zipped({"config.json": b"{}", "model.weights.h5": b"not one"}))
    with pytest.raises(WeightsError, match="not an HDF5 file"):
        loaded(path, tmp_path)
