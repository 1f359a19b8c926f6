"""The registry: who provides which name, names resolved and searched, listings as tables; imports no plugin."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from zoo import settings
from zoo.errors import AmbiguousNameError, OptionError, PluginError, UnknownNameError, ZooError, did_you_mean, unknown
from zoo.printing import printable

CORE = "zoo"
"""Plugin id of what zoo itself provides: the rows of registry.json."""

DISTRIBUTION = "zoo-sdk"
"""The distribution whose names win unqualified."""

LOCAL = "local"
"""The version of a plugin that is one file of the user's own."""

SINGULAR = {
    "backbones": "backbone",
    "heads": "head",
    "augmentations": "augmentation",
    "datasets": "dataset",
    "label_sets": "label set",
    "commands": "command",
    "recipes": "recipe",
}
"""What a plugin can contribute, and what one of them is called."""

_LISTED_BY = {
    "backbones": "zoo list",
    "heads": "zoo heads",
    "augmentations": "zoo augmentations",
    "datasets": "zoo datasets",
    "recipes": "zoo recipes",
}


SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""What a name, an alias and a plugin's id look like: `zoo.specs.Slug`, checked here without pydantic."""


class ZooNotice(UserWarning):
    """Something a user may want to know; nothing is wrong. Its text can be printed, whatever names are in it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*(printable(arg, keep="\n\t") if isinstance(arg, str) else arg for arg in args))


@dataclass(frozen=True)
class Provider:
    """Who provides a name: a plugin of a distribution at a version."""

    plugin: str
    distribution: str
    version: str

    @property
    def first_party(self) -> bool:
        """Whether it comes with zoo itself."""
        return self.distribution == DISTRIBUTION

    @property
    def local(self) -> bool:
        """Whether it is a file of the user's own (`ZOO_PLUGIN_PATH`); the distribution is then the file's name."""
        return self.version == LOCAL

    @property
    def remedy(self) -> str:
        """What to try when something of it is wrong."""
        return f"correct {self.distribution}" if self.local else f"pip install -U {self.distribution}"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} (plugin {self.plugin})"


@dataclass(frozen=True)
class Entry:
    """A name, its provider, and the raw data of its spec; the spec itself is validated when asked for."""

    kind: str
    provider: Provider
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The bare name."""
        return str(self.data["name"])

    @property
    def id(self) -> str:
        """The full name, `plugin:name`."""
        return f"{self.provider.plugin}:{self.name}"

    @cached_property
    def spec(self) -> Any:
        """The validated spec (`zoo.specs.BackboneSpec`, `HeadSpec`, ...).

        Raises:
            PluginError: if the provider's data does not fit the vocabulary.
        """
        from pydantic import ValidationError

        from zoo.specs import KINDS

        try:
            return KINDS[self.kind].model_validate(dict(self.data))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PluginError(
                f"{SINGULAR[self.kind]} {self.name!r} of {self.provider} is not valid: {where}: {first['msg']}. "
                f"Try: {self.provider.remedy}"
            ) from error


@dataclass
class Registry:
    """All names of all kinds.

    A name from the zoo-sdk distribution wins unqualified, with a notice if somebody else has it too; between two
    third parties a bare name is an error that names both, unless `ZOO_PREFER` puts one in front. The order of
    registration never matters.
    """

    _entries: dict[str, list[Entry]] = field(default_factory=dict)
    _broken: dict[tuple[str, str], str] = field(default_factory=dict)
    _nameless: list[str] = field(default_factory=list)
    _noticed: set[str] = field(default_factory=set)

    def add(self, provider: Provider, contributes: Mapping[str, Any]) -> list[str]:
        """Take in what a plugin provides: kind -> rows (each at least a name).

        Returns:
            What is wrong, one line for each row (or kind) that is left out because it cannot be listed.
        """
        problems = []
        for kind, rows in contributes.items():
            if kind not in SINGULAR:
                continue  # of a newer zoo
            if not isinstance(rows, list | tuple):
                problems.append(f"its {kind} are not a list; they are left out")
                continue
            seen = set()
            # A listing that was interrupted is made again: what is there of this plugin gives way.
            others = [entry for entry in self._entries.get(kind, []) if entry.provider != provider]
            taken: list[Entry] = []
            for row in rows:
                if fault := row_fault(row):
                    problems.append(f"a {SINGULAR[kind]} is left out, {fault}: {repr(row)[:80]}")
                elif row["name"] in seen:
                    problems.append(f"there are two {kind} named {row['name']!r}; the second is left out")
                else:
                    seen.add(row["name"])
                    taken.append(Entry(kind, provider, row))
            self._entries[kind] = others + taken
        return problems

    def add_broken(self, names: Mapping[str, Iterable[str]], reason: str) -> None:
        """Remember the names (kind -> names) that a broken plugin would provide, and what is wrong with it.

        Args:
            names: empty if they are not known: an unknown name may then be one of them, which its error says.
            reason: what is wrong, in one line.
        """
        if not names:
            self._nameless.append(reason)
        for kind, group in names.items():
            for name in group:
                self._broken[kind, name] = reason

    def broken(self, kind: str, name: str) -> str | None:
        """What is wrong with the broken plugin that would provide a bare name; None if no broken plugin does."""
        return self._broken.get((kind, name))

    def entries(self, kind: str) -> list[Entry]:
        """All entries of a kind, sorted by name, then plugin."""
        return sorted(self._entries.get(kind, []), key=lambda entry: (entry.name, entry.provider.plugin))

    def get(self, kind: str, name: str) -> Entry:
        """The entry that a name means.

        Args:
            kind: "backbones", "heads", "augmentations", "datasets", "label_sets", "commands" or "recipes".
            name: a bare name, an alias, or `plugin:name`; case does not matter.

        Raises:
            UnknownNameError: nobody provides it; near misses are suggested.
            AmbiguousNameError: two third-party plugins provide it, and `ZOO_PREFER` names neither.
            PluginError: a plugin provides it but is broken.
        """
        entry = self._find(kind, name.strip().lower())
        seen = {entry.id}
        while entry.data.get("deprecated"):
            replacement = str(entry.data["deprecated"])
            # Its own plugin's first: a name that somebody else has too must not lead elsewhere.
            own = f"{entry.provider.plugin}:{replacement}"
            there = any(other.id == own for other in self._entries[kind])
            try:
                successor = self._find(kind, own if there else replacement.lower())
            except ZooError as error:  # what is there and works is not taken away by a wrong word about its successor
                self._notice(f"{SINGULAR[kind]} {entry.id!r} is deprecated, and is used: {error}")
                break
            self._notice(f"{SINGULAR[kind]} {entry.id!r} is deprecated: use {replacement!r}")
            entry = successor
            if entry.id in seen:
                break  # it names itself, or two name each other
            seen.add(entry.id)
        return entry

    def candidates(self, kind: str, name: str) -> list[Entry]:
        """Every entry that a name (bare, alias or `plugin:name`) may mean, first those whose name it is."""
        plugin, _, bare = name.strip().lower().rpartition(":")
        pool = [entry for entry in self.entries(kind) if not plugin or entry.provider.plugin == plugin]
        named = [entry for entry in pool if entry.name == bare]
        return named + [entry for entry in pool if entry not in named and bare in entry.data.get("aliases", ())]

    def meaning(self, kind: str, name: str) -> Entry | None:
        """What a name means where it is used, without a word; None where it is unknown, ambiguous or broken."""
        before = set(self._noticed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._find(kind, name.strip().lower())
        except ZooError:
            return None
        finally:
            self._noticed = before

    def _find(self, kind: str, name: str) -> Entry:
        plugin, _, bare = name.rpartition(":")
        pool = [entry for entry in self.entries(kind) if not plugin or entry.provider.plugin == plugin]
        both = self.candidates(kind, name)
        matches = [entry for entry in both if entry.name == bare] or both  # an alias never beats a name
        first_party = [entry for entry in matches if entry.provider.first_party]
        if len(first_party) == 1 and len(matches) > 1:
            others = ", ".join(repr(entry.id) for entry in matches if entry not in first_party)
            self._notice(f"{SINGULAR[kind]} {bare!r} is {first_party[0].id!r} here; {others} has that name too")
            return first_party[0]
        if len(matches) > 1:
            preferred = self._preferred(matches)
            if preferred is not None:
                return preferred
            raise AmbiguousNameError(
                f"{SINGULAR[kind]} {bare!r} is provided by "
                + " and by ".join(f"{entry.provider} as {entry.id!r}" for entry in matches)
                + f". Write the full name, or set ZOO_PREFER={matches[0].provider.plugin}."
            )
        if matches:
            return matches[0]
        if (kind, bare) in self._broken:
            raise PluginError(f"{SINGULAR[kind]} {bare!r}: {self._broken[kind, bare]}")
        if plugin and not pool:
            plugins = {entry.provider.plugin for entries in self._entries.values() for entry in entries}
            if plugin not in plugins:
                raise unknown("plugin", plugin, plugins, command="zoo plugins")
        names = {entry.name for entry in pool} | {alias for entry in pool for alias in entry.data.get("aliases", ())}
        if plugin:
            names = {f"{plugin}:{spelling}" for spelling in names}
        error = unknown(SINGULAR[kind], name, names, command=_LISTED_BY.get(kind))
        if self._nameless:
            error = UnknownNameError(f"{error} Besides, {'; '.join(self._nameless)}: see `zoo plugins doctor`.")
        raise error

    @staticmethod
    def _preferred(matches: Sequence[Entry]) -> Entry | None:
        """The entry whose plugin stands first in `ZOO_PREFER`; None if none of them does."""
        for plugin in settings.preferred_plugins():
            for entry in matches:
                if entry.provider.plugin == plugin:
                    return entry
        return None

    def _notice(self, text: str) -> None:
        if text not in self._noticed:
            self._noticed.add(text)
            warnings.warn(text, ZooNotice, stacklevel=4)


def row_fault(row: Any) -> str:
    """Why a row cannot be listed and looked up; empty if it can. All its fields are checked when it is used."""
    if not isinstance(row, Mapping):
        return "it is no object"
    aliases = row.get("aliases", ())
    if not isinstance(aliases, list | tuple):
        return "its aliases are no list"
    for name in (row.get("name"), *aliases):
        if not isinstance(name, str) or not SLUG.fullmatch(name):
            return f"{name!r} is no name (lower case letters, digits, dot, dash, underscore)"
    return "" if isinstance(row.get("summary", ""), str) else "its summary is no text"


def data_file(name: str) -> Path:
    """A generated file: inside the package in a wheel, at the repository root in an editable install."""
    package = Path(__file__).parent
    for path in (package / "_data" / name, package.parent / name):
        if path.is_file():
            return path
    raise PluginError(
        f"{name} is missing from this installation of zoo: reinstall it with pip install --force-reinstall zoo-sdk"
    )


@cache
def core_catalog() -> dict[str, Any]:
    """`registry.json` as plain data: the rows that zoo itself provides."""
    data: dict[str, Any] = json.loads(data_file("registry.json").read_text(encoding="utf-8"))
    return data


def layer_table(backbone: str) -> Table:
    """The layers of a backbone of registry.json (name, type, output shape, weights, stage); needs no TensorFlow."""
    tables = json.loads(data_file("layers.json").read_text(encoding="utf-8"))
    table = tables.get(backbone)
    if table is None:
        raise OptionError(f"there is no layer table for {backbone!r}: layers.json holds the rows of registry.json only")
    columns = table["columns"]
    return Table([dict(zip(columns, row, strict=True)) for row in table["rows"]], columns=columns)


class Table(Sequence[dict[str, Any]]):
    """Rows of a listing: a sequence of dicts that prints as a readable table."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], title: str = "") -> None:
        self._rows = [dict(row) for row in rows]
        self.columns = tuple(columns)
        self.title = title

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return self.render()

    def render(self, *, width: int | None = None, color: bool = False) -> str:
        """The table as text.

        Args:
            width: columns of the terminal; None: as wide as needed.
            color: whether to write terminal colors.
        """
        cells = [[cell(column, row.get(column)) for column in self.columns] for row in self._rows]
        right = [all(isinstance(row.get(c), int | float | None) for row in self._rows) for c in self.columns]
        sizes = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        if sum(sizes) + 2 * (len(sizes) - 1) > (width or 200):
            return self._wrapped(cells, right, width or 200, color)
        # Without rich where nothing has to be wrapped: its import is a third of the time of `zoo list`.
        lines = [
            "  ".join(
                text.rjust(size) if to_right else text.ljust(size)
                for text, size, to_right in zip(line, sizes, right, strict=True)
            ).rstrip()
            for line in (self.columns, *cells)
        ]
        if color:
            lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
        return "\n".join([self.title, *lines] if self.title else lines)

    def _wrapped(self, cells: list[list[str]], right: list[bool], width: int, color: bool) -> str:
        import io

        from rich.console import Console
        from rich.table import Table as RichTable

        table = RichTable(title=self.title or None, box=None, pad_edge=False, header_style="bold", title_justify="left")
        for column, to_right in zip(self.columns, right, strict=True):
            table.add_column(
                column, justify="right" if to_right else "left", no_wrap=column in {"name", "plugin", "distribution"}
            )
        for row in cells:
            table.add_row(*row)
        out = io.StringIO()
        # No markup: a class may be called "[red]".
        console = Console(
            file=out,
            width=width,
            force_terminal=color,
            color_system="auto" if color else None,
            markup=False,
            emoji=False,
        )
        console.print(table)
        return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell(column, row.get(column)))}</td>" for column in self.columns) + "</tr>"
            for row in self._rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(column: str, value: Any) -> str:
    """A value of a column as listings show it: millions, megabytes, a dash for nothing."""
    if value is None or value == "":
        return "-"
    if column == "top1":
        return f"{value:.3f}"
    if column in {"params", "macs"}:
        return f"{value / 1e6:,.2f} M" if value < 1e9 else f"{value / 1e9:,.2f} G"
    if column in {"size", "bytes"}:
        return f"{value / 1e6:,.0f} MB"
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return printable(str(value))


def backbone_row(entry: Entry) -> dict[str, Any]:
    """One line of `zoo.backbones()`: name, params, size in bytes, published top-1, license, source."""
    data = entry.data
    accuracy, weights = _first(data.get("accuracy")), _first(data.get("weights"))
    params = _number(data.get("params"))
    asked = data.get("input")
    return {
        "name": entry.name,
        "family": data.get("family"),
        "params": params,
        "size": _number(weights.get("bytes")) or (None if params is None else 4 * params),
        "input": _number(asked.get("default_size")) if isinstance(asked, Mapping) else None,
        "macs": _number(data.get("macs")),
        "top1": _number(accuracy.get("top1")),
        "license": weights.get("license"),
        "source": weights.get("kind"),
        "provider": entry.provider.plugin,
    }


def _first(rows: Any) -> Mapping[str, Any]:
    """The first of a list of objects; a listing must survive a plugin whose manifest holds something else."""
    return rows[0] if isinstance(rows, list | tuple) and rows and isinstance(rows[0], Mapping) else {}


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


BACKBONE_COLUMNS = (
    "name",
    "family",
    "params",
    "size",
    "input",
    "macs",
    "top1",
    "license",
    "source",
    "provider",
)
_DESCENDING = {"top1"}


def select(
    rows: Iterable[dict[str, Any]],
    *,
    name: str | None = None,
    family: str | None = None,
    max_params: float | None = None,
    max_size: float | None = None,
    min_top1: float | None = None,
    license: str | None = None,
    source: str | None = None,
    sort: str = "name",
) -> list[dict[str, Any]]:
    """The rows that pass every filter, sorted.

    Args:
        rows: rows of `backbone_row`.
        name: a shell pattern such as "resnet*".
        family: exact family, case does not matter.
        max_params: most weights without the classifier.
        max_size: largest weight file, in bytes.
        min_top1: lowest published top-1 accuracy, 0..1; rows without a figure do not pass.
        license: license of the weights, e.g. "apache-2.0"; case does not matter.
        source: "url", "wheel" or "file".
        sort: a column; top1 sorts from the best down, everything else upward; rows without a value come last.

    Raises:
        OptionError: sort is not a column.
    """
    from fnmatch import fnmatch

    if sort not in BACKBONE_COLUMNS:
        raise OptionError(
            f"cannot sort by {sort!r}.{did_you_mean(sort, BACKBONE_COLUMNS)} Columns: {', '.join(BACKBONE_COLUMNS)}."
        )
    tests: list[Callable[[dict[str, Any]], bool]] = []
    if name is not None:
        tests.append(lambda row: fnmatch(row["name"], name.lower()))
    for column, wanted in (("family", family), ("license", license), ("source", source)):
        if wanted is not None:
            tests.append(lambda row, c=column, w=wanted: str(row[c]).lower() == w.lower())  # type: ignore[misc]
    if max_params is not None:
        tests.append(lambda row: row["params"] is not None and row["params"] <= max_params)
    if max_size is not None:
        tests.append(lambda row: row["size"] is not None and row["size"] <= max_size)
    if min_top1 is not None:
        tests.append(lambda row: row["top1"] is not None and row["top1"] >= min_top1)
    kept = [row for row in rows if all(test(row) for test in tests)]
    known = [row for row in kept if row[sort] is not None]
    known.sort(key=lambda row: row["name"])
    known.sort(key=lambda row: row[sort], reverse=sort in _DESCENDING)
    return known + [row for row in kept if row[sort] is None]
