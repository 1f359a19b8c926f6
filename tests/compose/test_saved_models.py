"""SavedModels as bases: only with trust, frozen, fetched from a handle and checked, never in a .keras file."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers.http_server import FileServer

import zoo
from zoo.errors import DigestError, OptionError, WeightsError
from zoo.registry import ZooNotice
from zoo.specs import Preprocessing
from zoo.testing import tiny_backbone, tiny_dataset

pytestmark = pytest.mark.tensorflow("a SavedModel runs on TensorFlow")

SCALE = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
COLORS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network with BatchNorm, from pixels in -1..1 to vectors."""
    base = tiny_backbone()
    return keras.Model(base.input, keras.layers.GlobalAveragePooling2D()(base.output))


@pytest.fixture(scope="module")
def folder(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "tiny"
    network.export(path, verbose=False)
    return path


@pytest.fixture(scope="module")
def archive(folder: Path) -> bytes:
    """The folder as a hub sends it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        file.add(folder, arcname=".")
    return buffer.getvalue()


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))


def pixels() -> np.ndarray:
    data = tiny_dataset(count=6)
    return np.stack([data.image(index) for index in range(6)])


def test_without_trust_nothing_runs_and_nothing_is_fetched(folder: Path, online: None) -> None:
    with FileServer({}) as server:
        for name in (str(folder), f"tfhub:{server.url}/pub/tiny/1", "kaggle:a/b/c/d/1"):
            with pytest.raises(OptionError, match=r"its graph is code.*trust=True"):
                zoo.build(name, zoo.classifier(COLORS))
        assert server.requests == []


def test_it_is_frozen_probed_and_predicts_what_it_would(folder: Path, network: keras.Model) -> None:
    model = zoo.build(str(folder), zoo.classifier(COLORS), preprocessing=SCALE, trust=True)
    x = pixels()
    expected = network.predict(x.astype(np.float32) * 2 / 255 - 1, verbose=0)
    np.testing.assert_allclose(model.embed(x).array, expected, rtol=1e-4, atol=1e-5)
    base = model.composition.backbone
    assert base.weights
    assert not base.trainable_weights
    before = [np.array(value) for value in base.get_weights()]
    run = model.fit(tiny_dataset(), verbose=0)
    assert run.record.plan.recipe.name == "probe"
    assert run.record.plan.model.code == str(folder)
    assert run.validation.accuracy > 0.8  # chance is a third
    assert all(np.array_equal(old, new) for old, new in zip(before, base.get_weights(), strict=True))
    answers = model.predict(x)
    scores = model.keras_model.predict(x.astype(np.float32), verbose=0)
    assert [answer.label for answer in answers] == [COLORS[index] for index in scores.argmax(axis=1)]
    assert run.directory is not None
    assert (run.directory / "run.json").is_file()
    assert not (run.directory / "model.keras").exists()


def test_what_it_cannot_do_is_refused_with_the_reason(folder: Path, tmp_path: Path) -> None:
    model = zoo.build(str(folder), zoo.classifier(COLORS), preprocessing=SCALE, trust=True)
    with pytest.raises(OptionError, match=r"a \.keras file cannot hold .*SavedModel"):
        model.save(tmp_path / "tiny.keras")
    with pytest.raises(OptionError, match="one opaque stage"):
        model.fit(tiny_dataset(), recipe="lp-ft", verbose=0)
    with pytest.raises(OptionError, match="takes pictures of 32 x 32; got input_size=64"):
        zoo.build(str(folder), zoo.classifier(COLORS), preprocessing=SCALE, input_size=64, trust=True)
    (tmp_path / "saved_model.pb").write_bytes(b"no")
    with pytest.raises(WeightsError, match=r"damaged|no graph"):
        zoo.build(str(tmp_path), zoo.classifier(COLORS), trust=True)


def test_a_folder_that_does_not_say_what_it_takes_gets_pixels_and_says_so(folder: Path) -> None:
    with pytest.warns(ZooNotice, match=r"values 0\.\.255 as they are"):
        zoo.build(str(folder), zoo.classifier(COLORS), trust=True)


def test_a_handle_of_tensorflow_hub(archive: bytes, network: keras.Model, online: None, tmp_path: Path) -> None:
    with FileServer({"/pub/tiny/1": archive}) as server:
        handle = f"tfhub:{server.url}/pub/tiny/1"
        with pytest.warns(ZooNotice, match="no digest is published"):
            model = zoo.build(handle, zoo.classifier(COLORS), trust=True)
        assert [request.path for request in server.requests] == ["/pub/tiny/1?tf-hub-format=compressed"]
        assert model.composition.identity.weights_sha256 == hashlib.sha256(archive).hexdigest()
        x = pixels()
        expected = network.predict(x.astype(np.float32) / 255, verbose=0)  # the common signature: 0..1
        np.testing.assert_allclose(model.embed(x).array, expected, rtol=1e-4, atol=1e-5)
        zoo.build(handle, zoo.classifier(COLORS), trust=True)
        assert len(server.requests) == 1
        for blob in (tmp_path / "cache" / "weights" / "blobs").rglob("*"):
            if blob.is_file():
                blob.unlink()
        server.files["/pub/tiny/1"] = archive[:-8] + b"\0" * 8
        with pytest.raises(DigestError, match="first use recorded"):
            zoo.build(handle, zoo.classifier(COLORS), trust=True)


def test_a_model_of_kaggle(archive: bytes, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "owl")
    monkeypatch.setenv("KAGGLE_KEY", "hoot")
    path = "/api/v1/models/pub/tiny/tensorFlow2/small/1/download"
    with FileServer({path: archive}) as server:
        monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.url)
        handle = "kaggle:pub/tiny/tensorFlow2/small/1"
        server.faults.headers["x-goog-hash"] = "md5=" + base64.b64encode(b"0" * 16).decode()
        with pytest.raises(DigestError, match="md5"):
            zoo.build(handle, zoo.classifier(COLORS), trust=True)
        announced = base64.b64encode(hashlib.md5(archive).digest()).decode()
        server.faults.headers["x-goog-hash"] = f"crc32c=AAAA, md5={announced}"
        model = zoo.build(handle, zoo.classifier(COLORS), trust=True)
        assert model.composition.identity.code == handle
        assert {request.path for request in server.requests} == {path}
        sent = server.requests[-1].headers["Authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"owl:hoot"
        server.files.clear()
        with pytest.raises(WeightsError, match="no such model, framework"):
            zoo.build("kaggle:pub/tiny/tensorFlow2/small/2", zoo.classifier(COLORS), trust=True)
    with pytest.raises(WeightsError, match="owner/model/framework/variation/version"):
        zoo.build("kaggle:pub/tiny", zoo.classifier(COLORS), trust=True)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["softmax", None])
def test_its_own_classifier_untouched(network: keras.Model, tmp_path: Path, activation: str | None) -> None:
    dense = keras.layers.Dense(4, activation=activation, kernel_initializer=keras.initializers.RandomNormal(seed=0))
    classifier = keras.Model(network.input, dense(network.output))
    classifier.export(tmp_path / "classes", verbose=False)
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")

    def built(labels: object) -> zoo.TransferModel:
        return zoo.build(str(tmp_path / "classes"), labels=labels, preprocessing=SCALE, trust=True)

    with pytest.warns(ZooNotice, match=r"3 names for the 4 outputs.*taken for the class 'background'"):
        model = built(tmp_path / "labels.txt")
    x = pixels()
    scores = classifier.predict(x.astype(np.float32) * 2 / 255 - 1, verbose=0)
    expected = scores if activation else np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.keras_model.predict(x.astype(np.float32), verbose=0), expected, atol=1e-5)
    labels = ["background", *COLORS]
    assert [answer.label for answer in model.predict(x)] == [labels[index] for index in expected.argmax(axis=1)]
    with pytest.warns(ZooNotice, match="4 names for the 4 outputs"):
        built(labels)
    with pytest.warns(ZooNotice, match="'background', is left out"):
        built(["background", "a", "b", "c", "d"])
    with pytest.raises(OptionError, match="there must be 4"):
        built(["red", "green"])
    with pytest.raises(OptionError, match="4 outputs without names"):
        built(None)
