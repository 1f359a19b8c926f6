"""For tests of zoo and of plugins: the conformance suites, and networks and data that are tiny but not dull.

Importing this package imports nothing else: pytest loads it in every project of an environment that has zoo. Every
public name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.testing.augmentations import AugmentationConformance
    from zoo.testing.backbones import BackboneConformance
    from zoo.testing.calibration import calibrated
    from zoo.testing.checking import check_plugin
    from zoo.testing.datasets import DatasetConformance
    from zoo.testing.engines import EngineConformance
    from zoo.testing.heads import HeadConformance
    from zoo.testing.interfaces import FormatConformance, ModalityConformance, SourceConformance
    from zoo.testing.isolation import IsolatedManager, NetworkUsedError, no_network
    from zoo.testing.metrics import MetricConformance
    from zoo.testing.plugins import PluginConformance
    from zoo.testing.recipes import RecipeConformance
    from zoo.testing.report import CheckResult, Report
    from zoo.testing.suite import CheckFailed, CheckSkipped, Conformance
    from zoo.testing.tiny import tiny_backbone, tiny_dataset

# Public name -> the module that defines it (PEP 562). No public name equals a module name.
_PUBLIC = {
    "AugmentationConformance": "augmentations",
    "BackboneConformance": "backbones",
    "CheckFailed": "suite",
    "CheckResult": "report",
    "CheckSkipped": "suite",
    "Conformance": "suite",
    "DatasetConformance": "datasets",
    "EngineConformance": "engines",
    "FormatConformance": "interfaces",
    "HeadConformance": "heads",
    "IsolatedManager": "isolation",
    "MetricConformance": "metrics",
    "ModalityConformance": "interfaces",
    "NetworkUsedError": "isolation",
    "PluginConformance": "plugins",
    "RecipeConformance": "recipes",
    "Report": "report",
    "SourceConformance": "interfaces",
    "calibrated": "calibration",
    "check_plugin": "checking",
    "no_network": "isolation",
    "tiny_backbone": "tiny",
    "tiny_dataset": "tiny",
}

__all__ = [
    "AugmentationConformance",
    "BackboneConformance",
    "CheckFailed",
    "CheckResult",
    "CheckSkipped",
    "Conformance",
    "DatasetConformance",
    "EngineConformance",
    "FormatConformance",
    "HeadConformance",
    "IsolatedManager",
    "MetricConformance",
    "ModalityConformance",
    "NetworkUsedError",
    "PluginConformance",
    "RecipeConformance",
    "Report",
    "SourceConformance",
    "calibrated",
    "check_plugin",
    "no_network",
    "tiny_backbone",
    "tiny_dataset",
]


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'zoo.testing' has no attribute {name!r}")
    value = getattr(import_module(f"zoo.testing.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_PUBLIC))
