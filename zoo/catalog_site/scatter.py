"""Published accuracy against multiply-adds, as a drawing that a browser can filter and that needs no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 46


@dataclass(frozen=True)
class Point:
    """A backbone in the drawing; top-1 is 0..1, x and y are px, and front is whether no other beats it."""

    name: str
    href: str
    macs: float
    top1: float
    x: float
    y: float
    front: bool


@dataclass(frozen=True)
class Tick:
    """A line of the grid and what is written beside it."""

    place: float
    text: str


@dataclass(frozen=True)
class Scatter:
    """All that the template draws."""

    points: tuple[Point, ...]
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]
    front: str
    width: int = WIDTH
    height: int = HEIGHT


def _front(backbones: Sequence[tuple[str, str, float, float]]) -> set[str]:
    """The names of those that are better than all that cost no more."""
    best, names = -1.0, set()
    for name, _, _, top1 in sorted(backbones, key=lambda row: (row[2], -row[3])):
        if top1 > best:
            best = top1
            names.add(name)
    return names


def scatter(backbones: Sequence[tuple[str, str, float, float]]) -> Scatter | None:
    """Lay out the drawing; None with fewer than two backbones of which both figures are known.

    Args:
        backbones: name, page, multiply-adds of an image, published top-1 accuracy 0..1.
    """
    if len(backbones) < 2:
        return None
    logs = [math.log10(macs) for _, _, macs, _ in backbones]
    low, high = min(logs) - 0.1, max(logs) + 0.1
    floor = math.floor(min(top1 for *_, top1 in backbones) * 20) / 20
    ceiling = math.ceil(max(top1 for *_, top1 in backbones) * 20) / 20

    def across(value: float) -> float:
        return round(LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    def upward(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - floor) / ((ceiling - floor) or 1) * (HEIGHT - TOP - BOTTOM), 1)

    front = _front(backbones)
    points = tuple(
        Point(name, href, macs, top1, across(macs), upward(top1), name in front)
        for name, href, macs, top1 in sorted(backbones, key=lambda row: row[2])
    )
    decades = range(math.ceil(low), math.floor(high) + 1)
    ticks = tuple(Tick(across(10.0**power), _macs(power)) for power in decades)
    steps = round((ceiling - floor) * 20)
    shares = tuple(Tick(upward(floor + step / 20), f"{100 * (floor + step / 20):.0f} %") for step in range(steps + 1))
    line = " ".join(f"{point.x},{point.y}" for point in points if point.front)
    return Scatter(points, ticks, shares, line)


def _macs(power: int) -> str:
    unit, exponent = ("G", power - 9) if power >= 9 else ("M", power - 6)
    return f"{10**exponent:g} {unit}" if exponent >= 0 else f"{10.0**exponent:g} {unit}"
