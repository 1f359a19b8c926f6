"""`zoo augmentations`: the augmentations of all plugins."""

from __future__ import annotations

from zoo.cli.listings import listing_group

command = listing_group(
    "augmentations",
    text="List augmentations, or show one with its options.",
    show="Show an augmentation with its options.",
    example="rotation",
    expendable=("provider", "modality"),
)
