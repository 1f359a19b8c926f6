"""How zoo's figures look: sizes and type of a paper, colors that color-blind readers tell apart, light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from zoo.printing import printable

if TYPE_CHECKING:
    from markupsafe import Markup

COLUMN, PAGE = 3.5, 7.2
"""Widths in inches: one column (89 mm) and a page of two (183 mm), as Nature and most conferences have them."""

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Blue, vermilion, green, purple, orange, sky, gray: Okabe and Ito, "Color Universal Design" (2008), without yellow,
which does not show on white, and with a gray that shows on black too."""

MAP, HEAT = "cividis", "inferno"
"""Color maps with even steps of lightness, readable in gray too."""

INK = "#101112"
"""Of text and axes. A value nothing else has, so that a page can put its own color in place of it."""

_STYLE = {
    "font.size": 8,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure everywhere
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # a class may be called "$5"
    "savefig.dpi": 300,
    "figure.dpi": 150,
    "image.interpolation": "nearest",
    "svg.hashsalt": "zoo",  # the same figure is the same file
}

Arguments = ParamSpec("Arguments")


def paper(function: Callable[Arguments, Any]) -> Callable[Arguments, Any]:
    """Makes a function that draws do so in this style."""

    @wraps(function)
    def drawn(*args: Arguments.args, **options: Arguments.kwargs) -> Any:
        with _style():
            figure = function(*args, **options)
            figure.canvas.draw()  # now: what is laid out later would be so in another style
            return figure

    return drawn


def _style() -> Any:
    from cycler import cycler
    from matplotlib import rc_context

    return rc_context({**_STYLE, "axes.prop_cycle": cycler(color=COLORS)})


def new(width: float, height: float) -> Any:
    """An empty figure, in inches. It belongs to no window: notebooks show it, `savefig` writes it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from zoo.plots.shown import ShownFigure  # here, not above: it loads matplotlib

    figure = ShownFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tiles(count: int, *, across: int, width: float, extra: float = 0.0, aspect: float = 1.0) -> tuple[Any, list[Any]]:
    """A figure of square tiles for pictures, and their axes: no ticks, no frames.

    Args:
        count: how many.
        across: in one row.
        width: of the figure, in inches.
        extra: height for the title of each tile, in inches.
        aspect: height of a tile's picture over its width.
    """
    across = max(min(across, count), 1)
    down = max(-(-count // across), 1)
    figure = new(width, down * (width / across * aspect + extra))
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for place, single in enumerate(axes):
        single.set_axis_off()
        if place >= count:
            single.remove()
    return figure, axes[:count]


def short(text: str, limit: int = 24) -> str:
    """A name that fits beside a figure; the middle of a long one is left out."""
    text = printable(text)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit - limit // 2 - 1) :]}"


def colors(count: int) -> list[Any]:
    """A color for each of so many groups: the seven, and beyond them even steps of a color map."""
    if count <= len(COLORS):
        return list(COLORS[:count])
    from matplotlib import colormaps

    steps = colormaps["turbo"]
    return [steps(0.05 + 0.9 * index / (count - 1)) for index in range(count)]


def to_svg(figure: Any, *, title: str, name: str, shown: float = 1.0) -> Markup:
    """Return a figure as SVG to stand inside a page: text and axes in the color of the page's text, the rest clear.

    Args:
        figure: as the functions of `zoo.plots` give it.
        title: what it shows, for those who do not see it; plain text.
        name: a word of its own for each figure of a page: ids of two figures then do not meet.
        shown: how much larger than in print.
    """
    from markupsafe import Markup, escape
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(
            out, format="svg", transparent=True, dpi=150, metadata={"Date": None, "Creator": None, "Type": None}
        )
    text = out.getvalue()
    text = text[text.index("<svg") :]  # a page has a doctype of its own
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', f"{name}-", text)
    width = figure.get_figwidth()
    head = f'<svg role="img" aria-label="{escape(title)}" style="width:{96 * shown * width:.0f}px" '
    text = re.sub(r' xmlns(:\w+)?="[^"]+"', "", text, count=2)  # HTML knows them
    text = re.sub(r'<svg width="[^"]+" height="[^"]+" ', head, text, count=1)
    return Markup(text.replace(INK, "currentColor"))
