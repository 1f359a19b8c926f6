"""What the tests of this room share: one real weight file as a row, and a policy with short pauses."""

from __future__ import annotations

from pathlib import Path

from zoo.specs import Digest, WeightSource
from zoo.weights import TransferPolicy

FILENAME = "mobilenet_2_5_224_tf_no_top.h5"
OFFICIAL = f"/tensorflow/keras-applications/mobilenet/{FILENAME}"
SHA256 = "dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf"
SIZE = 2_108_140

FAST = TransferPolicy(attempts=3, backoff=0.01, longest_pause=0.05)
"""Short pauses, patient otherwise: a busy machine must not make a test fail."""


def make_source(**changes: object) -> WeightSource:
    """The row of MobileNet alpha 0.25 without top."""
    row = {
        "id": "imagenet",
        "kind": "url",
        "filename": FILENAME,
        "url": f"https://storage.googleapis.com{OFFICIAL}",
        "format": "keras-h5",
        "includes_top": False,
        "bytes": SIZE,
        "digest": Digest(algorithm="sha256", value=SHA256),
        "license": "Apache-2.0",
        "license_source": "the repository of Keras",
        "trained_on": "ImageNet-1k",
    }
    return WeightSource.model_validate(row | changes)


def files_under(folder: Path) -> list[str]:
    """All files below a folder, for checks that nothing was left behind."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
