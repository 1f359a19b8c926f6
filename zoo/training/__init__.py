"""Training: recipes, phases, freezing that is proven, and the record of a run."""

from __future__ import annotations

from zoo.training.fit import Outcome, Settings, check_class_weight, check_recipe, train
from zoo.training.freeze import freeze
from zoo.training.recipes import RECIPES, choose, rates, resolve
from zoo.training.report import trainable_report
from zoo.training.run import Run, RunFolder, new_directory, versions, write_json
from zoo.training.saving import EVERY, Checkpointer, kind_of, unsaved

__all__ = [
    "EVERY",
    "RECIPES",
    "Checkpointer",
    "Outcome",
    "Run",
    "RunFolder",
    "Settings",
    "check_class_weight",
    "check_recipe",
    "choose",
    "freeze",
    "kind_of",
    "new_directory",
    "rates",
    "resolve",
    "train",
    "trainable_report",
    "unsaved",
    "versions",
    "write_json",
]
