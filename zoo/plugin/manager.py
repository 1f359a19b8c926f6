"""Finds plugins, reads their manifests, isolates their failures, and imports exactly those whose names are used."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo import settings
from zoo._version import __version__
from zoo.errors import OptionError, PluginError, ZooError, did_you_mean
from zoo.plugin.records import HEAVY, SLOW_IMPORT, PluginRecord, Problem
from zoo.plugin.usage import used
from zoo.registry import (
    CORE,
    DISTRIBUTION,
    SINGULAR,
    SLUG,
    Entry,
    Provider,
    Registry,
    ZooNotice,
    core_catalog,
    row_fault,
)

GROUP = "zoo.plugins"
MANIFEST = "zoo-plugin.json"

_LEFT_OUT = "it is left out; tell the plugin's author"

_CONTAINED = (Exception, SystemExit)
"""What a plugin may raise without taking zoo along; `sys.exit()` at import is a failure like any other."""


class Manager:
    """The plugins of this process.

    Discovery reads entry points, the survey reads manifests; neither imports a plugin. A plugin without a manifest is
    imported when the registry is first asked for; every other one when one of its names is used. A failure at any of
    these is recorded against its plugin and goes no further: a hook that fails takes its own specs along, a spec that
    is wrong only itself. With `ZOO_STRICT_PLUGINS=1` it raises where names are asked for, and not where plugins are
    listed and examined.
    """

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        self._given = entry_points
        self._lock = threading.RLock()
        self._records: dict[str, PluginRecord] | None = None
        self._modules: dict[str, ModuleType] = {}
        self._registry = Registry()
        self._complete = False

    # -- discovery and index -------------------------------------------------------------------------------------
    def records(self) -> list[PluginRecord]:
        """Every installed plugin, sorted by id; imports none of them."""
        records = self._survey()
        return [records[key] for key in sorted(records)]

    def registry(self) -> Registry:
        """The names of zoo itself and of every plugin; imports the plugins that have no manifest.

        Raises:
            PluginError: with `ZOO_STRICT_PLUGINS=1`, something of a plugin is broken.
        """
        with self._lock:
            records = self._survey()
            if not self._complete:
                self._complete = True  # first: a plugin that uses zoo at import must not start all over
                for key in sorted(records):
                    if records[key].state == "discovered":
                        self._index_by_import(records[key])
            for key in sorted(records):
                self._refuse_broken(records[key])
            return self._registry

    def known(self) -> Registry:
        """As `registry()`, but with manifests only: what is known without importing any plugin."""
        with self._lock:
            self._survey()
            return self._registry

    def _survey(self) -> dict[str, PluginRecord]:
        """Find all plugins and read their manifests."""
        with self._lock:
            if self._records is None:
                registry = Registry()
                registry.add(Provider(CORE, DISTRIBUTION, __version__), core_catalog()["contributes"])
                records = self._discover()
                for record in records.values():
                    if record.state == "discovered":
                        self._index_by_manifest(record, registry)
                    elif record.state == "broken":
                        self._remember_broken(record, registry)
                self._registry, self._records = registry, records
            return self._records

    def _discover(self) -> dict[str, PluginRecord]:
        from importlib.metadata import entry_points

        found = entry_points(group=GROUP) if self._given is None else self._given
        records: dict[str, PluginRecord] = {}
        # Sorted, so that the order of installation or of sys.path never matters.
        for point, provider in sorted(
            ((point, _provider(point)) for point in found), key=lambda pair: (pair[0].name, pair[1].distribution)
        ):
            record = PluginRecord(point.name, point.value, provider)
            other = records.get(record.id)
            if other is not None and other.module == record.module and other.provider == provider:
                continue  # the same distribution, seen twice on sys.path
            if point.name == CORE:
                self._break(record, "discovery", PluginError(f"the plugin id {CORE!r} is zoo's own"))
                record.id = f"{CORE} of {provider.distribution}"
            elif other is not None:
                advice = f"uninstall one of {other.provider.distribution} and {provider.distribution}"
                self._break(
                    record,
                    "discovery",
                    PluginError(f"plugin id {record.id!r} is also used by {other.provider}"),
                    advice,
                )
                record.id = f"{record.id} of {provider.distribution}"
            elif not provider.first_party and not _allowed(point.name):
                record.state = "disabled"
            elif fault := _entry_point_fault(point):
                self._break(record, "discovery", PluginError(fault), record.repair)
            records.setdefault(record.id, record)
        return records

    def _index_by_manifest(self, record: PluginRecord, registry: Registry) -> None:
        try:
            contributes = self._read_manifest(record)
        except _Incompatible as error:
            self._break(record, "version", PluginError(str(error)), record.repair)
            contributes = None
        except Exception as error:  # isolation: whatever a plugin does must not break the others
            self._break(record, "manifest", error, f"make it anew: zoo plugins manifest {record.id} --write")
            contributes = None
        if record.state == "broken":
            self._remember_broken(record, registry)
        elif contributes is not None:
            record.state = "indexed"
            self._take_in(record, contributes, registry)

    def _index_by_import(self, record: PluginRecord) -> None:
        try:
            module = self._import(record)
        except _CONTAINED as error:
            self._break(record, "import", error, record.repair)
            self._remember_broken(record, self._registry)
            return
        contributes: dict[str, list[dict[str, Any]]] = {}
        for kind, specs in self._collect(record, module).items():
            contributes[kind] = []
            for spec in specs:
                try:
                    contributes[kind].append(spec.model_dump(mode="json", exclude_defaults=True))
                except Exception as error:  # an object that is no data, in a field that takes anything
                    self._note(
                        record, Problem("spec", f"{SINGULAR[kind]} {spec.name!r} is not data: {error}", _LEFT_OUT)
                    )
        self._take_in(record, contributes, self._registry)

    def _remember_broken(self, record: PluginRecord, registry: Registry) -> None:
        known = any(record.provides.values())
        reason = self._broken_message(record) if known else f"plugin {record.id!r} failed, so its names are not known"
        registry.add_broken(record.provides if known else {}, reason)

    def _take_in(self, record: PluginRecord, contributes: Mapping[str, Any], registry: Registry) -> None:
        for problem in registry.add(record.provider, contributes):
            self._note(record, Problem("spec", problem, f"make it anew: zoo plugins manifest {record.id} --write"))
        record.provides = _names(contributes)

    def _read_manifest(self, record: PluginRecord) -> dict[str, Any] | None:
        path = manifest_path(record.module)
        if path is None or not path.is_file():
            return None
        record.manifest = True
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("plugin") != record.id:  # two plugins of one package, say: the names in it are not this one's
            what = f"the manifest in its package is of the plugin {data.get('plugin')!r}, so it counts as none"
            advice = f"zoo plugins manifest {record.id} --write; a plugin with a manifest needs a package of its own"
            record.problems.append(Problem("manifest", what, advice, broken=False))
            record.manifest = False
            return None
        contributes = data["contributes"]
        record.provides = _names(contributes)
        record.api = str(data.get("api", ""))
        if not _compatible(record.api):
            raise _Incompatible(f"it works with zoo {record.api}, this is zoo {__version__}")
        return dict(contributes)

    # -- activation ----------------------------------------------------------------------------------------------
    def activate(self, plugin: str) -> ModuleType:
        """Import a plugin's module and check its hooks.

        Raises:
            PluginError: it failed, now or before; the message says what and what to try.
        """
        with self._lock:
            record = self._survey()[plugin]
            if record.state == "broken":
                raise PluginError(self._broken_message(record))
            try:
                module = self._import(record)
            except _CONTAINED as error:  # isolation, as above
                self._break(record, "import", error, record.repair)
                raise PluginError(self._broken_message(record)) from error
            self._refuse_broken(record)
            return module

    def _import(self, record: PluginRecord) -> ModuleType:
        if record.id in self._modules:
            return self._modules[record.id]
        import pluggy

        from zoo.plugin.hookspecs import ZooSpecs

        start, before = time.perf_counter(), set(sys.modules)
        # What a plugin prints at import goes to stderr: stdout is for results (`zoo list --json`).
        with contextlib.redirect_stdout(_Listener()) as said:
            module = importlib.import_module(record.module)
        record.seconds = time.perf_counter() - start
        hooks = pluggy.PluginManager("zoo")
        hooks.add_hookspecs(ZooSpecs)
        hooks.register(module, name=record.id)  # checks the hooks' arguments
        record.state = "active"
        self._modules[record.id] = module
        loaded = sorted(set(HEAVY) & {name.partition(".")[0] for name in set(sys.modules) - before})
        for remark in import_remarks(record.seconds, said.text, loaded):
            record.problems.append(remark)
        for problem in misnamed_hooks(module):  # which pluggy would ignore without a word
            self._note(record, problem)
        return module

    def _collect(self, record: PluginRecord, module: ModuleType) -> dict[str, list[Any]]:
        results, problems = collect(module)
        for problem in problems:
            self._note(record, problem)
        if any(problem.broken for problem in record.problems) and not any(results.values()):
            record.state = "broken"
        return results

    def _note(self, record: PluginRecord, problem: Problem) -> None:
        """Record a problem that leaves the rest of the plugin in use."""
        record.problems.append(problem)
        self._say(f"plugin {record.id!r} of {record.provider.distribution}: {problem.what}; see `zoo plugins doctor`")

    def _break(self, record: PluginRecord, stage: str, error: BaseException, advice: str = "") -> None:
        """Record a problem after which nothing of the plugin can be used."""
        record.state = "broken"
        record.problems.append(Problem.of(stage, error, advice=advice))
        self._say(f"plugin {record.id!r} of {record.provider.distribution} is skipped: {record.error}")

    @staticmethod
    def _say(text: str) -> None:
        if not settings.strict_plugins():  # there it is an error, see _refuse_broken
            warnings.warn(text, ZooNotice, stacklevel=3)

    def _refuse_broken(self, record: PluginRecord) -> None:
        """With `ZOO_STRICT_PLUGINS=1` a plugin of which something is broken is an error."""
        if settings.strict_plugins() and record.error:
            error = PluginError(self._broken_message(record))
            error.add_note(record.traceback)  # shown with ZOO_DEBUG=1; the record outlives what was raised
            raise error

    @staticmethod
    def _broken_message(record: PluginRecord) -> str:
        return (
            f"plugin {record.id!r} of {record.provider.distribution} {record.provider.version} failed: {record.error}. "
            f"Try: pip install -U {record.provider.distribution}; `zoo plugins doctor` shows more."
        )

    # -- code of a plugin ----------------------------------------------------------------------------------------
    def target(self, entry: Entry, target: str) -> Any:
        """The object that an import string of a spec names; imports the plugin that provides the entry.

        Raises:
            PluginError: the plugin is broken, the object is not there, or the string names code of somebody else.
        """
        module_name, _, attribute = target.partition(":")
        if entry.provider.plugin != CORE:
            self.activate(entry.provider.plugin)
        if not self.may_name(entry, target):
            raise PluginError(
                f"{entry.id!r} of {entry.provider} names {target!r}, which is outside its own packages and zoo's"
            )
        used(entry)
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except ZooError:
            raise
        except _CONTAINED as error:  # a plugin's module may raise anything; say whose it is, keep the cause
            raise PluginError(
                f"{entry.id!r} of {entry.provider}: cannot import {target!r}: {type(error).__name__}: {error}"
            ) from error

    def may_name(self, entry: Entry, target: str) -> bool:
        """Whether an entry may name this code: of its own distribution or of zoo's.

        A manifest is data: it must not reach into code that its distribution does not own.
        """
        records = self._survey().values()
        mine = {r.module.split(".")[0] for r in records if r.provider.distribution == entry.provider.distribution}
        zoos = {r.module.split(".")[0] for r in records if r.provider.first_party}
        return target.partition(":")[0].split(".")[0] in mine | zoos | {"zoo"}

    def options(self, entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a head, augmentation or dataset, validated and completed with their defaults.

        Raises:
            OptionError: an option is unknown or its value does not fit.
        """
        if not entry.spec.options:
            if given:
                raise OptionError(f"{entry.id!r} has no options; got {', '.join(sorted(given))}")
            return {}
        from pydantic import ValidationError

        model = self.target(entry, entry.spec.options)
        try:
            return dict(model.model_validate(dict(given)))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            kinds = {
                name: getattr(info.annotation, "__name__", info.annotation) for name, info in model.model_fields.items()
            }
            known = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
            raise OptionError(f"options of {entry.id!r}: {problems}. Known options: {known or 'none'}.") from error

    def call(
        self,
        entry: Entry,
        target: str,
        /,
        *args: Any,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a factory of a plugin; what it raises is wrapped with plugin, name and options."""
        function = self.target(entry, target)
        chosen = self.options(entry, options or {}) if hasattr(entry.spec, "options") else dict(options or {})
        try:
            return function(*args, **kwargs, **chosen)
        except ZooError:
            raise
        except Exception as error:  # a plugin's factory may raise anything; say whose it is, keep the cause
            raise PluginError(
                f"{entry.id!r} of {entry.provider} failed in {target} with options {chosen}: "
                f"{type(error).__name__}: {error}"
            ) from error


class _Incompatible(PluginError):
    """A plugin for another version of zoo."""


class _Listener(io.StringIO):
    """Stands in for stdout: passes what is printed on to stderr, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def write(self, text: str) -> int:
        """Pass on and remember."""
        self.text += text
        return sys.stderr.write(text)


def import_remarks(seconds: float, printed: str, loaded: Iterable[str]) -> list[Problem]:
    """What is wrong with an import that worked: it is slow, it prints, it loads what is for the factories.

    Args:
        seconds: how long it took.
        printed: what it wrote to stdout (and, where measured apart, to stderr).
        loaded: names of the heavy packages it imported.
    """
    remarks = []
    names = list(loaded)
    if names:
        remarks.append(
            Problem(
                "import",
                f"imports {', '.join(names)} at import time",
                "import it inside the factories: hooks are read by commands that need no framework",
                broken=False,
            )
        )
    if seconds > SLOW_IMPORT:
        remarks.append(
            Problem(
                "import",
                f"takes {seconds:.1f} s to import (more than {SLOW_IMPORT:g} s)",
                "move slow imports and work into the factories",
                broken=False,
            )
        )
    if printed.strip():
        first = " ".join(printed.split())[:80]
        remarks.append(
            Problem("import", f"prints at import: {first!r}", "remove the print, or use logging", broken=False)
        )
    return remarks


def hook_functions(module: ModuleType) -> dict[str, Any]:
    """The hook implementations of a plugin module: name of the hook -> decorated function."""
    found = {}
    for name, value in vars(module).items():
        options = getattr(value, "zoo_impl", None)
        if isinstance(options, Mapping):
            found[options.get("specname") or name] = value
    return found


def misnamed_hooks(module: ModuleType) -> list[Problem]:
    """Functions of a plugin module that look like hooks and are none: a misspelled name, a missing decorator."""
    from zoo.plugin.hookspecs import HOOKS

    known = HOOKS.values()
    problems = [
        Problem("hook", f"there is no hook {name!r}, so it is never called.{did_you_mean(name, known)}", "rename it")
        for name, function in hook_functions(module).items()
        if name not in known and not function.zoo_impl["optionalhook"]  # optional: for a zoo that may have it
    ]
    for name in known:
        function = getattr(module, name, None)
        if callable(function) and not hasattr(function, "zoo_impl"):
            what = f"{name} lacks the decorator @zoo.hookimpl, so it is never called"
            problems.append(Problem("hook", what, "add the decorator"))
    return problems


def collect(module: ModuleType) -> tuple[dict[str, list[Any]], list[Problem]]:
    """What the hooks of one plugin module return, each hook and each spec guarded on its own.

    Returns:
        kind -> specs that are good, and the problems. Of a hook that raises, what it yielded before is kept.
    """
    from zoo.plugin.hookspecs import HOOKS
    from zoo.specs import KINDS

    functions = hook_functions(module)
    results: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for kind, hook in HOOKS.items():
        if hook not in functions:
            continue
        good: dict[str, Any] = {}
        results[kind] = []
        try:
            for spec in functions[hook]():
                if not isinstance(spec, KINDS[kind]):
                    what = f"{hook} must return {KINDS[kind].__name__} objects; it returned {spec!r}"
                    problems.append(Problem("spec", what, _LEFT_OUT))
                elif spec.name == KINDS[kind].model_fields["name"].default:
                    what = f"{hook} returned one without a name ({spec.name!r} is what it is called then)"
                    problems.append(Problem("spec", what, _LEFT_OUT))
                elif spec.name in good:
                    problems.append(Problem("spec", f"{hook} returned {spec.name!r} twice", "the second is left out"))
                else:
                    good[spec.name] = spec
        except _CONTAINED as error:
            problem = Problem.of("hook", error)
            problems.append(dataclasses.replace(problem, what=f"{hook} failed: {problem.what}"))
        results[kind] = list(good.values())
    return results, problems


def hook_results(module: ModuleType) -> dict[str, list[Any]]:
    """What the hooks of one plugin module return: kind -> specs, each checked to be of the kind.

    Raises:
        PluginError: a hook raised, returned something that is not a spec of its kind or the same name twice, or is no
            hook of zoo.
    """
    results, problems = collect(module)
    for problem in [*problems, *misnamed_hooks(module)]:
        raise PluginError(problem.what)
    return results


def _names(contributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names in a plugin's contributions: kind -> names."""
    return {
        kind: [row["name"] for row in rows if not row_fault(row)]
        for kind, rows in contributes.items()
        if isinstance(rows, list | tuple)
    }


def _provider(point: EntryPoint) -> Provider:
    """Who an entry point belongs to; metadata that cannot be read is no reason to fail."""
    try:
        dist = point.dist
        return Provider(point.name, dist.name or "?", dist.version or "?") if dist else Provider(point.name, "?", "?")
    except Exception:  # a damaged METADATA file: importlib.metadata raises whatever comes
        return Provider(point.name, "?", "?")


def _entry_point_fault(point: EntryPoint) -> str:
    """Why an entry point can be no plugin's; empty if it can."""
    if not SLUG.fullmatch(point.name):
        return (
            f"the plugin id {point.name!r} can never be written in `id:name`: "
            "it takes lower case letters, digits, dot, dash and underscore"
        )
    module = point.value.partition(":")[0].partition("[")[0].strip()
    if module != point.value.strip():
        return f"its entry point is {point.value!r}: name the module only, {point.name} = {module!r}"
    return ""


def manifest_path(module: str) -> Path | None:
    """Where the manifest of a plugin lies: in its top-level package. Imports nothing; None if there is no package."""
    spec = find_spec(module.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / MANIFEST


def make_manifest(plugin: str, module_name: str) -> str:
    """The text of a plugin's manifest, from its hooks; written by `zoo plugins manifest`, never by hand.

    A plugin that does not work with every 0.x says which in a constant of its hook module, `ZOO_API = ">=0.2,<1"`.
    """
    from zoo.specs import Catalog, Contributions

    with contextlib.redirect_stdout(sys.stderr):  # stdout is for the manifest
        module = importlib.import_module(module_name)
    contributes = {kind: [_with_schema(spec) for spec in specs] for kind, specs in hook_results(module).items()}
    catalog = Catalog(
        plugin=plugin,
        api=getattr(module, "ZOO_API", Catalog.model_fields["api"].default),
        generated_by=f"zoo plugins manifest {plugin} --write",
        contributes=Contributions(**contributes),
    )
    data = catalog.model_dump(mode="json", exclude_defaults=True)
    for key in ("schema_version", "api"):
        data[key] = getattr(catalog, key)
    return json.dumps(dict(sorted(data.items())), indent=1, ensure_ascii=False) + "\n"


def _with_schema(spec: Any) -> Any:
    """The spec with the JSON schema of its options, so that listings can show them without importing the plugin."""
    target = getattr(spec, "options", None)
    if not target:
        return spec
    module, _, attribute = target.partition(":")
    return spec.model_copy(
        update={"option_schema": getattr(importlib.import_module(module), attribute).model_json_schema()}
    )


def _allowed(plugin: str) -> bool:
    """Whether `ZOO_PLUGINS` lets a third-party plugin in: unset all; "" none; "a,b" only these; "-a" all but a."""
    value = os.environ.get("ZOO_PLUGINS")
    if value is None:
        return True
    names = [part.strip() for part in value.split(",") if part.strip()]
    denied = {name[1:] for name in names if name.startswith("-")}
    wanted = {name for name in names if not name.startswith("-")}
    return plugin not in denied and (plugin in wanted or (not wanted and bool(denied)))


def _compatible(api: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(api).contains(__version__, prereleases=True)


_manager: Manager | None = None
_manager_lock = threading.Lock()


def manager() -> Manager:
    """The manager of this process; plugins are looked up once."""
    global _manager
    with _manager_lock:
        if _manager is None:
            _manager = Manager()
        return _manager


def use_manager(new: Manager | None) -> Manager | None:
    """Replace the process's manager (tests); returns the one before. None: discover anew at the next use."""
    global _manager
    with _manager_lock:
        before, _manager = _manager, new
        return before
