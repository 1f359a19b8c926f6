"""What zoo_classics provides: the datasets and the networks of lectures, from digits to GoogLeNet."""

from __future__ import annotations

from zoo import hookimpl
from zoo.specs import BackboneSpec, DatasetSpec
from zoo_classics import backbones, datasets


@hookimpl
def zoo_backbones() -> tuple[BackboneSpec, ...]:
    """The classic networks."""
    return backbones.SPECS


@hookimpl
def zoo_datasets() -> tuple[DatasetSpec, ...]:
    """The classic datasets."""
    return datasets.SPECS
