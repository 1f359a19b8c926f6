"""What is known of an installed plugin: where it comes from, its state, and every problem found with it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from zoo.plugin.calling import shown
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
        return cls(stage, shown(error), advice, "".join(traceback.format_exception(error)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


def import_remarks(seconds: float, printed: str, loaded: Iterable[str], changed: Iterable[str] = ()) -> list[Problem]:
    """What is wrong with an import that worked: it is slow, it prints, it loads what is for the factories.

    Args:
        seconds: how long it took.
        printed: what it wrote to stdout (and, where measured apart, to stderr).
        loaded: names of the heavy packages it imported.
        changed: what it changed of the process, and what was put back.
    """
    remarks = []

    def remark(what: str, advice: str) -> None:
        remarks.append(Problem("import", what, advice, broken=False))

    names = list(loaded)
    if names:
        advice = "import it inside the factories: hooks are read by commands that need no framework"
        remark(f"imports {', '.join(names)} at import time", advice)
    if seconds > SLOW_IMPORT:
        what = f"takes {seconds:.1f} s to import (more than {SLOW_IMPORT:g} s)"
        remark(what, "move slow imports and work into the factories")
    if printed.strip():
        remark(f"prints at import: {' '.join(printed.split())[:80]!r}", "remove the print, or use logging")
    for part in changed:
        remark(f"changes {part} at import, which was put back", "leave alone what belongs to the whole process")
    return remarks


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
        file: the file, for one that `ZOO_PLUGIN_PATH` names; None for what is installed.
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
    file: Path | None = None

    @property
    def error(self) -> str:
        """The first thing that is broken, in one line, and how many more there are; empty if nothing is."""
        broken = [problem.what for problem in self.problems if problem.broken]
        return broken[0] + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else "") if broken else ""

    @property
    def traceback(self) -> str:
        """The traceback of the first thing that is broken; empty if it has none."""
        return next((problem.traceback for problem in self.problems if problem.broken), "")

    @property
    def repair(self) -> str:
        """What a user can try when it is broken."""
        remedy = self.provider.remedy
        if self.provider.first_party:
            return remedy
        name = self.provider.plugin if self.provider.local else self.provider.distribution
        return f"{remedy}; ZOO_PLUGINS=-{name} leaves it out"

    @property
    def package(self) -> str:
        """The package or module that is this plugin's own: the first one of its module's path that holds code.

        `zoo_birds` of `zoo_birds.plugin`; `acme.birds` of `acme.birds.plugin` where `acme` is a namespace that several
        distributions share.
        """
        return own_package(self.module)

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
        names = (self.id, self.provider.plugin, self.provider.distribution, self.package)
        return flat(name) in {flat(spelling) for spelling in names}


def find_record(records: Iterable[PluginRecord], name: str) -> PluginRecord:
    """The record of the plugin that a user calls so (id, distribution or package).

    Raises:
        UnknownNameError: no plugin is called so; near misses are suggested.
        AmbiguousNameError: several are, and none has exactly this id.
    """
    from zoo.errors import AmbiguousNameError, unknown

    pool = list(records)
    matches = _called(pool, name)
    if not matches:
        names = {record.id for record in pool} | {record.provider.distribution for record in pool}
        raise unknown("plugin", name, names, command="zoo plugins")
    if len(matches) > 1:
        raise AmbiguousNameError(
            f"{name!r} can be any of the plugins {', '.join(repr(record.id) for record in matches)}: write one of these"
        )
    return matches[0]


def _called(records: list[PluginRecord], name: str) -> list[PluginRecord]:
    """Those with exactly this id; where there are none, those that may be called so."""
    exact = [record for record in records if record.id == name]
    return exact or [record for record in records if record.called(name)]


def flat(name: str) -> str:
    """A name as pip compares names: dash, dot and underscore are one, case does not matter."""
    return name.lower().replace("-", "_").replace(".", "_")


def top_spec(package: str) -> ModuleSpec | None:
    """Return the spec of a top-level module, which is not imported; None where there is no such module."""
    try:
        return find_spec(package)
    except (ImportError, ValueError, AttributeError):
        return None


@cache
def own_package(module: str) -> str:
    """The shortest package on the path to a module that holds code of its own, found without importing anything.

    The module itself where there is none, or where it cannot be found.
    """
    top, *parts = module.split(".")
    spec = top_spec(top)
    if spec is None or spec.origin is not None or not spec.submodule_search_locations:
        return top
    folders = list(map(Path, spec.submodule_search_locations))
    for depth, part in enumerate(parts, 1):
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
        if not folders or any((folder / "__init__.py").is_file() for folder in folders):
            return ".".join([top, *parts[:depth]])
    return module
