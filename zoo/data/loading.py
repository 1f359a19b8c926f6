"""From whatever the user has (folder, name, table, files, arrays, tf.data) to a Dataset."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.arrays import Arrays, from_stream, is_stream
from zoo.data.dataset import Dataset
from zoo.data.files import ImageFiles, from_files
from zoo.data.images import EXTENSIONS
from zoo.data.table import from_csv, is_table
from zoo.errors import DataError, PluginError, UnknownNameError
from zoo.registry import ZooNotice
from zoo.specs import Output, Task


def load(
    data: Any,
    *,
    labels: Sequence[str] | None = None,
    task: Task | None = None,
    outputs: Sequence[Output] = (),
    group: str | None = None,
) -> Dataset:
    """Make a Dataset of data.

    A text is a path if there is a folder or an image file of that name, or if it holds a path separator; else it is the
    name of a dataset ("digits", "zoo_flowers:flowers5"). A notice says so where a path hides the dataset of that name.

    Args:
        data: a folder of class folders; a CSV file (see `from_csv`); a flat folder, an image file or a list of image
            files (unlabeled), or `(files, y)` with their answers or a function that gives them (see `from_files`); the
            name of a dataset; a Dataset; arrays `(x, y)` or x alone (see `Arrays`); a tf.data.Dataset or keras
            PyDataset.
        labels: class names to number the answers by (those of a head). Without them a folder's classes are sorted by
            name, and numbers have no names.
        task: what the answers of arrays, streams, files and tables are; None: found out by their rules.
        outputs: the several answers of a head (instead of labels and task): y is then a mapping.
        group: "folder", or the column of a table, whose images a split keeps on one side: see `Dataset.grouped`.

    Returns:
        The dataset; `labels` and `targets` follow the labels asked for.

    Raises:
        DataError: the data cannot be used as given, or its classes are not among the labels.
        OptionError: there is no such group.
    """
    dataset = _load(
        data, tuple(labels or ()) if not outputs else (), task if not outputs else None, tuple(outputs), group
    )
    if group is not None and not (is_table(data) and isinstance(dataset, ImageFiles)):
        dataset = dataset.grouped(group)
    dataset.source = source_of(data)
    if outputs:
        return dataset.arrange(outputs) if dataset.outputs else dataset
    return dataset if labels is None else dataset.relabel(labels)


def source_of(data: Any) -> str | None:
    """The absolute path or the name by which data can be loaded again; None where there is none."""
    if isinstance(data, Dataset):
        return data.source
    if not isinstance(data, str | os.PathLike):
        return None
    path = Path(data).expanduser()
    return str(path.absolute()) if path.exists() else str(data)


def _load(
    data: Any, labels: tuple[str, ...], task: Task | None, outputs: tuple[Output, ...], group: str | None
) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if is_table(data):
        return from_csv(data, labels=labels, task=task, outputs=outputs, group=group)
    if isinstance(data, str):
        return _from_text(data)
    if isinstance(data, os.PathLike):
        return _from_path(Path(data))
    if is_stream(data):
        return from_stream(data, labels, task=task, outputs=outputs)
    if isinstance(data, list | tuple):
        if _are_paths(data):
            return from_files(data)
        if isinstance(data, tuple) and len(data) == 2 and _are_paths(data[0]):
            return from_files(*data, labels=labels, task=task, outputs=outputs)
        if isinstance(data, tuple) and len(data) == 2:
            return Arrays.for_head(*data, labels, task, outputs)
        if isinstance(data, list) and data and all(hasattr(item, "shape") for item in data):
            return Arrays(data)
    elif hasattr(data, "shape") and hasattr(data, "dtype"):
        return Arrays(np.asarray(data))
    raise DataError(
        f"cannot read data from {type(data).__name__}. Give a folder of class folders, a CSV file, a list of image "
        "files, the name of a dataset, arrays (x, y), a zoo.Dataset, a tf.data.Dataset or a keras PyDataset."
    )


def _are_paths(data: Any) -> bool:
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(item, str | os.PathLike) for item in data)


def _from_text(text: str) -> Dataset:
    if not text:
        raise DataError("data is an empty text; give a folder, a CSV file or the name of a dataset (. is this folder)")
    path = Path(text).expanduser()
    separators = {"/", os.sep, os.altsep or os.sep}
    is_path = text.startswith("~") or any(separator in text for separator in separators)
    if is_path:
        return _from_path(path)
    # Here, not at the top of the module: only a name needs the plugins to be looked up.
    from zoo.plugin import call_factory, manager, registry

    if path.is_dir() or (path.is_file() and path.suffix.lower() in EXTENSIONS):
        # From manifests alone: reading a folder runs no plugin's code.
        hidden = " or ".join(repr(entry.id) for entry in manager().known().candidates("datasets", text))
        if hidden:
            warnings.warn(
                f"{text!r} is the folder {path.absolute()} here; for the dataset of that name write {hidden}",
                ZooNotice,
                stacklevel=4,
            )
        return _from_path(path)
    try:
        entry = registry().get("datasets", text)
    except UnknownNameError as error:
        raise DataError(f"there is no file or folder {text!r} in {Path.cwd()}, and {error}") from error
    dataset = call_factory(entry, entry.spec.loader)
    if not isinstance(dataset, Dataset):
        raise PluginError(
            f"the loader of dataset {entry.id!r} of {entry.provider} gave a {type(dataset).__name__}, not a zoo.Dataset"
        )
    return dataset


def _from_path(path: Path) -> Dataset:
    path = path.expanduser()
    return from_files([path]) if path.is_file() else ImageFiles.from_folder(path)
