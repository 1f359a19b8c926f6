"""Training: recipes, phases, freezing that is proven, and the record of a run."""

from __future__ import annotations

from zoo.training.fit import Outcome, Settings, check_class_weight, check_recipe, train
from zoo.training.freeze import freeze
from zoo.training.recipes import RECIPES, choose, rates, resolve
from zoo.training.run import Run, new_directory, versions, write_json

__all__ = [
    "RECIPES",
    "Outcome",
    "Run",
    "Settings",
    "check_class_weight",
    "check_recipe",
    "choose",
    "freeze",
    "new_directory",
    "rates",
    "resolve",
    "train",
    "versions",
    "write_json",
]
