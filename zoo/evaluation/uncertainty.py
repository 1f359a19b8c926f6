"""How sure a figure is: intervals of single figures and of paired differences, and the tests that go with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_Z = 1.959963984540054
"""Quantile of the normal distribution for 95 % confidence."""

RESAMPLES = 1000
_ELEMENTS = 4_000_000
"""Most numbers of a block of resamples held at a time."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""How often each example was drawn, float64 (b, n) -> the figure of each resample (b,)."""


def wilson(right: float, total: int, *, z: float = _Z) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.

    Args:
        right: successes; a mean over repeats need not be whole.
        total: trials, at least 1.
        z: quantile of the normal distribution; the default gives 95 % confidence.

    Returns:
        Lower and upper end, within 0..1.
    """
    share, shrink = right / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / shrink
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / shrink
    return max(0.0, middle - half), min(1.0, middle + half)


def resampled(statistic: Statistic, total: int, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """A figure on resamples of the examples, drawn with replacement: float64 (resamples,).

    Args:
        statistic: the figure, from how often each example was drawn.
        total: number of examples.
        resamples: how many.
        seed: of the draws: the same seed gives the same resamples, so that two models see the same.
    """
    random = np.random.default_rng(seed)
    block = max(1, min(resamples, _ELEMENTS // total))
    values = []
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(0, total, (rows, total)) + total * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * total).reshape(rows, total)
        values.append(statistic(counts.astype(np.float64)))
    return np.concatenate(values)


def bootstrap(statistic: Statistic, total: int, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap: the 95 % interval of a figure (Efron and Tibshirani 1993, chapter 13).

    Resamples on which the figure is not defined are left out. With few examples it is too narrow.

    Args:
        statistic: as for `resampled`.
        total: number of examples.
        resamples: how many.
        seed: of the draws.

    Returns:
        Lower and upper end; NaN with fewer than two examples, or where the figure is never defined.
    """
    if total < 2:
        return math.nan, math.nan
    values = resampled(statistic, total, resamples=resamples, seed=seed)
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def mean_of(values: np.ndarray) -> Statistic:
    """The mean of a value an example (n,) as a figure to resample."""
    values = np.asarray(values, dtype=np.float64)
    return lambda counts: counts @ values / len(values)


def average_precisions(scores: np.ndarray, true: np.ndarray) -> Statistic:
    """The average precision of one label as a figure to resample; NaN where nothing drawn has the label.

    As scikit-learn's `average_precision_score` with `sample_weight`, for many weights at once.

    Args:
        scores: (n,).
        true: bool (n,).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]  # the last of each run of equal scores
    hits = true[order].astype(np.float64)

    def statistic(counts: np.ndarray) -> np.ndarray:
        drawn = counts[:, order]
        hits_so_far, drawn_so_far = (drawn * hits).cumsum(axis=1)[:, ends], drawn.cumsum(axis=1)[:, ends]
        gained = np.diff(hits_so_far, axis=1, prepend=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(drawn_so_far > 0, hits_so_far / drawn_so_far, 0.0)
            result: np.ndarray = (gained * precision).sum(axis=1) / hits_so_far[:, -1]
        return result

    return statistic


# -- pairs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """A figure of one model less that of another, on the same examples.

    Attributes:
        value: the difference.
        interval: its 95 % confidence interval.
        p_value: how likely two models that are equally good differ at least so much, 0..1.
        test: how that was computed.
    """

    value: float
    interval: tuple[float, float]
    p_value: float
    test: str


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """The exact McNemar test: how likely two classifiers that are equally good differ at least so much.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947) 153-157; exact: of the images that only one of the two gets right, the number that goes to
    the first is binomial with probability 1/2; two-sided.

    Args:
        right_a: bool (n,), whether the first is right on each image.
        right_b: bool (n,), the second on the same images.

    Returns:
        The p-value, 0..1; 1 where they never differ.
    """
    only_a = int((right_a & ~right_b).sum())
    differ = only_a + int((~right_a & right_b).sum())
    if not differ:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(only_a, differ, 0.5).pvalue)


def paired_shares(right_a: np.ndarray, right_b: np.ndarray) -> Difference:
    """How much more often the first is right, with Newcombe's interval and the exact McNemar test.

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17 (1998) 2635-2650, method 10: Wilson's intervals of the two, squared and added,
    with their correlation. It stays sensible where the two never differ.

    Args:
        right_a: bool (n,), whether the first is right on each example.
        right_b: bool (n,), the second on the same examples.
    """
    total = len(right_a)
    first, second = int(right_a.sum()), int(right_b.sum())
    both, neither = int((right_a & right_b).sum()), int((~right_a & ~right_b).sum())
    product = float(both * neither - (first - both) * (second - both))
    product = max(product - total / 2, 0.0) if product > 0 else product
    margins = first * (total - first) * second * (total - second)
    correlation = product / math.sqrt(margins) if margins else 0.0

    def half(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))

    (low_a, high_a), (low_b, high_b) = wilson(first, total), wilson(second, total)
    share_a, share_b = first / total, second / total
    value = share_a - share_b
    interval = value - half(share_a - low_a, high_b - share_b), value + half(share_b - low_b, high_a - share_a)
    return Difference(value, interval, mcnemar(right_a, right_b), "exact McNemar test")


def paired_bootstrap(a: Statistic, b: Statistic, total: int, *, seed: int = 0) -> Difference:
    """A figure of one model less that of another, both on the same resamples.

    The p-value is twice the smaller share of resamples on either side of 0, as the interval's own levels say it; with
    1,000 resamples it is never below 0.002. Of a single example, or where the figures are not defined, the interval is
    NaN and the p-value 1.

    Args:
        a: the figure of the first, from how often each example was drawn.
        b: of the second, on the same examples.
        total: number of examples.
        seed: of the draws.
    """
    values = resampled(lambda counts: a(counts) - b(counts), total, seed=seed)
    values = values[~np.isnan(values) & (total > 1)]
    once = np.ones((1, total))
    low, high = np.percentile(values, (2.5, 97.5)) if len(values) else (math.nan, math.nan)
    side = min(int((values <= 0).sum()), int((values >= 0).sum()))
    p_value = min(1.0, 2 * (side + 1) / (len(values) + 1))
    return Difference(
        float(a(once)[0] - b(once)[0]), (float(low), float(high)), p_value, f"paired bootstrap, {len(values)} resamples"
    )
