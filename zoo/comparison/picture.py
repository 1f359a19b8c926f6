"""The picture of a comparison: each model's figure with its interval, and its costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zoo.comparison.writing import cost
from zoo.plots.style import COLORS, PAGE, new, paper, short

if TYPE_CHECKING:
    from zoo.comparison.compared import Comparison


@paper
def models_drawn(comparison: Comparison) -> Any:
    """Draw each model's figure with its interval, the best on top, and its costs beside it.

    Returns:
        A matplotlib Figure, a page wide. Blue: statistically tied with the best.
    """
    figure = new(PAGE, 1.0 + 0.35 * len(comparison))
    axes = figure.add_subplot()
    tied = {row.name for row in comparison.ties}
    for place, row in enumerate(comparison):
        value, (low, high) = row.headline.value, row.headline.interval
        color = COLORS[0] if row.name in tied else "0.55"
        if not math.isnan(low):
            axes.plot([low, high], [place, place], color=color, lw=2, solid_capstyle="butt")
        axes.plot(value, place, "o", ms=6, color=color)
    axes.set_yticks(range(len(comparison)), [short(row.name, 32) for row in comparison])
    axes.set_ylim(len(comparison) - 0.5, -0.5)
    beside = axes.secondary_yaxis("right")
    costs = [cost(row.seconds, row.parameters, row.trained, row.ms) for row in comparison]
    beside.set_yticks(range(len(comparison)), costs)
    for axis in (axes.yaxis, beside.yaxis):
        axis.set_tick_params(length=0)
    axes.spines["left"].set_visible(False)
    beside.spines["right"].set_visible(False)
    axes.grid(axis="x", color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"{comparison.best.headline.name}, 95 % interval; blue: statistically tied with the best")
    if comparison.data:
        axes.set_title(short(f"{comparison.best.evaluation.count} examples of {comparison.data}", 90))
    return figure
