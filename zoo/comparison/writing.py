"""Figures of a comparison in writing."""

from __future__ import annotations

import math


def written(value: float, unit: str, *, sign: bool = False) -> str:
    """Return a figure in writing: hundredths where the unit is points; "-" for NaN."""
    if math.isnan(value):
        return "-"
    plus = "+" if sign else ""
    return f"{100 * value:{plus}.1f}" if unit == "points" else f"{value:{plus}.4g}"


def span(interval: tuple[float, float], unit: str, *, sign: bool = False) -> str:
    """Return an interval in writing."""
    return f"{written(interval[0], unit, sign=sign)} to {written(interval[1], unit, sign=sign)}"


def cost(seconds: float | None, parameters: int | None, trained: int | None, ms: float | None) -> str:
    """Return what a model costs in a few words."""
    parts = []
    if seconds is not None:
        parts.append(f"{seconds:.3g} s" if seconds else "not trained")
    if parameters is not None:
        of_them = "" if trained is None else f", {_amount(trained)} trained"
        parts.append(f"{_amount(parameters)} parameters{of_them}")
    if ms is not None:
        parts.append(f"{ms:.2g} ms")
    return "; ".join(parts)


def _amount(number: int) -> str:
    for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{name}"
    return str(number)
