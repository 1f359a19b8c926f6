"""A recommendation in words: what to take and why, and for those who ask how it was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zoo.ranking.ranked import TIE, Ranked

if TYPE_CHECKING:
    from zoo.ranking.recommendation import Recommendation

_SHOWN = 6
"""Names in a sentence, at most."""


def sentences(recommendation: Recommendation) -> list[str]:
    """Return what was measured and what follows from it, a sentence each."""
    best = recommendation.best
    low, high = best.interval
    lines = [
        f"Best: {best.name}, {_percent(best.accuracy)} right (95 % interval {_percent(low)} to {_percent(high)}), by "
        f"a linear probe cross-validated on {best.images} images."
    ]
    ties = [row for row in recommendation[1:] if row.tie]
    if recommendation.settings.get("budget_for_all"):
        lines.append(_of_the_budget(recommendation))
    elif len(recommendation) == 1:
        lines.append(_alone(recommendation))
    if ties:
        lines += _tied(recommendation, ties)
    elif len(recommendation) > 1:
        second = recommendation[1]
        points = 100 * (best.accuracy - second.accuracy)
        lines.append(f"The next, {second.name}, is {points:.1f} points worse (paired test, p = {second.p_value:.1g}).")
    fastest = recommendation.fastest
    if fastest is not best:
        lines.append(
            f"As good and the fastest: {fastest.name}, {fastest.ms:.1f} ms per image instead of {best.ms:.1f}."
        )
    lines += _by_neighbors(recommendation)
    if len(recommendation.to_fine_tune) > 1:
        lines.append(_both(recommendation))
    return lines


def _both(recommendation: Recommendation) -> str:
    """What to fine-tune, by two rankings."""
    first, second = recommendation.to_fine_tune[:2]
    prior = "" if first.top1 is None else " (best published ImageNet accuracy among the good ones)"
    probe = "best by probe" if second is recommendation.best else "next backbone by probe"
    return (
        f"To fine-tune, try both {first.name}{prior} and {second.name} ({probe}). Either ranking can "
        "mislead; trying both rarely does."
    )


def _by_neighbors(recommendation: Recommendation) -> Iterator[str]:
    """Say so where the nearest neighbors put another backbone first."""
    best, voted = recommendation.best, max(recommendation, key=lambda row: -1 if row.knn is None else row.knn)
    if voted.knn is not None and best.knn is not None and voted.backbone != best.backbone:
        yield (
            f"By nearest neighbors {voted.name} is first ({_percent(voted.knn)} against {_percent(best.knn)}): the two "
            "measures disagree on the backbone."
        )


def _tied(recommendation: Recommendation, ties: Sequence[Ranked]) -> list[str]:
    best = recommendation.best
    names, verb = _listed([row.name for row in ties]), "is" if len(ties) == 1 else "are"
    better = "probabilities are" if best.knn is None else "probabilities and neighbors are"
    return [
        f"{names} {verb} as good as {best.name} as far as these {best.images} images can show (paired test, p >= "
        f"{TIE}). {best.name} is listed first because its {better} better (score {best.score:.3f})."
    ]


def _of_the_budget(recommendation: Recommendation) -> str:
    """How far the budget went, and which one would do for all."""
    budget, needed = recommendation.settings["budget"], recommendation.settings["budget_for_all"]
    late = sum(item.late for item in recommendation.skipped)
    count, whole = len(recommendation), recommendation.best.images == recommendation.images
    went = "Only one candidate" if count == 1 else f"{count} of {count + late} candidates" if late else "No candidate"
    where = "" if late and whole else f" on all {recommendation.images} images"
    return (
        f"{went} fit into {budget:g} s{where}. All {count + late} need about {_duration(needed)}: "
        f"budget={_round_up(needed)}, or smaller input_sizes=."
    )


def _alone(recommendation: Recommendation) -> str:
    """Why there is one candidate only, and what to do for more."""
    missing = [item for item in recommendation.skipped if item.download]
    if missing:
        return f"Only one candidate was measured: {len(missing)} others are not downloaded, see below."
    return "Only one candidate was measured: name more in candidates= to compare it with others."


def details(recommendation: Recommendation) -> list[str]:
    """Return how it was measured and judged, a sentence each."""
    best, settings = recommendation.best, recommendation.settings
    lines = [
        f"{_count(len(recommendation), 'candidate')} measured on {best.images} of {recommendation.images} images of "
        f"{recommendation.data} ({len(recommendation.labels)} classes): accuracy of a linear probe on frozen features, "
        f"{settings.get('folds', 5)} folds, the mean of {settings.get('repeats', 1)} cross-validations, copies of a "
        "file in one fold."
    ]
    if len(recommendation) > 1:
        lines.append(
            "The paired test is the exact McNemar test on the same out-of-fold answers. Candidates with p of at least "
            f"{TIE} against the most accurate tie."
        )
        top = max(recommendation, key=lambda row: row.accuracy)
        if top.name != best.name:
            lines.append(f"The most accurate is {top.name} ({_percent(top.accuracy)}).")
        lines.append(_of_the_score(best))
    if len(recommendation.to_fine_tune) > 1:
        lines.append(
            "What to fine-tune follows Renggli et al. 2022: the best by published accuracy, and the best by probe."
        )
    return lines


def _of_the_score(best: Ranked) -> str:
    probability = f"the probability of the right class ({best.certainty:.3f}, geometric mean, out of fold)"
    if best.knn is None:
        return f"The score of {best.name} is {probability}."
    return (
        f"The score of {best.name}, {best.score:.3f}, is the mean of {probability} and of the accuracy of the five "
        f"nearest neighbors ({best.knn:.3f}, leave-one-out)."
    )


def left_out(recommendation: Recommendation) -> list[str]:
    """Return a line for each reason for which candidates were left out."""
    lines = []
    for reason, items in recommendation.skipped_by_reason().items():
        size = sum(item.download for item in items)
        lines.append(f"left out: {_listed([item.name for item in items])}: {reason}{_megabytes(size)}")
    return lines


def _megabytes(size: int) -> str:
    if not size:
        return ""
    return f" ({size / 1e6:.0f} MB)" if size < 1e9 else f" ({size / 1e9:.1f} GB)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _round_up(seconds: float) -> int:
    """A number of seconds to type: a tenth more, rounded up to two digits."""
    digits = 10 ** max(math.floor(math.log10(max(seconds, 1))) - 1, 0)
    return int(-(-1.1 * seconds // digits) * digits)
