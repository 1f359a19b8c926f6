"""The runs in a folder, as rows: read as plain JSON, so that a listing of a thousand runs takes no time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLUMNS = ("run", "state", "data", "backbone", "recipe", "figure", "interval", "examples", "started")
"""Columns of the table of runs."""


def listing(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each run in a folder, the newest first; what is no run is left out.

    Args:
        folder: where runs are, one folder each; one that does not exist holds none.

    Returns:
        `COLUMNS` of each run. The figure is of the test split where there is one, else of the validation split. The
        state of a record that cannot be read is "damaged".
    """
    rows = [_row(path.parent) for path in folder.glob("*/run.json")]
    return sorted(rows, key=lambda row: (row["started"], row["run"]), reverse=True)


def _row(folder: Path) -> dict[str, Any]:
    empty = dict.fromkeys(COLUMNS)
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        plan, results = record["plan"], record.get("results") or {}
        split = "test" if results.get("test") else "validation"
        figures = results.get(split) or {}
        figure, interval = _figure(figures)
        return {
            "run": folder.name,
            "state": str(record["state"]),
            "data": (results.get("data") or {}).get("name") or plan["data"].get("source"),
            "backbone": str(plan["model"]["backbone"]).rpartition(":")[2],
            "recipe": plan["recipe"]["name"],
            "figure": f"{figure} ({split})" if figure else None,
            "interval": interval,
            "examples": figures.get("count"),
            "started": str(record["started"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # of another zoo, half copied, or no run at all
        return {**empty, "run": folder.name, "state": "damaged", "started": ""}


_FIGURES = (("accuracy", "accuracy"), ("mean_average_precision", "mAP"), ("mae", "mean error"), ("mean_iou", "IoU"))
"""Where the headline of a task stands among its figures, and what it is called."""


def _figure(figures: Mapping[str, Any]) -> tuple[str, str | None]:
    for key, words in _FIGURES:
        value = figures.get(key)
        if isinstance(value, int | float):
            interval = figures.get("interval")
            known = isinstance(interval, list) and all(isinstance(end, int | float) for end in interval)
            return f"{words} {value:.3f}", f"{interval[0]:.3f} to {interval[1]:.3f}" if known and interval else None
    return "", None
