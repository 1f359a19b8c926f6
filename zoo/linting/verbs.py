"""zoo.lint: what is wrong with data before anything is trained on it; and the cheap look that every fit takes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from zoo.data import Dataset, concatenate, load
from zoo.data.findings import Findings
from zoo.data.modalities import files_of, has_pictures
from zoo.errors import DataError
from zoo.linting.inspection import checks_of, inspect
from zoo.linting.suspects import LABELS, suspected
from zoo.progress import Display


def lint(
    data: Any,
    *,
    validation: Any = None,
    features: bool = True,
    backbone: str = "efficientnet_lite0",
    input_size: int | None = None,
    cache: bool = True,
    verbose: int | str = "auto",
    progress: Any = None,
) -> Findings:
    """Say what is wrong with data: damaged and odd files, copies, leaks between splits, labels that look wrong.

    Without features nothing but Pillow is needed: thousands of files take seconds. With them a frozen backbone's
    features are computed, or taken from the cache, and a cross-validated probe doubts labels.

    Args:
        data: as for `fit`.
        validation: data of its own that will be measured on, as in `fit`; compared with the other.
        features: whether to look for wrong labels too; of images only.
        backbone: whose features.
        input_size: side of its input in px; default from the backbone.
        cache: whether features are looked up in the cache and kept there.
        verbose: as for `fit`.
        progress: called with (images done, images in all) while features are computed.

    Returns:
        What was found, the worst first; `.ok`, `.table()`, `.to_html(path)`.

    Raises:
        DataError: the data cannot be read at all.
    """
    start = time.perf_counter()
    dataset = _whole(data, validation)
    findings = inspect(dataset)
    checks = list(checks_of(dataset))
    targets = dataset.readable().targets if dataset.task == "classification" else None
    # A base of another modality is fitted to data, or random: what it doubts says nothing.
    doubts = features and has_pictures(dataset.modality)
    if doubts and targets is not None and len(np.unique(targets)) > 1:
        checks.append(LABELS)
        try:
            with Display(verbose) as display:
                counter = display.counter("features", also=progress)
                findings += suspected(dataset, backbone, input_size=input_size, cache=cache, progress=counter)
        except DataError:
            checks.remove(LABELS)  # too few images to doubt any
    return Findings(
        findings,
        data=dataset.name,
        images=len(dataset),
        checks=checks,
        seconds=time.perf_counter() - start,
        picture=dataset.example if has_pictures(dataset.modality) else dataset.thumbnail,
        words=files_of(dataset.modality).words,
    )


def glance(dataset: Dataset) -> Findings:
    """The cheap part of `lint`, which every `fit` makes: headers, hashes and labels, nothing decoded.

    Training looks all of these up anyway, and each once: 1,250 photos take hundredths of a second on top of it.
    """
    start = time.perf_counter()
    findings = inspect(dataset, quick=True)
    return Findings(
        findings,
        data=dataset.name,
        images=len(dataset),
        checks=checks_of(dataset, quick=True),
        seconds=time.perf_counter() - start,
        picture=dataset.example if has_pictures(dataset.modality) else dataset.thumbnail,
        words=files_of(dataset.modality).words,
    )


def _whole(data: Any, validation: Any) -> Dataset:
    """The data, and what it will be measured on as its split "validation"."""
    dataset = load(data)
    if len(dataset) == 0:
        raise DataError(f"{dataset.name} holds no {files_of(dataset.modality).words}")
    if validation is None:
        return dataset
    held_out = load(
        validation,
        labels=dataset.labels or None,
        task=None if dataset.task == "classification" else dataset.task,
        outputs=dataset.outputs,
        modality=dataset.modality,
    )
    joined = concatenate(dataset, held_out, name=dataset.name)
    first = np.arange(len(dataset), dtype=np.int64)
    joined.splits = {"train": first, "validation": np.arange(len(dataset), len(joined), dtype=np.int64)}
    return joined
