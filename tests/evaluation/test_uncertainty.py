"""Intervals and paired tests against published examples, scikit-learn and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.evaluation import bootstrap, wilson
from zoo.evaluation.uncertainty import mean_of, paired_bootstrap, paired_shares, resampled


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods",
        # Statistics in Medicine 17 (1998) 857-872, table I, method 3 (score, no continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_the_published_table(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_against_scipy_and_at_the_ends() -> None:
    from scipy.stats import binomtest

    for right, total in [(0, 1), (1, 1), (3, 7), (230, 250), (250, 250), (0, 250)]:
        reference = binomtest(right, total).proportion_ci(method="wilson")
        assert wilson(right, total) == pytest.approx((reference.low, reference.high), abs=1e-12)


def pairs(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    return a, np.repeat([True, False, True, False], [both, only_a, only_b, neither])


def test_newcombes_interval_against_a_published_example() -> None:
    """Complete response before and after consolidation therapy (Cavo et al. 2012): 59, 6, 16, 80.

    Fagerland, Lydersen and Laake, "Statistical Analysis of Contingency Tables", 2017, chapter 8: the difference is
    -0.0621, Newcombe's square-and-add interval -0.1186 to -0.0046.
    """
    found = paired_shares(*pairs(59, 6, 16, 80))
    assert found.value == pytest.approx(-0.0621, abs=5e-5)
    assert found.interval == pytest.approx((-0.1186, -0.0046), abs=5e-5)
    tail = sum(math.comb(22, k) for k in range(7)) / 2**22
    assert found.p_value == pytest.approx(2 * tail)  # 0.0525: binomial(22, 1/2) at most 6, both sides
    swapped = paired_shares(*reversed(pairs(59, 6, 16, 80)))
    assert swapped.interval == pytest.approx((0.0046, 0.1186), abs=5e-5)


def test_models_that_never_differ_are_not_known_to_be_equal() -> None:
    found = paired_shares(*pairs(20, 0, 0, 0))
    assert (found.value, found.p_value) == (0, 1)
    assert found.interval[1] == -found.interval[0] == pytest.approx(0.1611, abs=5e-5)  # Wilson's of 0 of 20, once


def test_bootstrap_of_a_mean_has_the_width_of_its_standard_error() -> None:
    values = np.random.default_rng(1).exponential(3.0, 3000)
    low, high = bootstrap(mean_of(values), len(values))
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / math.sqrt(3000), rel=0.08)
    assert bootstrap(mean_of(values), len(values)) == (low, high)
    assert np.isnan(bootstrap(mean_of(values[:1]), 1)).all()


def test_resamples_draw_as_many_as_there_are_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = resampled(lambda counts: counts.sum(axis=1), 7, resamples=50)
    assert sums.tolist() == [7.0] * 50
    first = resampled(lambda counts: counts @ np.arange(7), 7, resamples=50)
    monkeypatch.setattr("zoo.evaluation.uncertainty._ELEMENTS", 7 * 8)
    np.testing.assert_array_equal(resampled(lambda counts: counts @ np.arange(7), 7, resamples=50), first)


def test_a_paired_difference_is_surer_than_two_single_figures() -> None:
    """Two regressions whose errors go together: 0.05 apart, each with a spread of 1."""
    random = np.random.default_rng(2)
    shared = random.normal(5, 1, 400)
    a, b = shared + random.normal(0, 0.1, 400), shared + 0.05 + random.normal(0, 0.1, 400)
    found = paired_bootstrap(mean_of(a), mean_of(b), 400)
    assert found.value == pytest.approx(float(a.mean() - b.mean()))
    assert found.interval[0] < found.value < found.interval[1] < 0
    half = 1.96 * (a - b).std() / math.sqrt(400)
    assert np.diff(found.interval)[0] / 2 == pytest.approx(half, rel=0.15)
    assert found.p_value == pytest.approx(2 / 1001)
    single = bootstrap(mean_of(a), 400)
    assert single[0] < b.mean() < single[1]
    assert paired_bootstrap(mean_of(a), mean_of(a), 400).p_value == 1
