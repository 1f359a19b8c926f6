"""`zoo datasets`: the datasets of all plugins."""

from __future__ import annotations

from zoo.cli.listings import listing_group

command = listing_group(
    "datasets",
    text="List datasets, or show one.",
    show="Show a dataset: labels, splits, size, license, source.",
    example="digits",
    expendable=("provider", "modality", "task", "license"),
)
