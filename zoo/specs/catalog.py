"""All kinds together: the files that hold contributions, `registry.json` and the manifests of plugins."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from zoo.specs.additions import AugmentationSpec, CommandSpec, DatasetSpec
from zoo.specs.backbones import BackboneSpec
from zoo.specs.heads import HeadSpec, LabelSet
from zoo.specs.interfaces import EngineSpec, FormatSpec, MetricSpec, ModalitySpec, SourceSpec
from zoo.specs.recipes import RecipeSpec
from zoo.specs.words import NamedSpec, Spec

KINDS: dict[str, type[NamedSpec]] = {
    "backbones": BackboneSpec,
    "heads": HeadSpec,
    "augmentations": AugmentationSpec,
    "datasets": DatasetSpec,
    "label_sets": LabelSet,
    "commands": CommandSpec,
    "recipes": RecipeSpec,
    "metrics": MetricSpec,
    "engines": EngineSpec,
    "sources": SourceSpec,
    "formats": FormatSpec,
    "modalities": ModalitySpec,
}
"""What a plugin can contribute: the name in a manifest, and its model."""


class Contributions(Spec):
    """Everything one plugin provides; the payload of `registry.json` and of every manifest."""

    backbones: tuple[BackboneSpec, ...] = ()
    heads: tuple[HeadSpec, ...] = ()
    augmentations: tuple[AugmentationSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    label_sets: tuple[LabelSet, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    recipes: tuple[RecipeSpec, ...] = ()
    metrics: tuple[MetricSpec, ...] = ()
    engines: tuple[EngineSpec, ...] = ()
    sources: tuple[SourceSpec, ...] = ()
    formats: tuple[FormatSpec, ...] = ()
    modalities: tuple[ModalitySpec, ...] = ()


class Catalog(Spec):
    """A file of contributions: `registry.json` (plugin `zoo`), or a plugin's `zoo-plugin.json`."""

    schema_version: str = Field(default="1.0", description="version of this vocabulary")
    plugin: str = Field(description="id of the plugin: the name of its entry point")
    api: str = Field(default=">=0.1,<1", description="versions of zoo it works with")
    generated_by: str = Field(default="", description="the command that wrote the file")
    contributes: Contributions


def json_schema() -> dict[str, Any]:
    """The JSON schema of `registry.json` and of plugin manifests."""
    return Catalog.model_json_schema()
