"""Finds the installed plugins by their entry points, and the user's own files; decides whose an id is."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from zoo.errors import PluginError
from zoo.plugin.records import PluginRecord, Problem, flat
from zoo.registry import CORE, LOCAL, SLUG, Provider

GROUP = "zoo.plugins"

PLUGIN_PATH = "ZOO_PLUGIN_PATH"


def discover(points: Iterable[EntryPoint] | None = None) -> dict[str, PluginRecord]:
    """All plugins, by id; imports none of them.

    The ids of zoo's own plugins are zoo's. A plugin that `ZOO_PLUGINS` leaves out takes no id. Where two of the rest
    have one id, neither gets it: which one a user means cannot be known. Records of plugins without the id they ask for
    are called "ID of DISTRIBUTION".

    Args:
        points: entry points; None: those of the installed distributions. `ZOO_PLUGIN_PATH` is read in both cases.
    """
    if points is None:
        from importlib.metadata import entry_points

        points = entry_points(group=GROUP)
    records = [*_installed(points), *_local_files()]
    own = {flat(record.id) for record in records if record.provider.first_party} | {CORE}
    strangers = []
    for record in records:
        if record.provider.first_party:
            continue
        if not _allowed(record):
            record.state = "disabled"
        elif flat(record.id) in own:
            _refuse(record, f"the plugin id {record.id!r} is zoo's own")
        else:
            strangers.append(record)
    _check_strangers(strangers)
    return _by_id(records, own)


def _check_strangers(records: list[PluginRecord]) -> None:
    """Refuse those that have one id together, and those that can be no plugin."""
    for name, count in Counter(record.id for record in records).items():
        same = [record for record in records if record.id == name]
        if count > 1:
            _refuse_all(same)
        elif fault := _fault(same[0]):
            _refuse(same[0], fault)


def _by_id(records: list[PluginRecord], own: set[str]) -> dict[str, PluginRecord]:
    """Records by id, sorted: those that may have their id first, the others renamed where theirs is taken."""
    with_id = {record.id: record for record in records if record.state == "discovered"}
    asked_for = Counter(record.id for record in records)
    for record in records:
        if record.state == "discovered":
            continue
        wished = record.id
        if asked_for[wished] > 1 or flat(wished) in own:
            record.id = f"{wished} of {record.provider.distribution}"
        number = 2
        while record.id in with_id:  # two entry points of one distribution
            record.id = f"{wished} of {record.provider.distribution}, {number}"
            number += 1
        with_id[record.id] = record
    return {name: with_id[name] for name in sorted(with_id)}


def _installed(points: Iterable[EntryPoint]) -> list[PluginRecord]:
    """A record for each entry point; a distribution that is seen twice on `sys.path` counts once."""
    records: dict[tuple[str, str, str], PluginRecord] = {}
    # Sorted, so that the order of installation or of sys.path never matters.
    pairs = sorted(((point, _provider(point)) for point in points), key=lambda pair: (pair[0].name, str(pair[1])))
    for point, provider in pairs:
        records.setdefault(
            (point.name, point.value, flat(provider.distribution)), PluginRecord(point.name, point.value, provider)
        )
    return list(records.values())


def _provider(point: EntryPoint) -> Provider:
    """Who an entry point belongs to; metadata that cannot be read is no reason to fail."""
    try:
        dist = point.dist
        return Provider(point.name, dist.name or "?", dist.version or "?") if dist else Provider(point.name, "?", "?")
    except Exception:  # a damaged METADATA file: importlib.metadata raises whatever comes
        return Provider(point.name, "?", "?")


def _local_files() -> list[PluginRecord]:
    """A record for each Python file that `ZOO_PLUGIN_PATH` names; the file's name is the plugin's id."""
    records: dict[Path, PluginRecord] = {}
    for text in os.environ.get(PLUGIN_PATH, "").split(os.pathsep):
        if text.strip():
            path = Path(text.strip()).expanduser().absolute()
            provider = Provider(path.stem, path.name, LOCAL)
            records.setdefault(path, PluginRecord(path.stem, path.stem, provider, file=path))
    return list(records.values())


def _fault(record: PluginRecord) -> str:
    """Why a stranger's entry point, or a file of the user's own, can be no plugin; empty if it can."""
    return _entry_point_fault(record) if record.file is None else _file_fault(record.file)


def _entry_point_fault(record: PluginRecord) -> str:
    if not SLUG.fullmatch(record.id):
        return (
            f"the plugin id {record.id!r} can never be written in `id:name`: "
            "it takes lower case letters, digits, dot, dash and underscore"
        )
    module = record.module.partition(":")[0].partition("[")[0].strip()
    if module != record.module.strip():
        return f"its entry point is {record.module!r}: name the module only, {record.id} = {module!r}"
    return ""


def _file_fault(path: Path) -> str:
    """Why a file that `ZOO_PLUGIN_PATH` names cannot be used; empty if it can, and its module can then be imported."""
    return _file_name_fault(path) or _file_import_fault(path)


def _file_name_fault(path: Path) -> str:
    if path.suffix != ".py" or path.is_dir():
        return f"{PLUGIN_PATH} names Python files, separated by {os.pathsep!r}; got {str(path)!r}"
    if not path.is_file():
        return f"{PLUGIN_PATH} names {str(path)!r}, and there is no such file"
    if not path.stem.isidentifier() or not SLUG.fullmatch(path.stem):
        return (
            f"{path.name!r} cannot be imported by that name: it takes lower case letters, digits and underscores, and "
            f"starts with a letter"
        )
    return ""


def _file_import_fault(path: Path) -> str:
    # At the end: a file beside it must not stand in for an installed module. Workers and other processes get it too.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec = find_spec(path.stem)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec is not None else None
    if origin is None or not Path(origin).exists() or not Path(origin).samefile(path):
        return f"the module {path.stem!r} is {origin or 'another'} and not {str(path)!r}: give the file another name"
    return ""


def _refuse(record: PluginRecord, what: str, advice: str = "") -> None:
    record.state = "broken"
    record.problems.append(Problem.of("discovery", PluginError(what), advice=advice or record.repair))


def _refuse_all(records: list[PluginRecord]) -> None:
    """Two or more with one id: none of them has it, and all are named."""
    named = [
        f"{record.file or record.provider.distribution} {record.provider.version} (module {record.module})"
        for record in records
    ]
    out = [record.id if record.provider.local else record.provider.distribution for record in records]
    advice = f"uninstall one, or leave one out: ZOO_PLUGINS=-{' or ZOO_PLUGINS=-'.join(dict.fromkeys(out))}"
    for record in records:
        _refuse(record, f"the plugin id {record.id!r} is used by {' and by '.join(named)}: neither has it", advice)


def _allowed(record: PluginRecord) -> bool:
    """Whether `ZOO_PLUGINS` lets a plugin in: unset all; "" none; "a,b" only these; "-a" all but a.

    A plugin is named by its id, its distribution or its package.
    """
    value = os.environ.get("ZOO_PLUGINS")
    if value is None:
        return True
    names = list(filter(None, map(str.strip, value.split(","))))
    denied = [name[1:].strip() for name in names if name.startswith("-")]
    chosen = [name for name in names if not name.startswith("-")]
    if any(map(record.called, denied)):
        return False
    return any(map(record.called, chosen)) or (not chosen and bool(denied))
