"""`zoo heads`: the heads of all plugins."""

from __future__ import annotations

from zoo.cli.listings import listing_group

command = listing_group(
    "heads",
    text="List heads, or show one with its options.",
    show="Show a head: task, labels, trained weights, options.",
    example="mlp",
    expendable=("provider", "task", "dataset"),
)
