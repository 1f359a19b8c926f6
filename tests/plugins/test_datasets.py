"""The datasets of the first-party plugins, through the public door and on real data."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from helpers.http_server import FileServer

import zoo_classics.datasets as classics
import zoo_flowers.datasets as flowers
import zoo_vision.datasets as vision
from zoo.data import split
from zoo.errors import DataError, OfflineError, WeightsError
from zoo.specs import Digest

FLOWERS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


@pytest.mark.parametrize("module", [classics, flowers, vision])
def test_specs_name_what_is_there_and_say_the_license(module):
    for spec in module.SPECS:
        assert spec.license
        assert spec.source
        if spec.loader is None:
            assert spec.files
            continue
        target, _, attribute = spec.loader.partition(":")
        assert target == module.__name__
        assert callable(getattr(module, attribute))
        if spec.options:
            assert hasattr(module, spec.options.partition(":")[2])


def test_classics_are_contributed():
    from zoo_classics.plugin import zoo_datasets

    names = [spec.name for spec in zoo_datasets()]
    assert names[:4] == ["digits", "mnist", "fashion_mnist", "cifar10"]
    assert names[4:] == ["flower_photos", "hdb_resale", "stack_overflow_16k", "imdb_reviews"]
    assert hasattr(zoo_datasets, "zoo_impl")


# -- digits -----------------------------------------------------------------------------------------------------------


def test_digits():
    from sklearn.datasets import load_digits

    raw = load_digits()
    data = classics.load_digits()
    assert data.name == "digits"
    assert data.labels == tuple("0123456789")
    assert len(data) == 1797
    np.testing.assert_array_equal(data.targets, raw.target)
    image = data.image(0)
    assert image.shape == (8, 8, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[..., 1], np.rint(raw.images[0] * 255 / 16))
    parts = split(data, validation=0.2, seed=0)
    assert abs(len(parts.validation) - 359) <= 5


# -- through keras.datasets -------------------------------------------------------------------------------------------


def idx_images(path: Path) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)


def idx_labels(path: Path) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=8)


def test_mnist_with_its_parts(shared_data, monkeypatch):
    """Real digits in the place where keras.datasets would give the 70,000, which are not at hand."""
    import keras

    images = idx_images(next((shared_data / "mnist").glob("*images*")))
    labels = idx_labels(next((shared_data / "mnist").glob("*labels*")))
    real = ((images[:6000], labels[:6000]), (images[6000:], labels[6000:]))
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: real)
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    data = classics.load_mnist()
    assert data.labels == tuple("0123456789")
    assert data.ids[0] == "train/0"
    assert data.ids[6000] == "test/0"
    np.testing.assert_array_equal(data.image(6001)[..., 0], images[6001])
    parts = split(data, validation=0.1)
    np.testing.assert_array_equal(parts.test, np.arange(6000, 8000))
    assert abs(len(parts.validation) - 600) <= 5
    assert not set(parts.validation) & set(parts.test)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "fashion-mnist/train-labels-idx1-ubyte.gz"),
        ("cifar10", "cifar-10-batches-py-target_archive"),
    ],
)
def test_offline_says_what_is_missing(name, file, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    load = getattr(classics, f"load_{name}")
    with pytest.raises(OfflineError) as caught:
        load()
    assert str(tmp_path / "datasets" / file) in str(caught.value)
    assert "https://" in str(caught.value)
    assert not (tmp_path / "datasets").exists()
    if name != "fashion_mnist":  # its files have no published digest
        path = tmp_path / "datasets" / file
        path.parent.mkdir()
        path.write_bytes(b"another file: Keras would download it again")
        with pytest.raises(OfflineError, match="which does not have the sha256"):
            load()


def test_offline_with_the_files_in_place_keras_reads_them(shared_data, tmp_path, monkeypatch):
    """Fashion-MNIST's files have no digest, so real digits in its format can stand in for it, end to end."""
    import keras

    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        for what in ("images", "labels"):
            source = next((shared_data / "mnist").glob(f"*{what}*"))
            shutil.copy(source, folder / f"{part}-{what}-idx{3 if what == 'images' else 1}-ubyte.gz")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))  # read once, when Keras is imported
    assert keras.config.floatx() == "float32"
    data = classics.load_fashion_mnist()
    assert len(data) == 16_000
    assert data.labels[9] == "Ankle boot"
    assert {name: len(members) for name, members in data.splits.items()} == {"train": 8000, "test": 8000}


# -- flowers5 ---------------------------------------------------------------------------------------------------------


def test_flowers_from_a_folder(shared_data, monkeypatch, tmp_path):
    data = flowers.load(shared_data / "flowers5")
    assert (data.name, data.labels, len(data)) == ("flowers5", FLOWERS, 1250)
    for name in ("flower_photos", "flowers5"):  # the second wins over the first
        home = tmp_path / "home"
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).symlink_to(shared_data / "flowers5")
        monkeypatch.setenv("ZOO_DATA_DIR", str(home))
        assert len(flowers.load()) == 1250
    with pytest.raises(DataError, match="there is no folder"):
        flowers.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Not among the labels: 'cats', 'dogs'"):
        flowers.load(shared_data / "cats_vs_dogs")


def test_flowers_offline_names_url_and_digest(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(OfflineError) as caught:
        flowers.load()
    assert flowers.URL in str(caught.value)
    assert "4c54ace7911aaffe" in str(caught.value)


def test_flowers_from_the_official_archive(few_flowers, monkeypatch, tmp_path):
    """A small archive of the same form, served over HTTP at the official path."""
    import hashlib

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(few_flowers, "flower_photos")
        license = tarfile.TarInfo("flower_photos/LICENSE.txt")
        license.size = 5
        archive.addfile(license, io.BytesIO(b"CC-BY"))
    content = stream.getvalue()
    monkeypatch.setenv("ZOO_OFFLINE", "0")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(flowers, "BYTES", len(content))
    monkeypatch.setattr(flowers, "DIGEST", Digest(algorithm="sha256", value=hashlib.sha256(content).hexdigest()))
    path = "/download.tensorflow.org/example_images/flower_photos.tgz"
    with FileServer({path: content[:-1] + b"x"}) as server:
        monkeypatch.setenv("ZOO_MIRROR", server.url)
        with pytest.raises(WeightsError):
            flowers.load()
        server.files[path] = content
        data = flowers.load()
        assert data.counts() == dict.fromkeys(FLOWERS, 12)
        assert data.image(0).ndim == 3
        transfers = server.transfers
        assert len(flowers.load()) == 60
        assert server.transfers == transfers


# -- image-folder -----------------------------------------------------------------------------------------------------


def test_image_folder(few_flowers):
    data = vision.load_folder(few_flowers)
    assert data.name == "few_flowers"
    assert data.counts() == dict.fromkeys(FLOWERS, 12)
