"""zoo: a model zoo and registry SDK for transfer learning on Keras 3.

Importing this package imports no TensorFlow, no Keras and no plugin: every public name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zoo._version import __version__

if TYPE_CHECKING:
    from zoo.building import build, load
    from zoo.comparison import compare
    from zoo.data import Arrays, Dataset, ImageFiles, examples, from_csv, from_files
    from zoo.data.named import dataset
    from zoo.describing import describe
    from zoo.embedding import Embeddings, embed
    from zoo.errors import ZooError
    from zoo.evaluation import Evaluation
    from zoo.features.nearest import neighbors
    from zoo.head_request import Head, classifier, head, head_for, locator, multi_output, multilabel, regressor
    from zoo.linting import lint
    from zoo.model import TransferModel
    from zoo.plugin.hookspecs import hookimpl
    from zoo.plugin.listing import augmentations, backbones, datasets, heads, plugins, recipes
    from zoo.plugin.locate import which
    from zoo.ranking import recommend
    from zoo.reporting.reports import report
    from zoo.restriction import restrict
    from zoo.resuming import resume
    from zoo.run import Run, load_run
    from zoo.specs import Phase, Recipe
    from zoo.tasks import Prediction
    from zoo.weights import fetch, installed_file

# Public name -> the module that defines it (PEP 562). No public name equals a module name.
_PUBLIC = {
    "Arrays": "zoo.data",
    "Dataset": "zoo.data",
    "Embeddings": "zoo.embedding",
    "Evaluation": "zoo.evaluation",
    "Head": "zoo.head_request",
    "ImageFiles": "zoo.data",
    "Phase": "zoo.specs",
    "Prediction": "zoo.tasks",
    "Recipe": "zoo.specs",
    "Run": "zoo.run",
    "TransferModel": "zoo.model",
    "ZooError": "zoo.errors",
    "augmentations": "zoo.plugin.listing",
    "backbones": "zoo.plugin.listing",
    "build": "zoo.building",
    "classifier": "zoo.head_request",
    "compare": "zoo.comparison",
    "dataset": "zoo.data.named",
    "datasets": "zoo.plugin.listing",
    "describe": "zoo.describing",
    "embed": "zoo.embedding",
    "examples": "zoo.data",
    "fetch": "zoo.weights",
    "from_csv": "zoo.data",
    "from_files": "zoo.data",
    "head": "zoo.head_request",
    "head_for": "zoo.head_request",
    "heads": "zoo.plugin.listing",
    "hookimpl": "zoo.plugin.hookspecs",
    "installed_file": "zoo.weights",
    "lint": "zoo.linting",
    "load": "zoo.building",
    "load_run": "zoo.run",
    "locator": "zoo.head_request",
    "multi_output": "zoo.head_request",
    "multilabel": "zoo.head_request",
    "neighbors": "zoo.features.nearest",
    "regressor": "zoo.head_request",
    "plugins": "zoo.plugin.listing",
    "recipes": "zoo.plugin.listing",
    "recommend": "zoo.ranking",
    "report": "zoo.reporting.reports",
    "restrict": "zoo.restriction",
    "resume": "zoo.resuming",
    "which": "zoo.plugin.locate",
}

__all__ = [
    "Arrays",
    "Dataset",
    "Embeddings",
    "Evaluation",
    "Head",
    "ImageFiles",
    "Phase",
    "Prediction",
    "Recipe",
    "Run",
    "TransferModel",
    "ZooError",
    "__version__",
    "augmentations",
    "backbones",
    "build",
    "classifier",
    "compare",
    "dataset",
    "datasets",
    "describe",
    "embed",
    "examples",
    "fetch",
    "from_csv",
    "from_files",
    "head",
    "head_for",
    "heads",
    "hookimpl",
    "installed_file",
    "lint",
    "load",
    "load_run",
    "locator",
    "multi_output",
    "multilabel",
    "neighbors",
    "plugins",
    "recipes",
    "recommend",
    "regressor",
    "report",
    "restrict",
    "resume",
    "which",
]


_ROOMS = {"plots"}
"""Packages that are there without an import of their own, as `zoo.plots.learning_curves` is."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"zoo.{name}")
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_PUBLIC) | _ROOMS)
