"""Many candidates are screened on growing samples before the good ones are measured on all images."""

from __future__ import annotations

import numpy as np

from zoo.ranking.candidates import Candidate
from zoo.ranking.judging import Judge
from zoo.ranking.ranked import Ranked, Skipped

MANY = 12
"""More candidates than this are screened on a sample first."""

_KEPT = 6
"""The screen leaves at least so many."""

_SAMPLE = 200
_SAMPLE_PER_CLASS = 10
"""Images of the first sample, at least; it grows as candidates drop out."""

_ETA = 3
"""Each round keeps a third of the candidates and has three times the images (Jamieson and Talwalkar 2016)."""


def first_sample(classes: int) -> int:
    """Return the number of images of the first sample."""
    return max(_SAMPLE, _SAMPLE_PER_CLASS * classes)


def screen(
    judge: Judge, candidates: list[Candidate], sample: int, skipped: list[Skipped]
) -> tuple[list[Candidate], list[Ranked]]:
    """Screen by successive halving on growing stratified samples.

    Returns:
        Who is left, cheapest first, and their figures of the last round.
    """
    order = judge.order()
    rows: list[Ranked] = []
    while len(candidates) > _KEPT and 2 * sample <= len(order):
        round_rows = judge.measure_all(candidates, np.sort(order[:sample]), skipped, final=False)
        if judge.clock.over:
            return [], rows or round_rows  # of the last whole round, if there was one
        ranked = sorted(round_rows, key=lambda row: (-row.score, -row.accuracy))
        left = {row.name for row in ranked[: max(_KEPT, -(-len(candidates) // _ETA))]}
        for row in ranked:
            if row.name not in left:
                what = f"screened out on {row.images} images: score {row.score:.3f}, the best {ranked[0].score:.3f}"
                skipped.append(Skipped(row.name, what))
        candidates = [candidate for candidate in candidates if candidate.name in left]
        rows = [row for row in ranked if row.name in left]
        judge.done, judge.expected = 0, len(candidates) * len(order)
        sample *= _ETA
    return candidates, rows
