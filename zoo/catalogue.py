"""The catalogue that comes with zoo: registry.json, rows of backbones, filters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from zoo.errors import OptionError, PluginError, did_you_mean
from zoo.registry import Entry


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


def backbone_row(entry: Entry, *, here: bool | None = None, ms: float | None = None) -> dict[str, Any]:
    """One line of `zoo.backbones()`: name, weights and bytes without and with classifier, figures, license, source.

    Args:
        entry: the backbone.
        here: whether its weights are on this machine; None: nobody looked.
        ms: milliseconds an image that were measured here; None: none were.
    """
    data = entry.data
    accuracy, weights = _first(data.get("accuracy")), _first(data.get("weights"))
    params, params_top = _number(data.get("params")), _number(data.get("params_top"))
    sizes = _sizes(data.get("weights"))
    accepts = data.get("input")
    return {
        "name": entry.name,
        "family": data.get("family"),
        "params": params,
        "params_top": params_top,
        "size": _number(weights.get("bytes")) or (None if params is None else 4 * params),
        "size_top": sizes.get(True) or (None if params_top is None else 4 * params_top),
        "input": _side(accepts.get("default_size")) if isinstance(accepts, Mapping) else None,
        "macs": _number(data.get("macs")),
        "top1": _number(accuracy.get("top1")),
        "top5": _number(accuracy.get("top5")),
        "ms": ms,
        "license": weights.get("license"),
        "source": weights.get("kind"),
        "here": here,
        "provider": entry.provider.plugin,
    }


def _first(rows: Any) -> Mapping[str, Any]:
    """The first of a list of objects; a listing must survive a plugin whose manifest holds something else."""
    return rows[0] if isinstance(rows, list | tuple) and rows and isinstance(rows[0], Mapping) else {}


def _side(size: Any) -> Any:
    """The side of the input, the longer one where it is no square."""
    both = isinstance(size, list | tuple) and size and all(isinstance(side, int) for side in size)
    return max(size) if both else _number(size)


def _sizes(rows: Any) -> dict[bool, Any]:
    """Whether the classifier is in it -> bytes of a weight file."""
    listed = rows if isinstance(rows, list | tuple) else ()
    return {
        bool(row.get("includes_top")): _number(row.get("bytes")) for row in reversed(listed) if isinstance(row, Mapping)
    }


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


BACKBONE_COLUMNS = (
    "name",
    "family",
    "params",
    "params_top",
    "size",
    "size_top",
    "input",
    "macs",
    "top1",
    "top5",
    "ms",
    "license",
    "source",
    "here",
    "provider",
)


_DESCENDING = {"top1", "top5", "here"}

OPEN = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "unlicense", "isc")
"""Licenses of weights that let anybody use them for anything, at most with a word of credit."""


def _says(row: Mapping[str, Any], words: Mapping[str, str | Sequence[str] | None]) -> bool:
    """Whether each column of a row is one of its words, case aside; None: any will do."""
    for column, allowed in words.items():
        listed = [allowed] if isinstance(allowed, str) else allowed
        if listed is not None and str(row[column]).lower() not in {word.lower() for word in listed}:
            return False
    return True


def _within(row: Mapping[str, Any], limits: Mapping[str, tuple[float | None, float | None]]) -> bool:
    """Whether each column of a row has a value between its limits; None: no limit."""
    for column, (least, most) in limits.items():
        value = row[column]
        if (least, most) != (None, None) and value is None:
            return False
        if (least is not None and value < least) or (most is not None and value > most):
            return False
    return True


def restricted(license: str | None) -> str:
    """Return what a license of weights restricts, in words; "" for one that lets anybody use them for anything.

    Args:
        license: as the row states it.
    """
    text = (license or "").lower()
    if text in OPEN:
        return ""
    if "-nc" in text or "noncommercial" in text or "non-commercial" in text:
        return f"{license}: not for commercial use"
    return f"{license}: a license of its own" if license else "of no stated license"


def families_like(name: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the families that a name means, with their backbones, smallest first.

    Args:
        name: what somebody wrote, such as "vit"; case, "-" and "_" do not matter.
        rows: rows of `backbone_row`.

    Returns:
        Family -> names; the family of that name alone if there is one, else those that begin with it.
    """
    letters = _plain(name)
    families: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        families.setdefault(str(row["family"]), []).append(row)
    exact = [family for family in families if _plain(family) == letters]
    chosen = exact or [family for family in families if len(letters) >= 3 and _plain(family).startswith(letters)]
    return {
        family: [row["name"] for row in sorted(families[family], key=lambda row: row["params"] or 0)]
        for family in chosen
    }


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


@dataclass(frozen=True)
class Filters:
    """Which backbones a list holds; None: all.

    Attributes:
        name: a shell pattern such as "resnet*".
        family: exact family, case does not matter.
        max_params: most weights without the classifier.
        max_size: largest weight file, in bytes.
        max_macs: most multiply-adds of one image at the default size.
        min_top1: lowest published top-1 accuracy, 0..1; rows without a figure do not pass.
        license: license of the weights, e.g. "apache-2.0", or several; case does not matter.
        source: "url", "wheel", "file" or "hub".
        available: whether weights have to be on this machine; False: must not be.
    """

    name: str | None = None
    family: str | None = None
    max_params: float | None = None
    max_size: float | None = None
    max_macs: float | None = None
    min_top1: float | None = None
    license: str | Sequence[str] | None = None
    source: str | None = None
    available: bool | None = None

    def passes(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row of `backbone_row` passes all of them."""
        words = {"family": self.family, "license": self.license, "source": self.source}
        limits = {
            "params": (None, self.max_params),
            "size": (None, self.max_size),
            "macs": (None, self.max_macs),
            "top1": (self.min_top1, None),
        }
        named = self.name is None or fnmatch(row["name"], self.name.lower())
        return named and _says(row, words) and _within(row, limits) and self.available in (None, row["here"])


def select(rows: Iterable[dict[str, Any]], filters: Filters, *, sort: str = "name") -> list[dict[str, Any]]:
    """Return the rows that pass every filter, sorted.

    Args:
        rows: rows of `backbone_row`.
        filters: which.
        sort: a column; top1 sorts from the best down, everything else upward; rows without a value come last.

    Raises:
        OptionError: sort is not a column.
    """
    if sort not in BACKBONE_COLUMNS:
        raise OptionError(
            f"cannot sort by {sort!r}.{did_you_mean(sort, BACKBONE_COLUMNS)} Columns: {', '.join(BACKBONE_COLUMNS)}."
        )
    return _sorted([row for row in rows if filters.passes(row)], sort)


def _sorted(rows: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """By a column, then by name; those without a value last."""
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row["name"])
    known.sort(key=lambda row: row[column], reverse=column in _DESCENDING)
    return known + [row for row in rows if row[column] is None]
