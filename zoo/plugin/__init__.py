"""Plugins: discovered by entry point, listed from manifests, imported only when one of their names is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.plugin.manager import Manager, PluginRecord, manager, use_manager
from zoo.registry import Entry, Registry

__all__ = ["Manager", "PluginRecord", "call_factory", "load_target", "manager", "registry", "use_manager"]


def registry() -> Registry:
    """The registry of this process: zoo's own names and those of all plugins."""
    return manager().registry()


def load_target(entry: Entry, target: str) -> Any:
    """The object that an import string of an entry's spec names; imports its plugin."""
    return manager().target(entry, target)


def call_factory(
    entry: Entry, target: str, /, *args: Any, options: Mapping[str, Any] | None = None, **kwargs: Any
) -> Any:
    """Call a factory of an entry's plugin with validated options; failures say whose they are."""
    return manager().call(entry, target, *args, options=options, **kwargs)
