"""Datasets: reading, checking, splitting and batching images; one decoder and one resize rule. No TensorFlow."""

from zoo.data.arrays import Arrays
from zoo.data.batching import Batch, Transform, batches
from zoo.data.checking import check
from zoo.data.dataset import Dataset, concatenate
from zoo.data.files import ImageFiles
from zoo.data.images import decode, resize
from zoo.data.inputs import images
from zoo.data.loading import load, source_of
from zoo.data.splitting import Split, split

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
    "images",
    "load",
    "resize",
    "source_of",
    "split",
]
