"""Datasets: reading, checking, splitting and batching images; one decoder and one resize rule. No TensorFlow."""

from zoo.data.arrays import Arrays
from zoo.data.batching import Batch, Transform, batches
from zoo.data.checking import check
from zoo.data.dataset import Dataset
from zoo.data.files import ImageFiles, from_files
from zoo.data.images import decode, resize
from zoo.data.inputs import images
from zoo.data.joining import concatenate
from zoo.data.loading import load, source_of
from zoo.data.splitting import Split, split
from zoo.data.tables import from_csv, is_table

__all__ = [
    "Arrays",
    "Batch",
    "Dataset",
    "ImageFiles",
    "Split",
    "Transform",
    "batches",
    "check",
    "concatenate",
    "decode",
    "from_csv",
    "from_files",
    "images",
    "is_table",
    "load",
    "resize",
    "source_of",
    "split",
]
