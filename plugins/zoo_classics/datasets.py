"""Datasets: digits from scikit-learn; MNIST, Fashion-MNIST and CIFAR-10 through keras.datasets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo import settings
from zoo.errors import OfflineError
from zoo.specs import DataFile, DatasetSpec, Digest

if TYPE_CHECKING:
    from zoo import Dataset

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"

# As in keras.datasets.mnist and keras.datasets.cifar10 (Keras 3.15.1).
_MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_CIFAR_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

# As in tensorflow/datasets 333639b, tensorflow_datasets/url_checksums/tf_flowers.txt and imdb_reviews.txt. What no
# publisher states has no digest here: the first download is pinned by its sha256.
_FLOWERS_SHA256 = "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c"
_IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"

SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        modality="image",
        name="digits",
        summary="1,797 handwritten digits of 8x8 pixels; comes with scikit-learn, no download",
        tags=("small", "gray"),
        labels=DIGITS,
        loader="zoo_classics.datasets:load_digits",
        splits={"train": 1797},
        license="CC-BY-4.0 (UCI Machine Learning Repository, data set 80)",
        source="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, test part; "
        "https://archive.ics.uci.edu/dataset/80",
    ),
    DatasetSpec(
        modality="image",
        name="mnist",
        summary="70,000 handwritten digits of 28x28 pixels",
        tags=("gray",),
        labels=DIGITS,
        loader="zoo_classics.datasets:load_mnist",
        splits={"train": 60_000, "test": 10_000},
        url=_KERAS_URL + "mnist.npz",
        bytes=11_490_434,
        digest=Digest(algorithm="sha256", value=_MNIST_SHA256),
        license="CC-BY-SA-3.0",
        source="Y. LeCun and C. Cortes; license and digest as stated by keras.datasets.mnist",
    ),
    DatasetSpec(
        modality="image",
        name="fashion_mnist",
        aliases=("fashion-mnist",),
        summary="70,000 pieces of clothing of 28x28 pixels",
        tags=("gray",),
        labels=CLOTHES,
        loader="zoo_classics.datasets:load_fashion_mnist",
        splits={"train": 60_000, "test": 10_000},
        url=_KERAS_URL,
        license="MIT",
        source="Zalando SE; license as stated by keras.datasets.fashion_mnist",
    ),
    DatasetSpec(
        modality="image",
        name="cifar10",
        aliases=("cifar-10",),
        summary="60,000 small photos of 32x32 pixels in ten classes",
        tags=("photos",),
        labels=CIFAR10,
        loader="zoo_classics.datasets:load_cifar10",
        splits={"train": 50_000, "test": 10_000},
        url=_CIFAR_URL,
        bytes=170_498_071,
        digest=Digest(algorithm="sha256", value=_CIFAR_SHA256),
        license="not stated by its author",
        source="A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html; digest as stated by keras.datasets.cifar10",
    ),
    DatasetSpec(
        modality="image",
        name="flower_photos",
        aliases=("flowers",),
        summary="3,670 photos of five kinds of flowers, each of its own size",
        tags=("photos",),
        labels=("daisy", "dandelion", "roses", "sunflowers", "tulips"),
        files=(
            DataFile(
                kind="url",
                filename="flower_photos.tgz",
                url="https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
                root="flower_photos",
                bytes=228_813_984,
                digest=Digest(algorithm="sha256", value=_FLOWERS_SHA256),
            ),
        ),
        bytes=228_813_984,
        digest=Digest(algorithm="sha256", value=_FLOWERS_SHA256),
        license="CC-BY-2.0 (each photo; LICENSE.txt in the archive names the photographers)",
        source="The TensorFlow Team, flower_photos, January 2019; size and digest as stated by TensorFlow Datasets",
    ),
    DatasetSpec(
        name="hdb_resale",
        summary="resale prices of public flats in Singapore, registered in 2015 and 2016: a table, a price to predict",
        tags=("prices",),
        modality="table",
        task="regression",
        files=(
            DataFile(
                kind="url",
                filename="resale-flat-prices-2015-2016.csv",
                url="https://raw.githubusercontent.com/bghaendler/BJBS-AI-Lab/fe3fb166d5324184b103e7d55ceabfe2e5ef7a7a/"
                "data/resale-flat-prices-based-on-registration-date-from-jan-2015-to-dec-2016.csv",
            ),
            DataFile(
                kind="file",
                filename="resale-flat-prices-2015-2016.csv",
                how="data.gov.sg has it as a part of Resale flat prices, by date of registration",
            ),
        ),
        answers=("resale_price",),
        license="Singapore Open Data License 1.0",
        source="Housing and Development Board, data.gov.sg",
    ),
    DatasetSpec(
        name="stack_overflow_16k",
        summary="16,000 questions about four programming languages, in class folders",
        tags=("questions",),
        modality="text",
        labels=("csharp", "java", "javascript", "python"),
        files=(
            DataFile(
                kind="url",
                filename="stack_overflow_16k.tar.gz",
                url="https://storage.googleapis.com/download.tensorflow.org/data/stack_overflow_16k.tar.gz",
            ),
        ),
        splits={"train": 8000, "test": 8000},
        license="CC-BY-SA-3.0",
        source="Stack Overflow, as cut by The TensorFlow Team",
    ),
    DatasetSpec(
        name="imdb_reviews",
        summary="50,000 film reviews, good and bad, one a file",
        tags=("reviews",),
        modality="text",
        labels=("neg", "pos"),
        files=(
            DataFile(
                kind="url",
                filename="aclImdb_v1.tar.gz",
                url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                root="aclImdb",
                bytes=84_125_825,
                digest=Digest(algorithm="sha256", value=_IMDB_SHA256),
            ),
        ),
        splits={"train": 25_000, "test": 25_000},
        bytes=84_125_825,
        digest=Digest(algorithm="sha256", value=_IMDB_SHA256),
        license="not stated by its authors, who ask to be cited",
        source="Maas et al. 2011, Learning Word Vectors for Sentiment Analysis, "
        "https://ai.stanford.edu/~amaas/data/sentiment/; size and digest as stated by TensorFlow Datasets",
    ),
)


class _File(NamedTuple):
    """A file that keras.datasets keeps in `datasets/` of its folder."""

    name: str
    url: str
    sha256: str | None = None


def load_digits() -> Dataset:
    """scikit-learn's digits: 1,797 images, 8x8, gray; its levels 0..16 become 0..255 (times 255/16, rounded)."""
    import numpy as np
    from sklearn.datasets import load_digits as bundled

    import zoo

    raw = bundled()
    pixels = np.rint(raw.images * (255 / 16)).astype(np.uint8)
    return zoo.Arrays(pixels, raw.target, labels=DIGITS, name="digits")


def load_mnist() -> Dataset:
    """MNIST with its train and test parts."""
    return _through_keras("mnist", DIGITS, [_File("mnist.npz", _KERAS_URL + "mnist.npz", _MNIST_SHA256)])


def load_fashion_mnist() -> Dataset:
    """Fashion-MNIST with its train and test parts."""
    names = [f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("labels-idx1", "images-idx3")]
    return _through_keras(
        "fashion_mnist", CLOTHES, [_File(f"fashion-mnist/{name}", _KERAS_URL + name) for name in names]
    )


def load_cifar10() -> Dataset:
    """CIFAR-10 with its train and test parts."""
    return _through_keras("cifar10", CIFAR10, [_File("cifar-10-batches-py-target_archive", _CIFAR_URL, _CIFAR_SHA256)])


def _through_keras(name: str, labels: tuple[str, ...], files: Sequence[_File]) -> Dataset:
    """A dataset of keras.datasets; `files` are those it keeps in its folder."""
    _check_present(name, files)
    import keras
    import numpy as np

    import zoo

    (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    count, total = len(x_train), len(x_train) + len(x_test)
    return zoo.Arrays(
        np.concatenate([x_train, x_test]),
        np.concatenate([y_train, y_test]),
        labels=labels,
        name=name,
        ids=[f"train/{number}" for number in range(count)] + [f"test/{number}" for number in range(total - count)],
        splits={"train": np.arange(count), "test": np.arange(count, total)},
    )


def _check_present(name: str, files: Sequence[_File]) -> None:
    """Offline, refuse where keras.datasets would download: a file is missing, or is not the one Keras expects.

    Raises:
        OfflineError: names the file, its address, and what to do.
    """
    if not settings.offline():
        return
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    for file in files:
        path = home / "datasets" / file.name
        if path.is_file():
            with path.open("rb") as stream:
                if file.sha256 in (None, hashlib.file_digest(stream, "sha256").hexdigest()):
                    continue
        state = f"which does not have the sha256 {file.sha256}" if path.is_file() else "which is not there"
        raise OfflineError(
            f"dataset {name!r} needs {path}, {state}, and ZOO_OFFLINE=1 forbids downloading it from {file.url}. "
            "Copy the file there, or unset ZOO_OFFLINE."
        )
