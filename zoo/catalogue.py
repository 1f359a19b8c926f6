"""The catalogue that comes with zoo: registry.json, rows of backbones, filters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
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


def backbone_row(entry: Entry) -> dict[str, Any]:
    """One line of `zoo.backbones()`: name, params, size in bytes, published top-1, license, source."""
    data = entry.data
    accuracy, weights = _first(data.get("accuracy")), _first(data.get("weights"))
    params = _number(data.get("params"))
    accepts = data.get("input")
    return {
        "name": entry.name,
        "family": data.get("family"),
        "params": params,
        "size": _number(weights.get("bytes")) or (None if params is None else 4 * params),
        "input": _side(accepts.get("default_size")) if isinstance(accepts, Mapping) else None,
        "macs": _number(data.get("macs")),
        "top1": _number(accuracy.get("top1")),
        "license": weights.get("license"),
        "source": weights.get("kind"),
        "provider": entry.provider.plugin,
    }


def _first(rows: Any) -> Mapping[str, Any]:
    """The first of a list of objects; a listing must survive a plugin whose manifest holds something else."""
    return rows[0] if isinstance(rows, list | tuple) and rows and isinstance(rows[0], Mapping) else {}


def _side(size: Any) -> Any:
    """The side of the input, the longer one where it is no square."""
    both = isinstance(size, list | tuple) and size and all(isinstance(side, int) for side in size)
    return max(size) if both else _number(size)


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
    for column, value in (("family", family), ("license", license), ("source", source)):
        if value is not None:
            tests.append(lambda row, c=column, w=value: str(row[c]).lower() == w.lower())  # type: ignore[misc]
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
