"""The picture of a choice: each model's figure against an option, or against its number of parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zoo.plots.style import COLORS, PAGE, new, paper

if TYPE_CHECKING:
    from zoo.comparison.choosing import Chosen


@paper
def curve_drawn(chosen: Chosen, over: str) -> Any:
    """Draw each model's figure on the validation part with its interval; models that differ in `over` alone are joined.

    Args:
        chosen: the models.
        over: name of an option, or "parameters".

    Returns:
        A matplotlib Figure, a page wide. The black diamond is the chosen model on the test part.
    """
    figure = new(PAGE, 3.6)
    axes = figure.add_subplot()
    lines: dict[str, list[tuple[Any, Any]]] = {}
    for row in chosen:
        options = chosen.options[row.name]
        rest = ", ".join(f"{name}={value}" for name, value in options.items() if name != over)
        lines.setdefault(rest if over in options else "", []).append((_place(chosen, row.name, over), row))
    for number, (rest, points) in enumerate(sorted(lines.items())):
        points.sort(key=lambda point: point[0])
        color = COLORS[number % len(COLORS)]
        places, values = [place for place, _ in points], [row.headline.value for _, row in points]
        axes.plot(places, values, "-o" if over != "parameters" else "o", ms=5, color=color, label=rest or None)
        for place, row in points:
            low, high = row.headline.interval
            if not math.isnan(low):
                axes.plot([place, place], [low, high], color=color, lw=1, alpha=0.5)
    judged = _place(chosen, chosen.best.name, over)
    axes.plot(judged, chosen.test.headline.value, "D", color="black", ms=6, label="chosen, on the test part")
    if over == "parameters":
        axes.set_xscale("log")
    elif not _numeric(chosen, over):
        axes.set_xticks(range(len(_values(chosen, over))), [str(value) for value in _values(chosen, over)])
    axes.set_xlabel(over)
    axes.set_ylabel(f"{chosen.best.headline.name}, validation part")
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize="small")
    return figure


def _place(chosen: Chosen, name: str, over: str) -> float:
    """Where a model is on the axis: its number, or the place of its value among those that were tried."""
    if over == "parameters":
        return float(chosen[name].parameters or 1)
    value = chosen.options[name][over]
    return float(value) if _numeric(chosen, over) else float(_values(chosen, over).index(value))


def _values(chosen: Chosen, over: str) -> list[Any]:
    """The values of an option, in the order in which they were given."""
    values: list[Any] = []
    for options in chosen.options.values():
        if options[over] not in values:
            values.append(options[over])
    return values


def _numeric(chosen: Chosen, over: str) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in _values(chosen, over))
