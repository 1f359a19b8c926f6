"""What every plugin as a whole has to keep to: `PluginConformance`."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from zoo._version import __version__
from zoo.plugin.hooks import hook_functions, misnamed_hooks
from zoo.plugin.hookspecs import HOOKS
from zoo.plugin.manifest import manifest_path
from zoo.plugin.records import HEAVY, PluginRecord, find_record
from zoo.specs import KINDS
from zoo.testing.suite import Conformance, import_strings

MOST_SECONDS = 1.0
"""Longest import of a plugin's hooks, on top of that of zoo."""

_PLUGIN_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")

_IMPORTER = """
import importlib, json, sys, time
path, module, heavy, target = json.loads(sys.argv[1])
sys.path[:] = path
import zoo.specs, zoo.plugin.hookspecs
start, before = time.perf_counter(), set(sys.modules)
importlib.import_module(module)
seconds = time.perf_counter() - start
loaded = sorted(set(heavy) & {name.partition(".")[0] for name in set(sys.modules) - before})
with open(target, "w") as file:
    json.dump({"seconds": seconds, "loaded": loaded}, file)
"""


class PluginConformance(Conformance):
    """The checks of a plugin as a whole: its manifest, its hooks, its import, its names.

    Example:
        ```python
        class TestPlugin(PluginConformance):
            plugin = "zoo_birds"
        ```

    Attributes:
        plugin: id of the plugin (the name of its entry point), its distribution or its package.
    """

    abstract = True
    kind: ClassVar[str] = "plugins"
    plugin: ClassVar[str] = ""

    def subject(self) -> str:
        """As reports call it."""
        return f"plugin {self.plugin or '(without a name)'}"

    # -- what checks look at -------------------------------------------------------------------------------------
    @cached_property
    def record(self) -> PluginRecord:
        """What discovery found."""
        self.need("check_discovered")
        return find_record(self.plugins.records(), self.plugin)

    @property
    def package(self) -> str:
        """The package that is its own."""
        return self.record.package

    def _module(self) -> ModuleType:
        """The module with the hooks, imported by nobody else, so that what is wrong shows where it belongs."""
        self.need("check_imports")
        return importlib.import_module(self.record.module)

    def _specs(self) -> dict[str, list[Any]]:
        """kind -> what the hooks return."""
        self.need("check_hooks_give_specs")
        return self.keep("specs", self._call_hooks)

    def _call_hooks(self) -> dict[str, list[Any]]:
        functions = hook_functions(self._module())
        return {kind: list(functions[hook]()) for kind, hook in HOOKS.items() if hook in functions}

    def _manifest(self) -> dict[str, Any]:
        self.need("check_manifest_present")
        path = manifest_path(self.record.module)
        assert path is not None
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return data

    # -- discovery -----------------------------------------------------------------------------------------------
    def check_discovered(self) -> None:
        """The plugin is installed, and `zoo plugins list` does not know it."""
        if not self.plugin:
            self.fail(f"{type(self).__name__} needs `plugin`: the id of the plugin")
        if find_record(self.plugins.records(), self.plugin).state == "disabled":
            self.skip("ZOO_PLUGINS leaves it out")

    def check_entry_point(self) -> None:
        """The names of the plugin cannot be written as `plugin:name`, or point to no module."""
        record = self.record
        if not _PLUGIN_ID.fullmatch(record.id):
            self.fail(f"the id {record.id!r} must be lower case letters, digits, _ and -")
        if ":" in record.module:
            self.fail(f"the entry point must name a module, such as {record.module.partition(':')[0]!r}")
        if record.provider.distribution == "?":
            self.fail("it belongs to no distribution: install it with pip (pip install -e . for development)")

    def check_manifest_present(self) -> None:
        """`zoo list` has to import the plugin, and takes longer for everybody who has it installed."""
        path = manifest_path(self.record.module)
        if path is None:
            self.fail(f"{self.package} is no package, so it cannot hold a manifest")
        if not path.is_file():
            self.fail(f"there is no {path}: run zoo plugins manifest {self.record.id} --write, and put it in the wheel")
        try:
            if not isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
                self.fail(f"{path} holds no object")
        except ValueError as error:
            self.fail(f"{path} cannot be read: {error}; run zoo plugins manifest {self.record.id} --write")

    def check_manifest_says_what_hooks_say(self) -> None:
        """The listing shows what the plugin does not have, or hides what it has."""
        self.need("check_hooks_repeat")
        manifest, specs = self._manifest(), self._specs()
        if manifest.get("plugin") != self.record.id:
            self.fail(
                f"the manifest is that of {manifest.get('plugin')!r}, the entry point is called {self.record.id!r}"
            )
        contributes = manifest.get("contributes", {})
        for kind in sorted(set(contributes) | set(specs)):
            written = {row["name"]: row for row in contributes.get(kind, [])}
            said = {spec.name: spec.model_dump(mode="json", exclude_defaults=True) for spec in specs.get(kind, [])}
            if set(written) != set(said):
                only = ", ".join(sorted(set(written) ^ set(said)))
                self._rewrite(f"{kind} {only}: in one of manifest and hooks only")
            for name in written:
                odd = _differing(written[name], said[name])
                if odd:
                    self._rewrite(f"{kind} {name}: {', '.join(odd)} differ between manifest and hooks")

    def _rewrite(self, what: str) -> None:
        self.fail(f"{what}; run zoo plugins manifest {self.record.id} --write")

    def check_api_range(self) -> None:
        """The plugin is refused by the zoo that is installed."""
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        manifest = self._manifest()
        api = str(manifest.get("api", ""))
        try:
            fits = SpecifierSet(api).contains(__version__, prereleases=True)
        except InvalidSpecifier:
            self.fail(f"api={api!r} is no version range such as '>=0.1,<1'")
        if not api or not fits:
            self.fail(f"it works with zoo {api or '(nothing said)'}, this is {__version__}")

    # -- import --------------------------------------------------------------------------------------------------
    def check_imports(self) -> None:
        """Every name of the plugin ends in an error, since its code does not import."""
        importlib.import_module(self.record.module)

    def check_import_is_light(self) -> None:
        """Every command that looks at the plugin waits seconds for TensorFlow."""
        loaded = self._import()["loaded"]
        if loaded:
            self.fail(f"importing {self.record.module} loads {', '.join(loaded)}: import it inside the factories")

    def check_import_is_quiet(self) -> None:
        """`zoo list --json` is no JSON, since the plugin prints when it is imported."""
        self.need("check_import_is_light")  # TensorFlow says much
        printed = self._import()["printed"].strip()
        if printed:
            self.fail(
                f"importing {self.record.module} prints {printed.splitlines()[0][:120]!r}: remove it, or use logging"
            )

    def check_import_is_quick(self) -> None:
        """Every command that looks at the plugin waits for it."""
        self.need("check_import_is_light")
        seconds = self._import()["seconds"]
        for _ in range(2):  # another process may have been in the way
            if seconds > MOST_SECONDS:
                seconds = min(seconds, self._import_apart()["seconds"])
        if seconds > MOST_SECONDS:
            self.fail(
                f"importing {self.record.module} takes {seconds:.1f} s, more than {MOST_SECONDS:g} s: "
                f"do the work in the factories"
            )

    def _import(self) -> dict[str, Any]:
        self.need("check_imports")
        return self.keep("import", self._import_apart)

    def _import_apart(self) -> dict[str, Any]:
        """Import the hooks in a process of their own: seconds, heavy packages loaded, text printed."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "result.json")
            job = json.dumps([sys.path, self.record.module, list(HEAVY), str(target)])
            done = subprocess.run(
                [sys.executable, "-c", _IMPORTER, job], capture_output=True, text=True, timeout=120, check=False
            )
            if not target.is_file():
                self.fail(f"importing {self.record.module} in a fresh process fails: {done.stderr.strip()[-300:]}")
            return {**json.loads(target.read_text()), "printed": done.stdout + done.stderr}

    # -- hooks ---------------------------------------------------------------------------------------------------
    def check_hooks_known(self) -> None:
        """A hook is misspelled, and what it provides is nowhere to be found."""
        for problem in misnamed_hooks(self._module()):
            self.fail(f"{problem.what}; {problem.advice}")

    def check_hook_arguments(self) -> None:
        """A hook is called without an argument that it counts on: pluggy never passes keyword-only ones."""
        for name, function in hook_functions(self._module()).items():
            for parameter in inspect.signature(function).parameters.values():
                if parameter.kind is parameter.KEYWORD_ONLY:
                    self.fail(f"{name} has the keyword-only argument {parameter.name!r}, which never gets a value")
                if parameter.default is parameter.empty and name in HOOKS.values():
                    self.fail(f"{name} asks for {parameter.name!r}: this hook has no arguments")

    def check_hooks_give_specs(self) -> None:
        """The plugin is there, and what one of its hooks provides is not."""
        self.need("check_hook_arguments")
        for kind, hook in HOOKS.items():
            function = hook_functions(self._module()).get(hook)
            if function is None:
                continue
            try:
                specs = list(function())
            except Exception as error:
                self.fail(f"{hook} raised {type(error).__name__}: {error}")
            wrong = [spec for spec in specs if not isinstance(spec, KINDS[kind])]
            if wrong:
                self.fail(f"{hook} must return {KINDS[kind].__name__} objects; it returned {wrong[0]!r}")

    def check_hooks_repeat(self) -> None:
        """The plugin provides other things each time it is asked."""
        specs, again = self._specs(), self._call_hooks()
        if specs != again:
            self.fail("called twice, the hooks return different specs: they must depend on nothing")

    def check_provides_something(self) -> None:
        """The plugin is installed, and nothing new can be used."""
        if not any(self._specs().values()):
            self.fail(f"none of its hooks returns anything; hooks are {', '.join(HOOKS.values())}")

    # -- what is declared ----------------------------------------------------------------------------------------
    def check_names(self) -> None:
        """One of two things with the same name cannot be reached."""
        for kind, specs in self._specs().items():
            names = [spec.name for spec in specs]
            spellings = [*names, *(alias for spec in specs for alias in spec.aliases)]
            twice = sorted({name for name in spellings if spellings.count(name) > 1})
            if twice:
                self.fail(f"{kind}: {', '.join(twice)} stands for two things (names and aliases together)")

    def check_summaries(self) -> None:
        """The listing shows a name and nothing that tells what it is."""
        for kind, specs in self._specs().items():
            for spec in specs:
                if not spec.summary.strip() or "\n" in spec.summary.strip():
                    self.fail(f"{kind} {spec.name}: summary must be one line that says what it is")

    def check_import_strings(self) -> None:
        """A name is listed, and using it ends in an import error, or is refused."""
        own = self._packages()
        for kind, specs in self._specs().items():
            for spec in specs:
                for field, target in import_strings(spec).items():
                    module, _, attribute = target.partition(":")
                    where = f"{kind} {spec.name}: {field}={target!r}"
                    if not any(f"{module}.".startswith(f"{package}.") for package in own):
                        self.fail(f"{where} is outside the plugin's own packages and zoo's: {', '.join(sorted(own))}")
                    try:
                        getattr(importlib.import_module(module), attribute)
                    except (ImportError, AttributeError) as error:
                        self.fail(f"{where} cannot be imported: {error}")

    def _packages(self) -> set[str]:
        """The packages whose code the plugin may name: those of its distribution, and zoo's."""
        records, provider = self.plugins.records(), self.record.provider
        return {
            "zoo",
            *(
                record.package
                for record in records
                if record.provider.first_party or record.provider.distribution == provider.distribution
            ),
        }


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The fields in which two rows differ; the schema of the options is for the suite of the thing itself."""
    keys = sorted((one.keys() | other.keys()) - {"option_schema"})
    return [key for key in keys if one.get(key) != other.get(key)]
