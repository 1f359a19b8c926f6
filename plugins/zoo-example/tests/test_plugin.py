"""The plugin as a whole: found, listed without being imported, its manifest up to date, its import quick."""

from __future__ import annotations

from zoo.testing import PluginConformance


class TestExample(PluginConformance):
    plugin = "zoo_example"
