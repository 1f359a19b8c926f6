"""The registry: who provides which name; names resolved and searched. Imports no plugin."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from zoo import settings
from zoo.errors import AmbiguousNameError, PluginError, UnknownNameError, ZooError, unknown
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
    "metrics": "metric",
    "engines": "engine",
    "sources": "weight source",
    "formats": "file format",
    "modalities": "modality",
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

    @property
    def spellings(self) -> tuple[str, ...]:
        """The bare name and its aliases."""
        return (self.name, *self.data.get("aliases", ()))

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
        if matches:
            return matches[0] if len(matches) == 1 else self._one_of(kind, bare, matches)
        if (kind, bare) in self._broken:
            raise PluginError(f"{SINGULAR[kind]} {bare!r}: {self._broken[kind, bare]}")
        raise self._unknown(kind, name, pool)

    def _one_of(self, kind: str, bare: str, matches: Sequence[Entry]) -> Entry:
        """The entry that a name of several means: zoo's own, or that of the plugin which is preferred."""
        first_party = [entry for entry in matches if entry.provider.first_party]
        if len(first_party) == 1:
            others = ", ".join(repr(entry.id) for entry in matches if entry not in first_party)
            self._notice(f"{SINGULAR[kind]} {bare!r} is {first_party[0].id!r} here; {others} has that name too")
            return first_party[0]
        preferred = self._preferred(matches)
        if preferred is not None:
            return preferred
        raise AmbiguousNameError(
            f"{SINGULAR[kind]} {bare!r} is provided by "
            + " and by ".join(f"{entry.provider} as {entry.id!r}" for entry in matches)
            + f". Write the full name, or set ZOO_PREFER={matches[0].provider.plugin}."
        )

    def _plugins(self) -> set[str]:
        """The plugins that provide something."""
        return {entry.provider.plugin for entries in self._entries.values() for entry in entries}

    def _unknown(self, kind: str, name: str, pool: Sequence[Entry]) -> UnknownNameError:
        """The error for a name that nobody provides, with near misses."""
        plugin = name.rpartition(":")[0]
        if plugin and not pool:
            plugins = self._plugins()
            if plugin not in plugins:
                return unknown("plugin", plugin, plugins, command="zoo plugins")
        names = {spelling for entry in pool for spelling in entry.spellings}
        if plugin:
            names = {f"{plugin}:{spelling}" for spelling in names}
        error = unknown(SINGULAR[kind], name, names, command=_LISTED_BY.get(kind))
        if self._nameless:
            error = UnknownNameError(f"{error} Besides, {'; '.join(self._nameless)}: see `zoo plugins doctor`.")
        return error

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
