"""Training: recipes, phases, freezing that is proven, and the record of a run."""

from __future__ import annotations

from zoo.training.auto import AUTO, Choice, Measured, Share, at_least, decide, frozen_recipe, tuned
from zoo.training.fit import Outcome, Settings, check_class_weight, check_recipe, features_for, train
from zoo.training.freeze import freeze
from zoo.training.recipes import choose, named, rates, resolve
from zoo.training.report import parameters, trainable_report
from zoo.training.run import Run, RunFolder, new_directory, versions, write_json
from zoo.training.saving import EVERY, Checkpointer, kind_of, unsaved

__all__ = [
    "AUTO",
    "EVERY",
    "Checkpointer",
    "Choice",
    "Measured",
    "Outcome",
    "Run",
    "RunFolder",
    "Settings",
    "Share",
    "at_least",
    "check_class_weight",
    "check_recipe",
    "choose",
    "decide",
    "features_for",
    "freeze",
    "frozen_recipe",
    "kind_of",
    "named",
    "new_directory",
    "parameters",
    "rates",
    "resolve",
    "train",
    "trainable_report",
    "tuned",
    "unsaved",
    "versions",
    "write_json",
]
