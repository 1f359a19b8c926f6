"""Who provides a name, and in which file and line its code stands; found by reading, nothing is imported."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo._version import __version__
from zoo.catalogue import data_file
from zoo.errors import OptionError, UnknownNameError, did_you_mean
from zoo.plugin.manager import Manager, manager
from zoo.plugin.manifest import manifest_path
from zoo.plugin.records import top_spec
from zoo.registry import CORE, DISTRIBUTION, SINGULAR, Entry, Registry
from zoo.table import Table

CODE = {
    "backbones": "builder",
    "heads": "factory",
    "augmentations": "factory",
    "datasets": "loader",
    "commands": "target",
    "metrics": "function",
    "engines": "engine",
    "sources": "source",
    "formats": "format",
    "modalities": "modality",
}
"""Kind -> the field of its spec that names the code; label sets and recipes are data only."""

_MOST_HOPS = 5
"""How often a name is followed through `from .elsewhere import name`."""

COLUMNS = ("kind", "id", "distribution", "version", "meant", "state", "where")


def which(name: str, kind: str | None = None, *, built_in: Mapping[str, str] | None = None) -> Table:
    """Who provides a name: everything it can mean, of every kind, and what a bare use of it does mean.

    Nothing is imported: where the code stands is found by reading its file.

    Args:
        name: a bare name, an alias or `plugin:name`; case does not matter.
        kind: only this kind, e.g. "heads" or "head"; None: all kinds.
        built_in: zoo's own commands, which no plugin can replace: name -> import string. The command line gives them;
            from Python there are none.

    Returns:
        One row for each provider: kind, id (`plugin:name`), plugin, distribution, version, target (the import string of
        the code; None for label sets and recipes), file, line (from 1; None if unknown), where (both as text), meant
        (True for what the name means where it is used), state of the plugin, and deprecated (the replacement, or None).

    Raises:
        UnknownNameError: nobody provides it; near misses are suggested.
        OptionError: there is no such kind.

    Example:
        ```python
        >>> import zoo
        >>> row = zoo.which("linear", kind="head")[0]
        >>> row["id"], row["distribution"], row["meant"]
        ('zoo_vision:linear', 'zoo-sdk', True)
        >>> row["where"].rpartition("/")[2].partition(":")[0]
        'heads.py'

        ```
    """
    kinds = [_kind(kind)] if kind is not None else list(SINGULAR)
    chosen = manager()
    registry = chosen.registry()
    rows = [row for one in kinds for row in _rows(chosen, registry, one, name)]
    commands = built_in if built_in and "commands" in kinds else {}
    command = name.strip().lower()
    if command in commands:
        _add_built_in(rows, command, commands[command])
    if not rows:
        text = "nobody provides the name" if kind is None else f"there is no {SINGULAR[kinds[0]]} named"
        known = _names(registry, kinds, full=":" in name) | set(commands)
        raise UnknownNameError(f"{text} {name!r}.{did_you_mean(name, known)}")
    return Table(rows, columns=COLUMNS)


def _names(registry: Registry, kinds: list[str], *, full: bool) -> set[str]:
    return {entry.id if full else entry.name for kind in kinds for entry in registry.entries(kind)}


def _add_built_in(rows: list[dict[str, Any]], name: str, target: str) -> None:
    """Add the row of a command of zoo itself: no command of a plugin is meant then."""
    for row in rows:
        row["meant"] = row["meant"] and row["kind"] != "commands"
    rows.append(_built_in(name, target))


def _built_in(name: str, target: str) -> dict[str, Any]:
    """The row of a command of zoo itself, which is in no registry."""
    file, line = find_code(target)
    return {
        "kind": "commands",
        "id": f"zoo {name}",
        "plugin": CORE,
        "distribution": DISTRIBUTION,
        "version": __version__,
        "target": target,
        "file": None if file is None else str(file),
        "line": line,
        "where": _place(file, line),
        "meant": True,
        "state": "active",
        "deprecated": None,
    }


def _place(file: Path | None, line: int | None) -> str | None:
    return None if file is None else str(file) + (f":{line}" if line else "")


def _kind(kind: str) -> str:
    for plural, singular in SINGULAR.items():
        if kind.lower().replace("-", " ").replace("_", " ") in {plural.replace("_", " "), singular}:
            return plural
    raise OptionError(f"there is no kind {kind!r}.{did_you_mean(kind, SINGULAR)} Kinds: {', '.join(SINGULAR)}.")


def _rows(chosen: Manager, registry: Registry, kind: str, name: str) -> list[dict[str, Any]]:
    states = {record.id: record.state for record in chosen.records()}
    candidates = registry.candidates(kind, name)
    meant = registry.meaning(kind, name)
    rows = []
    for entry in candidates:
        file, line = where(entry)
        rows.append(
            {
                "kind": kind,
                "id": entry.id,
                "plugin": entry.provider.plugin,
                "distribution": entry.provider.distribution,
                "version": entry.provider.version,
                "target": target_of(entry),
                "file": None if file is None else str(file),
                "line": line,
                "where": _place(file, line),
                "meant": entry is meant,
                "state": "active" if entry.provider.plugin == CORE else states.get(entry.provider.plugin, "active"),
                "deprecated": entry.data.get("deprecated"),
            }
        )
    for record in chosen.records():
        plugin, _, bare = name.strip().lower().rpartition(":")
        if record.state != "broken" or bare not in record.provides.get(kind, ()) or plugin not in ("", record.id):
            continue
        rows.append(
            {
                "kind": kind,
                "id": f"{record.id}:{bare}",
                "plugin": record.id,
                "distribution": record.provider.distribution,
                "version": record.provider.version,
                "target": None,
                "file": None,
                "line": None,
                "where": None,
                "meant": False,
                "state": "broken",
                "deprecated": None,
            }
        )
    return rows


def target_of(entry: Entry) -> str | None:
    """The import string of the code of an entry; None for a label set or a recipe."""
    value = entry.data.get(CODE.get(entry.kind, ""))
    return value if isinstance(value, str) else None


def where(entry: Entry) -> tuple[Path | None, int | None]:
    """File and line of what an entry provides: of its code, or of its row where it is data only.

    Returns:
        The file, or None if it cannot be found; the line from 1, or None if only the file is known.
    """
    target = target_of(entry)
    if target is not None:
        return find_code(target)
    if entry.provider.plugin == CORE:
        path: Path | None = data_file("registry.json")
    else:
        records = {record.id: record for record in manager().records()}
        path = manifest_path(records[entry.provider.plugin].module) if entry.provider.plugin in records else None
    if path is None or not path.is_file():
        return None, None
    # A row has no line of its own in parsed JSON: its name is looked for in the text, which zoo wrote with indents.
    name_line = f'"name": {json.dumps(entry.name)}'
    lines = path.read_text(encoding="utf-8").splitlines()
    return path, next((number for number, text in enumerate(lines, 1) if text.strip().rstrip(",") == name_line), None)


def find_code(target: str) -> tuple[Path | None, int | None]:
    """File and line of `"package.module:attribute"`, found without importing the module.

    The file is looked for below the top-level package; in it, for the `def`, `class` or assignment of the attribute,
    through `from .elsewhere import attribute` too.

    Returns:
        The file, or None if there is none; the line from 1, or None if the attribute is not written out there.
    """
    module, _, attribute = target.partition(":")
    return _find(module, attribute, _MOST_HOPS)


def _find(module: str, attribute: str, hops: int) -> tuple[Path | None, int | None]:
    path = module_file(module)
    if path is None or path.suffix != ".py":
        return path, None
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return path, None
    for node in _statements(tree.body):
        if _defines(node, attribute):
            return path, node.lineno
        if isinstance(node, ast.ImportFrom) and hops:
            original = _original(node, attribute)
            if original is not None:
                return _find(_absolute(module, path, node), original, hops - 1)
    return path, None


def _original(node: ast.ImportFrom, attribute: str) -> str | None:
    """What a name is called in the module that it is imported from; None: it is not among these."""
    return next((alias.name for alias in node.names if (alias.asname or alias.name) == attribute), None)


def _defines(node: ast.stmt, attribute: str) -> bool:
    """Whether a statement defines a function, a class or a variable of this name."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return node.name == attribute
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    names = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(item, ast.Name) and item.id == attribute for item in names)


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a module, those below `if` and `try` too."""
    statements = []
    for node in body:
        statements.append(node)
        for part in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try):
                for inner in getattr(node, part, ()):
                    statements += _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])
    return statements


def _absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    """The module that a `from` statement names, dots resolved."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def module_file(module: str) -> Path | None:
    """The file of a module; its top-level package is found, and not imported. None if there is no such file."""
    top, *parts = module.split(".")
    spec = top_spec(top)
    if spec is None:
        return None
    if not spec.submodule_search_locations:
        return Path(spec.origin) if spec.origin and not parts and Path(spec.origin).is_file() else None
    files = (_file_below(folder, parts) for folder in spec.submodule_search_locations)
    return next((file for file in files if file is not None), None)


def _file_below(folder: str, parts: list[str]) -> Path | None:
    """The file of a module, written or compiled, below the folder of its top-level package."""
    place = Path(folder, *parts)
    for candidate in (place / "__init__.py", place.with_suffix(".py") if parts else place):
        if candidate.is_file():
            return candidate
    if not parts:
        return None
    compiled = (file for ending in ("so", "pyd") for file in sorted(place.parent.glob(f"{place.name}.*.{ending}")))
    return next(compiled, None)
