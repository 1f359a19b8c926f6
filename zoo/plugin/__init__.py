"""Plugins: discovered by entry point, listed from manifests, imported only when one of their names is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.plugin.calling import calling, guard_methods, guarded
from zoo.plugin.manager import Manager, manager, use_manager
from zoo.plugin.records import PluginRecord
from zoo.registry import Entry, Registry

__all__ = [
    "Manager",
    "PluginRecord",
    "call_factory",
    "calling",
    "guard_methods",
    "guarded",
    "load_target",
    "manager",
    "option_schema",
    "registry",
    "use_manager",
]


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


def option_schema(entry: Entry) -> dict[str, Any]:
    """The JSON schema of an entry's options; {} where it has none."""
    return manager().option_schema(entry)
