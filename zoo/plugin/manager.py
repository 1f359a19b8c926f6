"""The plugins of a process: listed from manifests, isolated when they fail, imported when a name of theirs is used."""

from __future__ import annotations

import importlib
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from zoo import settings
from zoo._version import __version__
from zoo.catalogue import core_catalog
from zoo.errors import OptionError, PluginError
from zoo.plugin.calling import calling, short
from zoo.plugin.discovery import discover
from zoo.plugin.hooks import LEFT_OUT, Hooks
from zoo.plugin.manifest import IncompatibleError, listed_names, read_manifest
from zoo.plugin.records import HEAVY, PluginRecord, Problem, import_remarks
from zoo.plugin.usage import used
from zoo.registry import CORE, DISTRIBUTION, SINGULAR, Entry, Provider, Registry, ZooNotice


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
        self._importing: set[str] = set()
        self._hooks: Hooks | None = None
        self._registry = Registry()
        self._waiting: list[str] = []
        """Ids of plugins whose names are known only by importing them, which has not been done yet."""

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
            while self._waiting:
                key = self._waiting[0]
                if key in self._importing:
                    break  # the plugin itself asks for names while it is imported: it gets those known so far
                self._index_by_import(records[key])
                self._waiting.remove(key)  # last: what Ctrl-C interrupts is done again by the next call
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
                records = discover(self._given)
                for record in records.values():
                    if record.state == "discovered":
                        self._index_by_manifest(record, registry)
                    elif record.state == "broken":
                        self._say_broken(record)
                        self._remember_broken(record, registry)
                self._waiting = [key for key, record in records.items() if record.state == "discovered"]
                self._registry, self._records = registry, records
            return self._records

    def _index_by_manifest(self, record: PluginRecord, registry: Registry) -> None:
        try:
            contributes = read_manifest(record)
        except IncompatibleError as error:
            self._break(record, "version", error, record.repair)
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
            results, problems = self._ask_hooks(record, module)
        except PluginError as error:
            self._break(record, "import", error.__cause__ or error, record.repair)
            self._remember_broken(record, self._registry)
            return
        for problem in problems:
            self._note(record, problem)
        if record.error and not any(results.values()):
            record.state = "broken"
        contributes: dict[str, list[dict[str, Any]]] = {}
        for kind, specs in results.items():
            contributes[kind] = []
            for spec in specs:
                try:
                    contributes[kind].append(spec.model_dump(mode="json", exclude_defaults=True))
                except Exception as error:  # an object that is no data, in a field that takes anything
                    what = f"{SINGULAR[kind]} {spec.name!r} is not data: {error}"
                    self._note(record, Problem("spec", what, LEFT_OUT))
        self._take_in(record, contributes, self._registry)

    def _remember_broken(self, record: PluginRecord, registry: Registry) -> None:
        known = any(record.provides.values())
        reason = self._broken_message(record) if known else f"plugin {record.id!r} failed, so its names are not known"
        registry.add_broken(record.provides if known else {}, reason)

    def _take_in(self, record: PluginRecord, contributes: Mapping[str, Any], registry: Registry) -> None:
        for problem in registry.add(record.provider, contributes):
            self._note(record, Problem("spec", problem, f"make it anew: zoo plugins manifest {record.id} --write"))
        record.provides = listed_names(contributes)

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
            except PluginError as error:
                self._break(record, "import", error.__cause__ or error, record.repair)
                raise PluginError(self._broken_message(record)) from error
            self._refuse_broken(record)
            return module

    def _import(self, record: PluginRecord) -> ModuleType:
        if record.id in self._modules:
            return self._modules[record.id]
        start, before = time.perf_counter(), set(sys.modules)
        self._importing.add(record.id)
        try:
            with calling(record.provider, f"the import of {record.module}") as watch:
                module = importlib.import_module(record.module)
                record.seconds = time.perf_counter() - start
                if self._hooks is None:
                    self._hooks = Hooks()
                self._hooks.register(record.id, module)
        finally:
            self._importing.discard(record.id)
        record.state = "active"
        self._modules[record.id] = module
        loaded = sorted(set(HEAVY) & {name.partition(".")[0] for name in set(sys.modules) - before})
        record.problems += import_remarks(record.seconds, watch.printed, loaded, watch.changed)
        for problem in self._hooks.misnamed(module):
            self._note(record, problem)
        return module

    def _ask_hooks(self, record: PluginRecord, module: ModuleType) -> tuple[dict[str, list[Any]], list[Problem]]:
        assert self._hooks is not None
        with calling(record.provider, "its hooks"):
            return self._hooks.results(module)

    def _note(self, record: PluginRecord, problem: Problem) -> None:
        """Record a problem that leaves the rest of the plugin in use."""
        record.problems.append(problem)
        self._say(f"plugin {record.id!r} of {record.provider.distribution}: {problem.what}; see `zoo plugins doctor`")

    def _break(self, record: PluginRecord, stage: str, error: BaseException, advice: str = "") -> None:
        """Record a problem after which nothing of the plugin can be used."""
        record.state = "broken"
        record.problems.append(Problem.of(stage, error, advice=advice))
        self._say_broken(record)

    def _say_broken(self, record: PluginRecord) -> None:
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
            f"Try: {record.provider.remedy}; `zoo plugins doctor` shows more."
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
        with calling(entry.provider, repr(entry.id), where=f" at the import of {target!r}"):
            return getattr(importlib.import_module(module_name), attribute)

    def may_name(self, entry: Entry, target: str) -> bool:
        """Whether an entry may name this code: of its own distribution or of zoo's.

        A manifest is data: it must not reach into code that its distribution does not own.
        """
        module = target.partition(":")[0]
        packages = {
            record.package
            for record in self._survey().values()
            if record.provider.first_party or record.provider.distribution == entry.provider.distribution
        }
        return any(module == package or module.startswith(package + ".") for package in {"zoo", *packages})

    def options(self, entry: Entry, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a head, augmentation or dataset, validated and completed with their defaults.

        Raises:
            OptionError: an option is unknown or its value does not fit.
            PluginError: the plugin's model of its options is none, or fails.
        """
        if not entry.spec.options:
            if given:
                raise OptionError(f"{entry.id!r} has no options; got {', '.join(sorted(given))}")
            return {}
        from pydantic import ValidationError

        model = self._option_model(entry)
        with calling(entry.provider, repr(entry.id), where=f" in {entry.spec.options}, the model of its options"):
            try:
                return dict(model.model_validate(dict(given)))
            except ValidationError as error:
                problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
                fields = model.model_fields.items()
                kinds = {name: getattr(field.annotation, "__name__", field.annotation) for name, field in fields}
                known = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
                raise OptionError(f"options of {entry.id!r}: {problems}. Known options: {known or 'none'}.") from error

    def option_schema(self, entry: Entry) -> dict[str, Any]:
        """The JSON schema of an entry's options; {} where it has none. Only a plugin without a manifest is imported.

        Raises:
            PluginError: the plugin's model of its options is none, or fails.
        """
        schema = entry.data.get("option_schema")
        if isinstance(schema, dict) and schema:
            return schema
        if not entry.spec.options:
            return {}
        model = self._option_model(entry)
        with calling(entry.provider, repr(entry.id), where=f" in {entry.spec.options}, the model of its options"):
            return dict(model.model_json_schema())

    def _option_model(self, entry: Entry) -> Any:
        from pydantic import BaseModel

        model = self.target(entry, entry.spec.options)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError(
                f"{entry.id!r} of {entry.provider}: options={entry.spec.options!r} must name a pydantic model, a "
                f"class below pydantic.BaseModel; it is {short(model)}"
            )
        return model

    def call(
        self,
        entry: Entry,
        target: str,
        /,
        *args: Any,
        options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a factory of a plugin; what it raises is wrapped with plugin, name and options.

        Raises:
            OptionError: an option is unknown or its value does not fit.
            PluginError: the factory failed.
        """
        function = self.target(entry, target)
        chosen = self.options(entry, options or {}) if hasattr(entry.spec, "options") else dict(options or {})
        with calling(entry.provider, repr(entry.id), where=f" in {target} with options {short(chosen)}"):
            return function(*args, **kwargs, **chosen)


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
