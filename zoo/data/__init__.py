"""Datasets: reading, checking, splitting and batching examples of every modality. No TensorFlow."""

from zoo.data.arrays import Arrays
from zoo.data.batching import Batch, Transform, batches
from zoo.data.checking import check
from zoo.data.collection import Collection, examples
from zoo.data.dataset import Dataset
from zoo.data.files import ImageFiles, from_files
from zoo.data.images import decode, resize
from zoo.data.inputs import examples_for, images
from zoo.data.intake import ImageIntake
from zoo.data.joining import concatenate
from zoo.data.loading import load, source_of
from zoo.data.splitting import Split, split
from zoo.data.tables import from_csv, is_table

__all__ = [
    "Arrays",
    "Batch",
    "Collection",
    "Dataset",
    "ImageFiles",
    "ImageIntake",
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
