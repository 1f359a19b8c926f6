"""zoo.recommend: the verb."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data import Dataset, check, load, source_of
from zoo.data.modalities import has_pictures
from zoo.errors import DataError, OptionError
from zoo.progress import Display, Progress
from zoo.ranking.by_fitting import choose_by_fitting
from zoo.ranking.candidates import Candidate, plan, reasons
from zoo.ranking.choice import Choice
from zoo.ranking.clock import Clock
from zoo.ranking.judging import REPEATS, Judge, Protocol
from zoo.ranking.ranked import Ranked, Skipped
from zoo.ranking.recommendation import Recommendation
from zoo.ranking.screening import MANY, at_least_one, first_sample, screen, under_a_budget
from zoo.scalars import check_whole
from zoo.tasks import of

SCORES = ("probe", "knn", "logme", "hscore")
"""What can be measured; "probe" always is, and with "knn" decides the order."""


def recommend(
    data: Any,
    candidates: str | Sequence[str] | None = None,
    *,
    budget: float | None = None,
    max_params: float | None = None,
    max_size: float | None = None,
    license: str | Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    input_sizes: Sequence[int] | None = None,
    scores: Sequence[str] = ("probe", "knn"),
    folds: int = 5,
    seed: int = 0,
    weights: str | Mapping[str, Any] | None = "pretrained",
    cache: bool = True,
    verbose: int | str = "auto",
    progress: Progress | None = None,
) -> Recommendation | Choice:
    """Measure which backbone, input size and features suit labeled images, without training a network.

    For examples of other kinds (sounds, texts, rows, clips) each backbone that there is for them is fitted on all folds
    but one and judged on that one, since it may learn all of what it gives; then a `Choice` is returned.

    For each candidate one forward pass (kept in the feature cache, so that a second call and a later `fit` on the same
    images do without), then a linear probe judged by cross-validation, three times with other folds: folds are
    stratified and keep copies of a file together. The pick is, of the candidates that an exact McNemar test finds as
    good as the most accurate, the one with the highest `Ranked.score`: mean of the probe's certainty and of the
    neighbors. Figures are kept too: a second call with the same images builds no network.

    Candidates come in the order of their multiply-adds, so that a budget buys as many as it can. More than 12 are
    screened on a stratified sample first: each round keeps the better third and has three times the images (successive
    halving: Jamieson and Talwalkar, AISTATS 2016, arXiv 1502.07943).

    Args:
        data: as for `fit`: a folder of class folders, the name of a dataset, arrays (x, y), a `zoo.Dataset`; its task
            must be classification.
        candidates: names of backbones. None: all whose weights are on this machine. "all": all there are, downloading
            weights where they are missing (not with `ZOO_OFFLINE=1`).
        budget: seconds. All candidates are measured roughly first, on a sample, then on all images from the best down.
            Where time is left for two at least on all images, these are the rows, else all on the sample. What was not
            measured is listed in `.skipped`, with the budget that would do. It ends within the step at work (building a
            network, solving a probe), so it can be exceeded by a few seconds; one candidate is measured in any case.
        max_params: most weights of the backbone without its classifier.
        max_size: largest weight file, in bytes.
        license: license of the weights, e.g. "Apache-2.0", or several; case does not matter. Without it, weights that
            are not for commercial use or have a license of their own are left out, unless `candidates` names them.
        features: what the probe reads, each a candidate of its own: a pooling ("avg", "max", "concat", "gem"), a stage
            ("stage4"), a layer, or "stage4:max". Default: the pooled last feature map.
        input_sizes: sides of the input in px, each a candidate of its own. Default: each backbone's own.
        scores: what to measure: "probe" (always), "knn", "logme", "hscore".
        folds: of the cross-validation, at least 2.
        seed: of the folds and the sample.
        weights: as in `zoo.build`, for all; or a mapping from the name of a backbone to what `weights=` takes.
        cache: whether features and milliseconds are looked up in the cache and kept there.
        verbose: as for `fit`.
        progress: called with (images done, images in all).

    Returns:
        The candidates from the best down, with what was left out and why.

    Raises:
        DataError: the data cannot be used; fewer different images than folds.
        OptionError: an argument that cannot work; no candidate is left, or none could be measured.
        UnknownNameError: a backbone nobody provides.
    """
    clock = Clock(budget)
    _check_options(budget, scores, folds, seed)
    _check_lists(features, input_sizes)
    limits = {"max_params": max_params, "max_size": max_size, "license": license}
    planned, skipped = plan(candidates, weights, features, input_sizes, limits)
    dataset = load(data)
    notes = [*check(dataset), *_of_a_busy_machine()]
    if not of(dataset).one_class:
        raise DataError(f"recommend compares classifiers; {dataset.name} is data for {dataset.task}")
    dataset = dataset.readable()
    _check_enough(dataset, folds)
    if not has_pictures(dataset.modality):
        given = {"features": features, "input_sizes": input_sizes, "max_params": max_params, "max_size": max_size}
        _check_of_images({**given, "license": license}, dataset)
        return choose_by_fitting(
            dataset, candidates, clock=clock, folds=folds, seed=seed, verbose=verbose, progress=progress
        )
    if not planned:
        raise OptionError(f"no candidate is left to measure. {reasons(skipped)}")
    planned.sort(key=lambda candidate: (candidate.cost, candidate.name))
    with Display(verbose) as display:
        counter = display.counter("images", also=progress)
        judge = Judge(dataset, Protocol(tuple(scores), folds, seed, cache), clock, counter)
        rows = _measured(judge, planned, skipped, notes)
    measured = {row.name for row in rows}
    skipped = [item for item in skipped if item.name not in measured]
    settings = {"folds": folds, "repeats": REPEATS, "seed": seed, "scores": list(scores), "budget": budget}
    return Recommendation(
        rows,
        data=dataset.name,
        labels=judge.labels,
        images=len(dataset),
        skipped=skipped,
        notes=notes,
        seconds=clock.seconds,
        computed=judge.computed,
        settings={**settings, "budget_for_all": _needed(rows, planned, skipped, images=len(dataset), clock=clock)},
        source=source_of(data),
    )


def _measured(judge: Judge, planned: list[Candidate], skipped: list[Skipped], notes: list[str]) -> list[Ranked]:
    """The candidates measured on all images, or where time ran out on a sample.

    Raises:
        OptionError: none could be measured.
    """
    images, limited = len(judge.dataset), judge.clock.budget is not None
    rows = (
        under_a_budget(judge, planned, skipped) if limited and len(planned) <= MANY else _all(judge, planned, skipped)
    )
    if not rows:
        raise OptionError(f"no candidate could be measured. {reasons(skipped)}")
    if limited and rows[0].images < images:
        notes.append(f"the budget ended the work on a sample: figures are of {rows[0].images} images only")
    return rows


def _all(judge: Judge, planned: list[Candidate], skipped: list[Skipped]) -> list[Ranked]:
    """As `_measured`; the screen first if there are many."""
    images = len(judge.dataset)
    sample = first_sample(judge.dataset.n_classes)
    judge.expected = len(planned) * images
    left, screened = planned, list[Ranked]()
    if len(planned) > MANY and images >= 2 * sample:
        left, screened = screen(judge, planned, sample, skipped)
    rows = judge.measure_all(left, np.arange(images), skipped) or screened
    return rows or at_least_one(judge, planned, skipped)


def _late(rows: Sequence[Ranked], skipped: Sequence[Skipped], images: int) -> list[str]:
    """Who found no time, at all or on all images."""
    return [item.name for item in skipped if item.late] + [row.name for row in rows if row.images < images]


def _needed(
    rows: Sequence[Ranked], planned: Sequence[Candidate], skipped: Sequence[Skipped], *, images: int, clock: Clock
) -> float | None:
    """About how many seconds would do to measure everything that found no time; None where all was measured.

    By multiply-adds, as far as what was measured says how fast they go.
    """
    costs = {candidate.name: candidate.cost for candidate in planned}
    late = [name for name in _late(rows, skipped, images) if name in costs]
    work = sum(costs[row.name] * row.images for row in rows if row.name in costs)
    if not late or not work:
        return None
    rate = sum(row.seconds for row in rows) / work
    return clock.seconds + rate * images * sum(costs[name] for name in late)


def _of_a_busy_machine() -> list[str]:
    """A note where other work disturbs the clock: milliseconds measured then say little."""
    try:
        load, processors = os.getloadavg()[0], os.cpu_count() or 1
    except (AttributeError, OSError):  # not on every system
        return []
    if load < _BUSY * processors:
        return []
    return [
        f"other programs kept this machine busy (load {load:.1f} on {processors} processors): milliseconds that were "
        f"measured now are too high; call again on a quiet machine if speed decides"
    ]


_BUSY = 0.75
"""Load of the last minute, per processor, from which other work disturbs the clock."""


def _check_options(
    budget: float | None,
    scores: Sequence[str],
    folds: int,
    seed: int,
) -> None:
    if budget is not None and not (isinstance(budget, int | float) and 0 < budget < math.inf):
        raise OptionError(f"budget={budget!r} must be a positive number of seconds, or None")
    if isinstance(scores, str) or "probe" not in scores or any(score not in SCORES for score in scores):
        raise OptionError(
            f'scores={scores!r} takes "probe", which decides the order, and any of {", ".join(SCORES[1:])}'
        )
    check_whole("folds", folds, least=2)
    check_whole("seed", seed, least=0)


def _check_of_images(options: Mapping[str, Any], dataset: Dataset) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise OptionError(
            f"{given[0]}= is for networks of images, and {dataset.name} holds examples of {dataset.modality!r}: name "
            "the backbones to compare in candidates="
        )


def _check_lists(features: Sequence[str] | None, input_sizes: Sequence[int] | None) -> None:
    for name, values, kind in (("features", features, str), ("input_sizes", input_sizes, int)):
        listed = isinstance(values, list | tuple) and values and all(isinstance(value, kind) for value in values)
        if values is not None and not listed:
            raise OptionError(f"{name}={values!r} takes a list of {'names' if kind is str else 'sides in px'}, or None")


def _check_enough(dataset: Dataset, folds: int) -> None:
    assert dataset.targets is not None
    different = {(digest, int(label)) for digest, label in zip(dataset.hashes(), dataset.targets, strict=True)}
    per_class = np.bincount([label for _, label in different])
    if len({digest for digest, _ in different}) < folds or (per_class > 1).sum() < 2:
        raise DataError(
            f"{dataset.name} has {len(different)} different images, {int(per_class.min())} of its smallest class: "
            f"{folds} folds need at least {folds}, and two classes with two each. Add images, or take folds=2"
        )
