"""Dataset `flowers5`: the flower_photos of TensorFlow's tutorials, from a local folder or the official archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from zoo import settings
from zoo.specs import DatasetSpec, Digest

if TYPE_CHECKING:
    from zoo import Dataset

LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

URL = "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz"

# Size and sha256: tensorflow/datasets, tensorflow_datasets/url_checksums/tf_flowers.txt.
BYTES = 228_813_984
DIGEST = Digest(algorithm="sha256", value="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c")


class FlowersOptions(BaseModel):
    """Options of `flowers5`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = Field(
        default=None,
        description="folder with the five class folders; without it flowers5/ or flower_photos/ in ZOO_DATA_DIR, else "
        "the official archive is downloaded (229 MB)",
    )


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        modality="image",
        name="flowers5",
        summary="flower photos in five classes; the official archive has 3,670",
        tags=("photos", "flowers"),
        labels=LABELS,
        loader="zoo_flowers.datasets:load",
        options="zoo_flowers.datasets:FlowersOptions",
        url=URL,
        bytes=BYTES,
        digest=DIGEST,
        license="CC-BY-2.0; each photo has its own author, named in LICENSE.txt of the archive",
        source="The TensorFlow team, flower_photos (2019), photos from Flickr; LICENSE.txt in the archive",
    ),
)


def load(path: Path | None = None) -> Dataset:
    """The photos: of `path`, else of `flowers5/` or `flower_photos/` in ZOO_DATA_DIR, else of the official archive.

    Raises:
        DataError: the folder is not there, or its classes are not the five.
        OfflineError: no local folder, and ZOO_OFFLINE=1.
    """
    import zoo

    return zoo.ImageFiles.from_folder(path or _local() or _official(), name="flowers5").relabel(LABELS)


def _local() -> Path | None:
    for name in ("flowers5", "flower_photos"):
        folder = settings.data_dir() / name
        if folder.is_dir():
            return folder
    return None


def _official() -> Path:
    import zoo

    folder = zoo.fetch(URL, sha256=DIGEST.value, bytes=BYTES, filename="flower_photos.tgz", unpack=True)
    inner = folder / "flower_photos"
    return inner if inner.is_dir() else folder
