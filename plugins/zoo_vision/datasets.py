"""Dataset `image-folder`: one folder per class, anywhere on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from zoo.specs import DatasetSpec

if TYPE_CHECKING:
    from zoo import Dataset


class FolderOptions(BaseModel):
    """Options of `image-folder`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(description="folder with one folder per class, with images in it; or a flat folder of images")


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        modality="image",
        name="image-folder",
        summary="your own photos: one folder per class, with images in it",
        tags=("folder",),
        loader="zoo_vision.datasets:load_folder",
        options="zoo_vision.datasets:FolderOptions",
        license="that of your images",
        source="the user",
    ),
)


def load_folder(path: Path) -> Dataset:
    """The images of a folder; the folder itself may be given wherever a dataset is wanted, to the same effect."""
    import zoo

    return zoo.ImageFiles.from_folder(path)
