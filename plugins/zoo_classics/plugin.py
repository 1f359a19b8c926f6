"""What zoo_classics provides: the datasets that lectures use, from digits to film reviews."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import DatasetSpec
from zoo_classics.datasets import SPECS


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """The classic datasets."""
    return SPECS
