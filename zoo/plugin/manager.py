"""Finds plugins, reads their manifests, isolates their failures, and imports exactly those whose names are used."""

from __future__ import annotations

import importlib
import json
import threading
import time
import traceback
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from zoo import settings
from zoo._version import __version__
from zoo.errors import OptionError, PluginError, ZooError
from zoo.registry import CORE, DISTRIBUTION, Entry, Provider, Registry, ZooNotice, core_catalogue

GROUP = "zoo.plugins"
MANIFEST = "zoo-plugin.json"

State = Literal["discovered", "indexed", "active", "disabled", "broken"]


@dataclass
class PluginRecord:
    """What is known of one installed plugin."""

    id: str
    module: str
    provider: Provider
    state: State = "discovered"
    manifest: bool = False
    error: str = ""
    traceback: str = ""
    seconds: float = 0.0
    provides: dict[str, list[str]] = field(default_factory=dict)

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


class Manager:
    """The plugins of this process.

    Discovery reads entry points, indexing reads manifests; neither imports a plugin that has a manifest. Activation
    imports. A failure at any of these is recorded against its plugin and goes no further (with
    `ZOO_STRICT_PLUGINS=1` it raises).
    """

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        self._given = entry_points
        self._lock = threading.RLock()
        self._records: dict[str, PluginRecord] | None = None
        self._modules: dict[str, ModuleType] = {}
        self._registry: Registry | None = None

    # -- discovery and index -------------------------------------------------------------------------------------
    def records(self) -> list[PluginRecord]:
        """Every installed plugin, sorted by id."""
        self.registry()
        assert self._records is not None
        return [self._records[key] for key in sorted(self._records)]

    def registry(self) -> Registry:
        """The names of zoo itself and of every plugin."""
        with self._lock:
            if self._registry is None:
                registry = Registry()
                registry.add(Provider(CORE, DISTRIBUTION, __version__), core_catalogue()["contributes"])
                self._records = self._discover()
                for record in self._records.values():
                    if record.state == "discovered":
                        self._index(record, registry)
                self._registry = registry
            return self._registry

    def _discover(self) -> dict[str, PluginRecord]:
        from importlib.metadata import entry_points

        found = entry_points(group=GROUP) if self._given is None else self._given
        records: dict[str, PluginRecord] = {}
        # Sorted, so that the order of installation or of sys.path never matters.
        for point in sorted(found, key=lambda p: (p.name, p.value)):
            dist = point.dist
            provider = Provider(point.name, dist.name if dist else "?", dist.version if dist else "?")
            record = PluginRecord(point.name, point.value, provider)
            if point.name == CORE:
                self._break(record, PluginError(f"the plugin id {CORE!r} is zoo's own"))
                record.id = f"{CORE} of {provider.distribution}"
            elif not provider.first_party and not _allowed(point.name):
                record.state = "disabled"
            if record.id in records and records[record.id].provider.distribution != provider.distribution:
                other = records[record.id]
                self._break(
                    record,
                    PluginError(f"plugin id {record.id!r} is also used by {other.provider}; uninstall one of the two"),
                )
                record.id = f"{record.id} of {provider.distribution}"
            records.setdefault(record.id, record)
        return records

    def _index(self, record: PluginRecord, registry: Registry) -> None:
        try:
            contributes = self._read_manifest(record)
            if contributes is None:
                contributes = self._contributions(record)
        except Exception as error:  # isolation: whatever a plugin does must not break the others
            self._break(record, error)
            registry.add_broken(record.provides, self._broken_message(record))
            return
        record.provides = _names(contributes)
        if record.state == "discovered":
            record.state = "indexed"
        registry.add(record.provider, contributes)

    def _read_manifest(self, record: PluginRecord) -> dict[str, list[dict[str, Any]]] | None:
        path = manifest_path(record.module)
        if path is None or not path.is_file():
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        contributes = data["contributes"]
        record.provides = _names(contributes)
        record.manifest = True
        if not _compatible(data.get("api", "")):
            raise PluginError(f"it works with zoo {data['api']}, this is zoo {__version__}")
        return {kind: list(rows) for kind, rows in contributes.items()}

    # -- activation ----------------------------------------------------------------------------------------------
    def activate(self, plugin: str) -> ModuleType:
        """Import a plugin's module and check its hooks.

        Raises:
            PluginError: it failed, now or before; the message says what and what to try.
        """
        with self._lock:
            self.registry()
            assert self._records is not None
            record = self._records[plugin]
            if record.state == "broken":
                raise PluginError(self._broken_message(record))
            try:
                return self._import(record)
            except Exception as error:  # isolation, as above
                self._break(record, error)
                raise PluginError(self._broken_message(record)) from error

    def _import(self, record: PluginRecord) -> ModuleType:
        if record.id in self._modules:
            return self._modules[record.id]
        import pluggy

        from zoo.plugin.hookspecs import ZooSpecs

        start = time.perf_counter()
        module = importlib.import_module(record.module)
        hooks = pluggy.PluginManager("zoo")
        hooks.add_hookspecs(ZooSpecs)
        hooks.register(module, name=record.id)
        hooks.check_pending()  # a misspelt hook would otherwise be ignored without a word
        record.seconds = time.perf_counter() - start
        record.state = "active"
        self._modules[record.id] = module
        return module

    def _contributions(self, record: PluginRecord) -> dict[str, list[dict[str, Any]]]:
        return {
            kind: [spec.model_dump(mode="json", exclude_defaults=True) for spec in specs]
            for kind, specs in hook_results(self._import(record)).items()
        }

    def _break(self, record: PluginRecord, error: Exception) -> None:
        record.state = "broken"
        record.error = f"{type(error).__name__}: {error}"
        record.traceback = "".join(traceback.format_exception(error))
        if settings.strict_plugins():
            raise error
        warnings.warn(
            f"plugin {record.id!r} of {record.provider.distribution} is skipped: {record.error}",
            ZooNotice,
            stacklevel=2,
        )

    @staticmethod
    def _broken_message(record: PluginRecord) -> str:
        return (
            f"plugin {record.id!r} of {record.provider.distribution} {record.provider.version} failed: {record.error}. "
            f"Try: pip install -U {record.provider.distribution}; `zoo plugins` shows all plugins."
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
        if module_name.split(".")[0] not in self._packages_of(entry.provider):
            # A manifest is data: it may not reach into code that its distribution does not own.
            raise PluginError(
                f"{entry.id!r} of {entry.provider} names {target!r}, which is outside its own packages and zoo's"
            )
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise PluginError(f"{entry.id!r} of {entry.provider}: cannot import {target!r}: {error}") from error

    def _packages_of(self, provider: Provider) -> set[str]:
        assert self._records is not None
        mine = {
            r.module.split(".")[0] for r in self._records.values() if r.provider.distribution == provider.distribution
        }
        zoos = {r.module.split(".")[0] for r in self._records.values() if r.provider.first_party}
        return mine | zoos | {"zoo"}

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


def hook_results(module: ModuleType) -> dict[str, list[Any]]:
    """What the hooks of one plugin module return: kind -> specs, each checked to be of the kind.

    Raises:
        PluginError: a hook raised, or returned something that is not a spec of its kind.
    """
    from zoo.plugin.hookspecs import HOOKS
    from zoo.specs import KINDS

    results: dict[str, list[Any]] = {}
    for kind, hook in HOOKS.items():
        function = getattr(module, hook, None)
        if function is None or not hasattr(function, "zoo_impl"):
            continue
        specs = list(function())
        wrong = [spec for spec in specs if not isinstance(spec, KINDS[kind])]
        if wrong:
            raise PluginError(f"{hook} must return {KINDS[kind].__name__} objects; it returned {wrong[0]!r}")
        results[kind] = specs
    return results


def _names(contributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names in a plugin's contributions: kind -> names."""
    return {
        kind: [str(row.get("name")) for row in rows if isinstance(row, Mapping)] for kind, rows in contributes.items()
    }


def manifest_path(module: str) -> Path | None:
    """Where the manifest of a plugin lies: in its top-level package. Imports nothing; None if there is no package."""
    spec = find_spec(module.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / MANIFEST


def make_manifest(plugin: str, module_name: str) -> str:
    """The text of a plugin's manifest, from its hooks; written by `zoo plugins manifest`, never by hand."""
    from zoo.specs import Catalogue, Contributions

    module = importlib.import_module(module_name)
    contributes = {kind: [_with_schema(spec) for spec in specs] for kind, specs in hook_results(module).items()}
    catalogue = Catalogue(
        plugin=plugin,
        generated_by=f"zoo plugins manifest {plugin} --write",
        contributes=Contributions(**contributes),
    )
    data = catalogue.model_dump(mode="json", exclude_defaults=True)
    for key in ("schema_version", "api"):
        data[key] = getattr(catalogue, key)
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
    import os

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
