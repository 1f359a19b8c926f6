"""Manifests: `zoo-plugin.json` in a plugin's package, by which it is listed without being imported."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from zoo._version import __version__
from zoo.errors import PluginError
from zoo.plugin.hooks import hook_results
from zoo.plugin.records import PluginRecord, Problem, own_package, top_spec

MANIFEST = "zoo-plugin.json"

SCHEMA = "1.0"
"""Version of the vocabulary: `zoo.specs.Catalog.schema_version`, checked here without pydantic. A change of its first
number is one that the other side cannot read."""


class IncompatibleError(PluginError):
    """A plugin for another version of zoo, or a manifest in another version of the vocabulary."""


def manifest_path(module: str) -> Path | None:
    """Where the manifest of a plugin lies: in the first package of its module's path that holds code of its own.

    Of a namespace package, which several distributions share, that is the part that is the plugin's. Imports nothing.

    Returns:
        The path, whether or not there is a file; None where the plugin is a single module, which has no room for one.
    """
    package = own_package(module)
    top, *parts = package.split(".")
    spec = top_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    folders = [Path(folder, *parts) for folder in spec.submodule_search_locations]
    chosen = next((folder for folder in folders if (folder / "__init__.py").is_file()), None)
    if chosen is None and not parts and spec.origin is not None:
        chosen = folders[0]
    return None if chosen is None else chosen / MANIFEST


def read_manifest(record: PluginRecord) -> dict[str, Any] | None:
    """What a plugin's manifest says it contributes: kind -> rows; None where there is none, or that of another plugin.

    Fills in the record: whether there is a manifest, the versions of zoo it works with, the names it provides.

    Raises:
        IncompatibleError: it is of another version of the vocabulary, or the plugin is for another version of zoo.
    """
    path = manifest_path(record.module)
    if path is None or not path.is_file():
        return None
    record.manifest = True
    data = json.loads(path.read_text(encoding="utf-8"))
    _check_schema(data.get("schema_version"))
    if data.get("plugin") != record.id:  # two plugins of one package, say: the names in it are not this one's
        what = f"the manifest in its package is of the plugin {data.get('plugin')!r}, so it counts as none"
        advice = f"zoo plugins manifest {record.id} --write; a plugin with a manifest needs a package of its own"
        record.problems.append(Problem("manifest", what, advice, broken=False))
        record.manifest = False
        return None
    contributes = data["contributes"]
    record.provides = listed_names(contributes)
    record.api = str(data.get("api", ""))
    if not _compatible(record.api):
        raise IncompatibleError(f"it works with zoo {record.api}, this is zoo {__version__}")
    return dict(contributes)


def _check_schema(version: Any) -> None:
    """Refuse a manifest whose vocabulary is another: its rows may mean something else, or nothing.

    Raises:
        IncompatibleError: it is older or newer, or says none.
    """
    match = re.fullmatch(r"(\d{1,6})[.](\d{1,6})", version) if isinstance(version, str) else None
    ours = int(SCHEMA.partition(".")[0])
    if match is None:
        raise IncompatibleError(
            f"its manifest says schema_version {version!r}, which is no version such as {SCHEMA!r}; "
            f"its author makes it anew with `zoo plugins manifest`"
        )
    if int(match[1]) > ours:
        raise IncompatibleError(
            f"its manifest has schema_version {version}, and zoo {__version__} reads {ours}.x: it is newer than this "
            f"zoo. Upgrade it: pip install -U zoo-sdk"
        )
    if int(match[1]) < ours:
        raise IncompatibleError(
            f"its manifest has schema_version {version}, and zoo {__version__} reads {ours}.x: it was made for an "
            f"older zoo. Upgrade the plugin; its author makes the manifest anew with `zoo plugins manifest`"
        )


def _compatible(api: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(api).contains(__version__, prereleases=True)


def listed_names(contributes: Any) -> dict[str, list[str]]:
    """The names in a plugin's contributions: kind -> names."""
    from zoo.registry import row_fault

    return {
        kind: [row["name"] for row in rows if not row_fault(row)]
        for kind, rows in contributes.items()
        if isinstance(rows, list | tuple)
    }


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
