"""Figures of plugins: every metric of a task, computed beside zoo's own; one that fails leaves a note and no figure."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from zoo.errors import PluginError, ZooError
from zoo.evaluation.result import PluginFigure
from zoo.plugin import calling, load_target, registry
from zoo.plugin.calling import short
from zoo.registry import Entry


def plugin_figures(
    task: str, scores: np.ndarray, targets: np.ndarray
) -> tuple[tuple[PluginFigure, ...], tuple[str, ...]]:
    """Compute the metrics of plugins that go with a task.

    Args:
        task: of one answer.
        scores: float64 (n, k).
        targets: int64 (n,) of a classification, else (n, k).

    Returns:
        The figures, sorted by name; and a note for each metric that failed.
    """
    entries = [
        entry for entry in registry().entries("metrics") if entry.data.get("task", "classification") in (task, "any")
    ]
    counts = Counter(entry.name for entry in entries)
    figures, notes = [], []
    for entry in entries:
        name = entry.name if counts[entry.name] == 1 else entry.id
        try:
            value = _value(entry, scores, targets)
        except ZooError as error:
            notes.append(f"the metric {name!r} could not be computed: {error}")
            continue
        figures.append(PluginFigure(name, value, entry.spec.higher_is_better, str(entry.provider)))
    return tuple(figures), tuple(notes)


def _value(entry: Entry, scores: np.ndarray, targets: np.ndarray) -> float:
    """One figure; the function gets copies, since a metric must not change what is measured."""
    function = load_target(entry, entry.spec.function)
    with calling(entry.provider, f"metric {entry.id!r}"):
        value: Any = function(scores.copy(), targets.copy(), np.ones(len(scores)))
        number = float(value) if np.ndim(value) == 0 and not isinstance(value, bool | str | bytes) else None
    if number is None or np.isinf(number):
        raise PluginError(
            f"metric {entry.id!r} of {entry.provider} returned {short(value)}; it must return a finite float, or NaN"
        )
    return number
