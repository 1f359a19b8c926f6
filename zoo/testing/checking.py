"""Runs the fitting suites over everything that a plugin provides, without pytest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.plugin import Manager
from zoo.plugin import manager as process_manager
from zoo.plugin.records import find_record
from zoo.testing.augmentations import AugmentationConformance
from zoo.testing.backbones import BackboneConformance
from zoo.testing.datasets import DatasetConformance
from zoo.testing.engines import EngineConformance
from zoo.testing.heads import HeadConformance
from zoo.testing.interfaces import FormatConformance, ModalityConformance, SourceConformance
from zoo.testing.metrics import MetricConformance
from zoo.testing.plugins import PluginConformance
from zoo.testing.recipes import RecipeConformance
from zoo.testing.report import Report
from zoo.testing.suite import Conformance, EntryConformance

SUITES: dict[str, type[EntryConformance]] = {
    "backbones": BackboneConformance,
    "heads": HeadConformance,
    "augmentations": AugmentationConformance,
    "datasets": DatasetConformance,
    "recipes": RecipeConformance,
    "metrics": MetricConformance,
    "engines": EngineConformance,
    "sources": SourceConformance,
    "formats": FormatConformance,
    "modalities": ModalityConformance,
}
"""Kind -> its suite. Label sets and commands are data and names: `PluginConformance` looks at them."""


def check_plugin(
    plugin: str,
    manager: Manager | None = None,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    expected_failures: Mapping[str, Mapping[str, str]] | None = None,
) -> Report:
    """Check a plugin and everything it provides, as its author's tests do.

    Args:
        plugin: its id, its distribution or its package.
        manager: the plugins to look among; default those of the process.
        options: name -> options, for what does not work without (a dataset that needs a path).
        expected_failures: name (or the plugin's id) -> check -> why it is known to fail.

    Returns:
        Every check with its outcome; `report.ok` is False where one failed, and where nothing could be looked at.

    Raises:
        UnknownNameError: no such plugin is installed; near misses are suggested.
    """
    plugins = manager or process_manager()
    record = find_record(plugins.records(), plugin)
    known = expected_failures or {}
    report = Report(record.id)
    _run(report, PluginConformance, record.id, plugin=record.id, manager=plugins, expected=known.get(record.id, {}))
    for kind, suite in SUITES.items():
        entries = [entry for entry in plugins.registry().entries(kind) if entry.provider.plugin == record.id]
        for entry in entries:
            _run(
                report,
                suite,
                entry.name,
                name=entry.id,
                manager=plugins,
                options=dict((options or {}).get(entry.name, {})),
                expected=known.get(entry.name, {}),
            )
    return report


def _run(
    report: Report, suite: type[Conformance], subject: str, /, *, expected: Mapping[str, str], **attributes: Any
) -> None:
    """Run one suite, by a test class such as its author would write."""
    checks = [check for check in expected if check in suite.checks()]
    test: Any = type(
        f"Test_{subject}", (suite,), {**attributes, "expected_failures": {check: expected[check] for check in checks}}
    )
    try:
        report.results += [test().run(check) for check in test.checks()]
    finally:
        test.teardown_class()
