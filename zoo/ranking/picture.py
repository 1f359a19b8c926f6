"""The picture of a recommendation: accuracy against time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.plots.style import COLORS, PAGE, new, paper, short

if TYPE_CHECKING:
    from zoo.ranking.recommendation import Recommendation

_BEST, _FRONT, _OTHER = COLORS[0], COLORS[1], "0.55"


@paper
def accuracy_against_time(recommendation: Recommendation) -> Any:
    """Draw the accuracy of each candidate with its interval against milliseconds per image, on a log scale.

    Args:
        recommendation: the candidates; their numbers in the picture are the lines of the table.

    Returns:
        A matplotlib Figure, a page wide. Blue: as good as the best; orange line: no other is both faster and more
        accurate.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = new(PAGE, 3.8)
    axes = figure.add_subplot()
    for rank, row in enumerate(recommendation, 1):
        color = _BEST if row.tie else _OTHER
        errors = [[row.accuracy - row.interval[0]], [row.interval[1] - row.accuracy]]
        axes.errorbar(row.ms, row.accuracy, yerr=errors, fmt="none", ecolor=color, capsize=2, lw=0.8)
        # The names stand beside the picture: in it those of good candidates would cover each other.
        name, order = f"{rank}  {short(row.name, 40)}", 3 + 1 / rank
        axes.plot(row.ms, row.accuracy, "o", ms=10, color=color, label=name, zorder=order)
        place = (row.ms, row.accuracy)
        axes.annotate(str(rank), place, ha="center", va="center", color="w", fontsize=7, zorder=order)
    front = recommendation.pareto
    axes.step([row.ms for row in front], [row.accuracy for row in front], where="post", color=_FRONT, lw=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside right upper", handlelength=0, handletextpad=0, markerscale=0)
    axes.set_xlabel("milliseconds per image on this machine (log scale)")
    axes.set_ylabel("cross-validated accuracy of the probe")
    axes.set_title(short(recommendation.data, 60))
    return figure
