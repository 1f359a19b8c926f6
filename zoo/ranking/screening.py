"""Many candidates are screened on growing samples before the good ones are measured on all images."""

from __future__ import annotations

from dataclasses import replace

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

_ROUGH = 40
"""Images of a rough measurement under a budget, at least."""

_ETA = 3
"""Each round keeps a third of the candidates and has three times the images (Jamieson and Talwalkar 2016)."""


def first_sample(classes: int) -> int:
    """Return the number of images of the first sample."""
    return max(_SAMPLE, _SAMPLE_PER_CLASS * classes)


def rough_sample(images: int, classes: int) -> int:
    """Return the number of images on which candidates are measured roughly under a budget."""
    return min(max(images // 4, _ROUGH, _SAMPLE_PER_CLASS * classes), first_sample(classes))


def under_a_budget(judge: Judge, candidates: list[Candidate], skipped: list[Skipped]) -> list[Ranked]:
    """Measure all candidates roughly, then on all images from the best down, as far as the time goes.

    Returns:
        Those measured on all images, if these are all or two at least; else all of them on the sample.
    """
    images = len(judge.dataset)
    sample = rough_sample(images, judge.dataset.n_classes)
    if images < 2 * sample:
        judge.expected = len(candidates) * images
        return judge.measure_all(candidates, np.arange(images), skipped) or at_least_one(judge, candidates, skipped)
    judge.expected = len(candidates) * (sample + images)
    rough = judge.measure_all(candidates, np.sort(judge.order()[:sample]), skipped, final=False)
    rough.sort(key=lambda row: (-row.score, -row.accuracy))
    named = {candidate.name: candidate for candidate in candidates}
    late: list[Skipped] = []
    exact = judge.measure_all([named[row.name] for row in rough], np.arange(images), late)
    if exact and (len(exact) > 1 or not late):
        skipped += _measured_roughly(late, rough)
        return exact
    return rough or at_least_one(judge, candidates, skipped)


def at_least_one(judge: Judge, candidates: list[Candidate], skipped: list[Skipped]) -> list[Ranked]:
    """Measure the cheapest candidate that works, on a sample, where the time was too short for any."""
    if not judge.clock.over:
        return []
    judge.clock.budget = None
    images = len(judge.dataset)
    sample = rough_sample(images, judge.dataset.n_classes)
    indices = np.arange(images) if images < 2 * sample else np.sort(judge.order()[:sample])
    late = {item.name for item in skipped if item.late}
    for candidate in candidates:
        rows = judge.measure_all([candidate], indices, skipped) if candidate.name in late else []
        if rows:
            return rows
    return []


def _screened_out(ranked: list[Ranked], left: set[str]) -> list[Skipped]:
    """Those that are not left, with how far from the best they were."""
    words = "screened out on {row.images} images: score {row.score:.3f}, the best {best.score:.3f}"
    return [Skipped(row.name, words.format(row=row, best=ranked[0])) for row in ranked if row.name not in left]


def _measured_roughly(late: list[Skipped], rough: list[Ranked]) -> list[Skipped]:
    """Those that found no time on all images, with what they reached on the sample."""
    rows = {row.name: row for row in rough}
    words = "{item.reason} on all images; on {row.images} its score was {row.score:.3f}"
    return [replace(item, reason=words.format(item=item, row=rows[item.name])) for item in late]


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
        skipped += _screened_out(ranked, left)
        candidates = [candidate for candidate in candidates if candidate.name in left]
        rows = [row for row in ranked if row.name in left]
        judge.done, judge.expected = 0, len(candidates) * len(order)
        sample *= _ETA
    return candidates, rows
