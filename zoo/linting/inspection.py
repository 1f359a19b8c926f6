"""All checks of a dataset, at a glance (headers, hashes, labels) or with every picture decoded; no TensorFlow."""

from __future__ import annotations

import numpy as np

from zoo.data import Dataset
from zoo.data.findings import Finding
from zoo.data.modalities import has_pictures
from zoo.data.pools import ordered_map
from zoo.linting.copies import exact_copies, near_copies
from zoo.linting.files import of_contents, of_files, of_sizes
from zoo.linting.labels import across_splits, of_labels
from zoo.linting.looks import glances, look
from zoo.linting.others import CHECKS as OTHER_CHECKS
from zoo.linting.others import inspect_others

QUICK_CHECKS = (
    *("unreadable", "tiny", "odd shape", "transparent", "CMYK", "16 bits", "rotated by EXIF"),
    *("exact duplicates", "leakage", "groups across splits", "contradicting labels", "labels missing in a split"),
    *("few images", "uneven classes", "names that differ only in case"),
)
"""What shows without decoding a picture: headers, hashes of the files, labels."""

CHECKS = (*QUICK_CHECKS, "corrupt", "gray", "near duplicates", "almost black", "one color")
"""What `inspect` looks for."""


def checks_of(dataset: Dataset, *, quick: bool = False) -> tuple[str, ...]:
    """Return what `inspect` looks for in a dataset."""
    if not has_pictures(dataset.modality):
        return OTHER_CHECKS if quick else (*OTHER_CHECKS, f"what {dataset.modality!r} examples show")
    return QUICK_CHECKS if quick else CHECKS


def inspect(dataset: Dataset, *, quick: bool = False) -> list[Finding]:
    """Look at every image once: its header, a small version of it, its content's hash, its label.

    Args:
        dataset: what to look at; its own splits, if it has any, are compared.
        quick: decode nothing: only `QUICK_CHECKS` are made, from what training looks up anyway.

    Returns:
        What was found, in no particular order.
    """
    if not has_pictures(dataset.modality):
        return inspect_others(dataset, quick=quick)
    looks = glances(dataset) if quick else ordered_map(lambda index: look(dataset, index), range(len(dataset)))
    readable = np.array([not look.problem for look in looks], bool)
    findings = [*of_files(dataset, looks), *of_sizes(dataset, looks), *exact_copies(dataset, readable)]
    if not quick:
        findings += [*of_contents(dataset, looks), *near_copies(dataset, looks, readable)]
    findings += [*dataset.reading, across_splits(dataset), *of_labels(dataset, readable)]
    return [finding for finding in findings if finding is not None]
