"""What is known of an installed plugin: where it comes from, its state, and every problem found with it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from zoo.registry import Provider

State = Literal["discovered", "indexed", "active", "disabled", "broken"]
"""discovered: installed, no manifest, not imported yet; indexed: its names are known from its manifest; active:
imported; disabled: left out by `ZOO_PLUGINS`; broken: nothing of it can be used."""

SLOW_IMPORT = 0.5
"""Seconds of import from which a plugin is named by `zoo plugins doctor`."""

HEAVY = ("tensorflow", "keras", "torch", "jax")
"""Packages that a plugin's hook module must not import: they cost seconds, so they belong inside the factories."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a plugin.

    Attributes:
        stage: where it happened: "discovery", "manifest", "version", "import", "hook", "spec" or "name".
        what: what was found, in one line.
        advice: what to try.
        traceback: of the plugin's code, where it raised.
        broken: True: something of the plugin cannot be used. False: a remark, everything works.
    """

    stage: str
    what: str
    advice: str = ""
    traceback: str = ""
    broken: bool = True

    @classmethod
    def of(cls, stage: str, error: BaseException, *, advice: str = "") -> Problem:
        """The problem that an exception is."""
        return cls(stage, f"{type(error).__name__}: {error}", advice, "".join(traceback.format_exception(error)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


@dataclass
class PluginRecord:
    """What is known of one installed plugin.

    Attributes:
        id: name of its entry point.
        module: the module with its hooks.
        provider: plugin, distribution and version.
        state: how far it got.
        manifest: whether it has a manifest, so that it is listed without being imported.
        api: versions of zoo it says it works with, e.g. ">=0.1,<1"; empty without a manifest.
        problems: what is wrong with it; problems that break nothing too.
        seconds: time its import took in this process; 0 while it is not imported.
        provides: kind -> names.
    """

    id: str
    module: str
    provider: Provider
    state: State = "discovered"
    manifest: bool = False
    api: str = ""
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0
    provides: dict[str, list[str]] = field(default_factory=dict)

    @property
    def error(self) -> str:
        """The first thing that is broken, in one line, and how many more there are; empty if nothing is."""
        found = [problem.what for problem in self.problems if problem.broken]
        return found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "") if found else ""

    @property
    def traceback(self) -> str:
        """The traceback of the first thing that is broken; empty if it has none."""
        return next((problem.traceback for problem in self.problems if problem.broken), "")

    @property
    def repair(self) -> str:
        """What a user can try when it is broken."""
        upgrade = f"pip install -U {self.provider.distribution}"
        return upgrade if self.provider.first_party else f"{upgrade}; ZOO_PLUGINS=-{self.id} leaves it out"

    def row(self) -> dict[str, Any]:
        """One line of `zoo.plugins()`."""
        return {
            "plugin": self.id,
            "distribution": self.provider.distribution,
            "version": self.provider.version,
            "state": self.state,
            "manifest": "yes" if self.manifest else "no",
            "provides": "; ".join(f"{kind}: {', '.join(names)}" for kind, names in self.provides.items() if names),
            "error": self.error,
        }

    def called(self, name: str) -> bool:
        """Whether a user may call it so: by its id, its distribution or its package; dash and underscore are one."""
        names = (self.id, self.provider.distribution, self.module.partition(".")[0])
        return _flat(name) in {_flat(mine) for mine in names}


def find_record(records: Iterable[PluginRecord], name: str) -> PluginRecord:
    """The record of the plugin that a user calls so (id, distribution or package).

    Raises:
        UnknownNameError: no plugin is called so; near misses are suggested.
        AmbiguousNameError: several are, and none has exactly this id.
    """
    from zoo.errors import AmbiguousNameError, unknown

    pool = list(records)
    exact = [record for record in pool if record.id == name]
    found = exact or [record for record in pool if record.called(name)]
    if not found:
        names = {record.id for record in pool} | {record.provider.distribution for record in pool}
        raise unknown("plugin", name, names, command="zoo plugins")
    if len(found) > 1:
        raise AmbiguousNameError(
            f"{name!r} can be any of the plugins {', '.join(repr(record.id) for record in found)}: write one of these"
        )
    return found[0]


def _flat(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
