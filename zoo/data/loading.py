"""From whatever the user has (folder, name, table, files, arrays, tf.data) to a Dataset."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.arrays import Arrays, from_stream
from zoo.data.collecting import collect, is_file_of_examples
from zoo.data.dataset import Dataset
from zoo.data.files import ImageFiles, from_files
from zoo.data.gathering import gathered, is_array, is_path, is_picture
from zoo.data.modalities import assumed, has_pictures, kind_of, modality_of_path, picture_files
from zoo.data.named import as_text, has_options, named, with_options
from zoo.data.streams import is_stream
from zoo.data.tables import from_csv, is_table, modality_of_table
from zoo.errors import DataError, UnknownNameError
from zoo.paths import expanded
from zoo.registry import ZooNotice
from zoo.specs import Output, Task


def load(
    data: Any,
    *,
    labels: Sequence[str] | None = None,
    task: Task | None = None,
    outputs: Sequence[Output] = (),
    group: str | None = None,
    modality: str | None = None,
) -> Dataset:
    """Make a Dataset of data.

    A text is a path if there is a folder or an image file of that name, or if it holds a path separator; else it is the
    name of a dataset ("digits", "zoo_flowers:flowers5"). A notice says so where a path hides the dataset of that name.

    Args:
        data: a folder of class folders; a CSV file (see `from_csv`); a flat folder, an image file, a pattern
            (`photos/*.jpg`) or a list, series or generator of image files (unlabeled), or `(files, y)` with their
            answers or a function that gives them (see `from_files`); the name of a dataset, or `{name: options}`; a
            Dataset; arrays or pictures `(x, y)` or x alone (see `Arrays`); a tf.data.Dataset, a keras PyDataset, or a
            generator of batches (x, y) that ends.
        labels: class names to number the answers by (those of a head). Without them a folder's classes are sorted by
            name, and numbers have no names.
        task: what the answers of arrays, streams, files and tables are; None: found out by their rules.
        outputs: the several answers of a head (instead of labels and task): y is then a mapping.
        group: "folder", or the column of a table, whose images a split keeps on one side: see `Dataset.grouped`.
        modality: what the examples are (that of a model, say). None: that of a Dataset; of a folder or file, by the
            endings of its files; of anything else images.

    Returns:
        The dataset; `labels` and `targets` follow the labels asked for.

    Raises:
        DataError: the data cannot be used as given, or its classes are not among the labels.
        OptionError: there is no such group.
    """
    dataset = _of_modality(data, modality or _modality_of(data), labels, task, outputs, group)
    if modality is not None and dataset.modality != modality:
        raise DataError(f"{dataset.name} holds examples of {dataset.modality!r}, and {modality!r} is what is needed")
    dataset.source = source_of(data)
    if outputs:
        return dataset.arrange(outputs) if dataset.outputs else dataset
    return dataset if labels is None else dataset.relabel(labels)


def _of_modality(
    data: Any,
    modality: str,
    labels: Sequence[str] | None,
    task: Task | None,
    outputs: Sequence[Output],
    group: str | None,
) -> Dataset:
    """Load data as examples of a modality; a Dataset and the name of one say themselves whose they are."""
    known: tuple[str, ...] = () if outputs else tuple(labels or ())
    kind = None if outputs else task
    if has_pictures(modality) or isinstance(data, Dataset) or has_options(data) or _is_name(data):
        dataset = _load(data, known, kind, tuple(outputs), group)
        grouped = is_table(data) and isinstance(dataset, ImageFiles)
    elif is_table(data) and not is_file_of_examples(data, kind_of(modality)):
        dataset = from_csv(data, labels=known, task=kind, outputs=outputs, group=group, modality=modality)
        grouped = True
    else:
        dataset = collect(data, kind_of(modality), known, kind, outputs)
        grouped = False
    return dataset if group is None or grouped else dataset.grouped(group)


def _modality_of(data: Any) -> str:
    """What the examples of data are, as far as it says so itself; images otherwise."""
    if isinstance(data, Dataset):
        return data.modality
    if has_options(data) or not isinstance(data, str | os.PathLike) or not os.path.exists(expanded(data)):
        return assumed()
    return modality_of_table(data) if is_table(data) else modality_of_path(expanded(data))


def _is_name(data: Any) -> bool:
    """Whether a text is the name of a dataset, and no path."""
    if not isinstance(data, str) or not data or os.sep in data or os.path.exists(expanded(data)):
        return False
    from zoo.plugin import manager

    return bool(manager().known().candidates("datasets", data))


def source_of(data: Any) -> str | None:
    """The absolute path or the name by which data can be loaded again; None where there is none."""
    if isinstance(data, Dataset):
        return data.source
    if has_options(data):
        return as_text(data)
    if not isinstance(data, str | os.PathLike):
        return None
    path = expanded(data)
    return str(path.absolute()) if os.path.exists(path) else str(data)


def _load(
    data: Any, labels: tuple[str, ...], task: Task | None, outputs: tuple[Output, ...], group: str | None
) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if has_options(data):
        return with_options(data)
    if is_table(data):
        return from_csv(data, labels=labels, task=task, outputs=outputs, group=group)
    if is_path(data):
        return _from_one_path(data)
    if is_stream(data):
        return from_stream(data, labels, task=task, outputs=outputs)
    if isinstance(data, Iterator) and not is_picture(data):
        return _from_iterator(data, labels, task, outputs)
    if isinstance(data, tuple) and len(data) == 2 and not all(is_path(item) or is_picture(item) for item in data):
        return _from_pair(*data, labels, task, outputs)
    return _of_pictures(data)


def _of_pictures(data: Any) -> Dataset:
    """Pictures without answers, in whatever holds them: paths, arrays, or one array."""
    members = None if is_picture(data) else gathered(data)
    if members and all(is_path(item) for item in members):
        return from_files(members)
    if members and all(is_array(item) or is_picture(item) or is_path(item) for item in members):
        return Arrays(members)
    if is_array(data):
        return Arrays(np.asarray(data))
    raise DataError(
        f"cannot read data from {type(data).__name__}. Give a folder of class folders, a CSV file, a list of image "
        "files, the name of a dataset, arrays (x, y), a zoo.Dataset, a tf.data.Dataset or a keras PyDataset."
    )


def _from_one_path(data: str | os.PathLike[str]) -> Dataset:
    """The files of a pattern, a folder or file, or the dataset of a name."""
    files = gathered(data)
    if files is not None:
        return from_files(files)
    return _from_text(data) if isinstance(data, str) else _from_path(Path(data))


def _from_pair(x: Any, y: Any, labels: tuple[str, ...], task: Task | None, outputs: tuple[Output, ...]) -> Dataset:
    """Images with their answers: files, or pictures of any kind."""
    members = None if is_picture(x) else gathered(x)
    y = list(y) if isinstance(y, Iterator) else y
    if members and all(is_path(item) for item in members):
        return from_files(members, y, labels=labels, task=task, outputs=outputs)
    return Arrays.for_head(x if members is None else members, y, labels, task, outputs)


def _from_iterator(data: Iterator[Any], labels: tuple[str, ...], task: Task | None, outputs: Any) -> Dataset:
    """What a generator gives: files, pictures, or as for Keras batches (x, y)."""
    first = list(islice(data, 1))
    whole = chain(first, data)
    if first and (isinstance(first[0], tuple) or (is_array(first[0]) and np.ndim(first[0]) == 4)):
        return from_stream(whole, labels, task=task, outputs=outputs)
    return _load(gathered(whole), labels, task, outputs, None)


def _from_text(text: str) -> Dataset:
    if not text:
        raise DataError("data is an empty text; give a folder, a CSV file or the name of a dataset (. is this folder)")
    path = expanded(text)
    separators = {"/", os.sep, os.altsep or os.sep}
    if text.startswith("~") or any(separator in text for separator in separators):
        return _from_path(path)
    # Here, not at the top of the module: only a name needs the plugins to be looked up.
    from zoo.plugin import manager, registry

    if os.path.isdir(path) or (os.path.isfile(path) and path.suffix.lower() in picture_files().extensions):
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
    return named(entry)


def _from_path(path: Path) -> Dataset:
    path = expanded(path)
    return from_files([path]) if os.path.isfile(path) else ImageFiles.from_folder(path)
