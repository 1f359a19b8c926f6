"""Datasets that are meant by name, with or without options; what their plugins do is called through one place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.data.modalities import has_pictures
from zoo.errors import DataError, OptionError, PluginError
from zoo.registry import Entry
from zoo.specs import DatasetSpec

_METHODS = ("read", "digest", "problem", "preview")
"""What a class of a plugin may define of its own, and zoo calls."""


def dataset(name: str, /, **options: Any) -> Dataset:
    """Load a dataset by its name, with options.

    `zoo datasets show NAME` lists the options of a dataset. `{name: options}` means the same wherever data is taken.

    Args:
        name: the name of a dataset: "digits", "zoo_flowers:flowers5".
        **options: fields of the dataset's options; they are validated.

    Returns:
        The dataset, for `fit`, `evaluate`, `lint` and everything else that takes data.

    Raises:
        UnknownNameError: nobody provides the name; near misses are suggested.
        OptionError: an option is unknown or its value does not fit.
        PluginError: the loader failed, or returned something else.

    Example:
        ```python
        data = zoo.dataset("image-folder", path="photos")
        ```
    """
    return with_options({name: options})


def has_options(data: Any) -> bool:
    """Whether data is given as `{name: options}`, or as the text that `as_text` makes of it."""
    if isinstance(data, str):
        return data.startswith('{"')
    if not isinstance(data, Mapping) or len(data) != 1:
        return False
    ((name, options),) = data.items()
    return isinstance(name, str) and isinstance(options, Mapping)


def as_text(data: Any) -> str | None:
    """Data given as `{name: options}`, as a text that `load` reads again; None where an option is no JSON."""
    if isinstance(data, str):
        return data
    try:
        return json.dumps({name: dict(options) for name, options in data.items()}, default=_plain)
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    """A path or a number of NumPy as what JSON has for it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


def with_options(data: Any) -> Dataset:
    """Load the dataset that `{name: options}` means.

    Raises:
        DataError: it is a text that is damaged.
        UnknownNameError: nobody provides the name.
        OptionError: an option is unknown or its value does not fit.
    """
    from zoo.plugin import registry

    if isinstance(data, str):
        try:
            parsed = json.loads(data)
        except ValueError as error:
            raise DataError(f"{data[:200]!r} is no dataset with options: {error}") from error
        if isinstance(parsed, str) or not has_options(parsed):
            raise DataError(f"{data[:200]!r} is no dataset with options; write {{name: {{option: value}}}}")
        data = parsed
    ((name, options),) = data.items()
    loaded = named(registry().get("datasets", name), options)
    loaded.source = as_text(data)
    return loaded


def named(entry: Entry, options: Mapping[str, Any] | None = None) -> Dataset:
    """Load the dataset of an entry, and see to it that what its methods raise or return says whose they are.

    Raises:
        OptionError: an option is unknown, missing, or its value does not fit.
        PluginError: the loader failed, or returned no `zoo.Dataset`.
    """
    from zoo.plugin import call_factory, guard_methods

    if any(not isinstance(key, str) for key in options or {}):
        raise OptionError(f"options of {entry.id!r} have names; got {list(options or {})!r}")
    if entry.spec.loader is None:
        return _of_files(entry, options)
    loaded = call_factory(entry, entry.spec.loader, options=options)
    if not isinstance(loaded, Dataset):
        raise PluginError(
            f"the loader of dataset {entry.id!r} of {entry.provider} gave a {type(loaded).__name__}, not a zoo.Dataset"
        )
    if loaded.modality != entry.spec.modality:
        raise PluginError(
            f"the loader of dataset {entry.id!r} of {entry.provider} gave examples of {loaded.modality!r}; its spec "
            f"says {entry.spec.modality!r}"
        )
    checks = {"read": _picture_fault} if has_pictures(entry.spec.modality) else {}
    guard_methods(entry.provider, f"dataset {entry.id!r}", type(loaded), _METHODS, checks=checks)
    return loaded


def _of_files(entry: Entry, options: Mapping[str, Any] | None) -> Dataset:
    """The dataset of an entry that names its files: fetched once, then read as any file or folder of the user's."""
    from zoo.data.fetched import fetched
    from zoo.data.loading import load
    from zoo.data.tables import from_csv, is_table

    spec: DatasetSpec = entry.spec
    if options:
        raise OptionError(f"dataset {entry.id!r} has no options; got {', '.join(map(repr, options))}")
    path = fetched(spec)
    if is_table(path):
        task = None if spec.task == "classification" else spec.task
        loaded = from_csv(path, answers=spec.answers or None, task=task, modality=spec.modality)
    else:
        loaded = load(path, modality=spec.modality)
    if spec.labels:
        loaded = _of_labels(loaded, spec.labels)
    loaded.name = spec.name
    return loaded


def _of_labels(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The examples of some classes alone: an archive may hold others, such as reviews without an answer."""
    strangers = [place for place, name in enumerate(dataset.labels) if name not in labels]
    if strangers and dataset.targets is not None and dataset.task == "classification":
        kept = np.flatnonzero(~np.isin(dataset.targets, strangers))
        dataset = dataset.subset(kept)
        names = [name for name in dataset.labels if name in labels]
        places = np.array([names.index(name) if name in labels else -1 for name in dataset.labels])
        dataset.answer(places[dataset.targets], names, "classification")
    return dataset.relabel(labels)


def _picture_fault(value: Any) -> str:
    """What is wrong with what `read` returned; empty if nothing is."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3:
        return ""
    got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
    return f"returned {got}; it must return an image: uint8 (height, width, 3), values 0..255"
