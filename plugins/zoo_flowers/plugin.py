"""The hooks of zoo_flowers."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import DatasetSpec, HeadSpec


@hookimpl
def zoo_heads() -> tuple[HeadSpec, ...]:
    """The head flowers5."""
    from zoo_flowers.heads import SPECS

    return SPECS


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """The dataset flowers5."""
    from zoo_flowers.datasets import SPECS

    return SPECS
