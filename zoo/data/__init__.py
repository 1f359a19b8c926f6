"""Datasets: reading, checking, splitting and batching examples of every modality. No TensorFlow.

Names are loaded at their first use: an exported file is answered from with the decoder and the resize rule alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zoo.lazy import lazily

if TYPE_CHECKING:
    import numpy as np

    from zoo.data.arrays import Arrays
    from zoo.data.batching import Batch, Transform, batches
    from zoo.data.checking import check
    from zoo.data.collection import Collection, examples
    from zoo.data.dataset import Dataset
    from zoo.data.files import ImageFiles, from_files
    from zoo.data.inputs import examples_for
    from zoo.data.joining import concatenate
    from zoo.data.loading import load, source_of
    from zoo.data.splitting import Split, split
    from zoo.data.tables import from_csv, is_table
    from zoo.pictures.reading import decode, resize

__all__ = [
    "Arrays",
    "Batch",
    "Collection",
    "Dataset",
    "ImageFiles",
    "Split",
    "Transform",
    "batches",
    "check",
    "concatenate",
    "decode",
    "examples",
    "examples_for",
    "from_csv",
    "from_files",
    "images",
    "is_table",
    "load",
    "resize",
    "source_of",
    "split",
]

__getattr__ = lazily(
    __name__,
    {
        "Arrays": "zoo.data.arrays",
        "Batch": "zoo.data.batching",
        "Collection": "zoo.data.collection",
        "Dataset": "zoo.data.dataset",
        "ImageFiles": "zoo.data.files",
        "Split": "zoo.data.splitting",
        "Transform": "zoo.data.batching",
        "batches": "zoo.data.batching",
        "check": "zoo.data.checking",
        "concatenate": "zoo.data.joining",
        "decode": "zoo.pictures.reading",
        "examples": "zoo.data.collection",
        "examples_for": "zoo.data.inputs",
        "from_csv": "zoo.data.tables",
        "from_files": "zoo.data.files",
        "is_table": "zoo.data.tables",
        "load": "zoo.data.loading",
        "resize": "zoo.pictures.reading",
        "source_of": "zoo.data.loading",
        "split": "zoo.data.splitting",
    },
)


def images(source: Any, *, strict: bool = False) -> Iterator[tuple[str, np.ndarray]]:
    """Yield named images from whatever the caller has; see `zoo.data.inputs.images`."""
    from zoo.data.inputs import images as read

    return read(source, strict=strict)
