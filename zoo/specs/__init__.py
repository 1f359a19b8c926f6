"""The vocabulary: frozen, declarative descriptions of what can be asked for, and of what was done (`record`).

A spec holds data only. Code is named by an import string such as `"zoo_flowers.heads:build"`, so that listing
imports nothing. The modules of this package import pydantic and the standard library only.
"""

from __future__ import annotations

from zoo.specs.additions import AugmentationSpec, CommandSpec, DataFile, DatasetSpec
from zoo.specs.backbones import BackboneSpec, LayerSummary, PublishedAccuracy, StageSpec, WeightSource
from zoo.specs.catalog import KINDS, Catalog, Contributions, json_schema
from zoo.specs.heads import HeadSpec, LabelSet, Output, TrainedHead
from zoo.specs.interfaces import EngineSpec, FormatSpec, MetricSpec, ModalitySpec, SourceSpec
from zoo.specs.preprocessing import InputSpec, Preprocessing, ResizeRule, Size, as_size, sides, size_in_words
from zoo.specs.recipes import HEAD_STAGE, Phase, PhaseSpec, Recipe, RecipeSpec
from zoo.specs.words import BOX_LABELS, AnswerTask, Digest, ImportString, NamedSpec, Slug, Spec, Task

__all__ = [
    "BOX_LABELS",
    "HEAD_STAGE",
    "KINDS",
    "AnswerTask",
    "AugmentationSpec",
    "BackboneSpec",
    "Catalog",
    "CommandSpec",
    "Contributions",
    "DataFile",
    "DatasetSpec",
    "Digest",
    "EngineSpec",
    "FormatSpec",
    "HeadSpec",
    "ImportString",
    "InputSpec",
    "LabelSet",
    "LayerSummary",
    "MetricSpec",
    "ModalitySpec",
    "NamedSpec",
    "Output",
    "Phase",
    "PhaseSpec",
    "Preprocessing",
    "PublishedAccuracy",
    "Recipe",
    "RecipeSpec",
    "ResizeRule",
    "Size",
    "Slug",
    "SourceSpec",
    "Spec",
    "StageSpec",
    "Task",
    "TrainedHead",
    "WeightSource",
    "as_size",
    "json_schema",
    "sides",
    "size_in_words",
]
