"""Whether probabilities mean what they say: reliability table, expected calibration error, temperature scaling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.errors import DataError, OptionError

BINS = 15
"""As Guo et al. 2017 take them."""

_LARGEST = 100.0
"""Temperatures are looked for between its inverse and it."""


@dataclass(frozen=True)
class Bin:
    """The examples whose highest probability lies in low < p <= high.

    Attributes:
        low: lower end, not in it.
        high: upper end.
        count: number of examples.
        confidence: mean of their highest probability; NaN without examples.
        accuracy: share of them that is right; NaN without examples.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(scores: np.ndarray, targets: np.ndarray, *, bins: int = BINS) -> tuple[Bin, ...]:
    """Compute the reliability table: accuracy against confidence, in bins of equal width.

    Args:
        scores: (n, k), probabilities.
        targets: int64 (n,), class indices.
        bins: how many.

    Returns:
        One row a bin, from 0 to 1.
    """
    sureness, right = scores.max(axis=1), scores.argmax(axis=1) == targets
    place = np.clip(np.ceil(sureness * bins).astype(np.int64) - 1, 0, bins - 1)
    rows = []
    for index in range(bins):
        inside = place == index
        count = int(inside.sum())
        mean = (float(sureness[inside].mean()), float(right[inside].mean())) if count else (math.nan, math.nan)
        rows.append(Bin(index / bins, (index + 1) / bins, count, *mean))
    return tuple(rows)


def expected_calibration_error(table: Sequence[Bin]) -> float:
    """Compute the mean distance between confidence and accuracy, bins weighted by their examples, 0..1.

    Naeini, Cooper and Hauskrecht 2015; Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks",
    ICML 2017, arXiv 1706.04599, equation 3. On few examples it is too high: chance alone moves a bin.

    Args:
        table: as `reliability` gives it; at least one example.
    """
    total = sum(row.count for row in table)
    return sum(row.count / total * abs(row.accuracy - row.confidence) for row in table if row.count)


def scaled(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities as they would be with the logits divided by a temperature; the order of classes stays.

    Args:
        scores: (n, k), probabilities; of 0 they stay 0.
        temperature: above 1 less sure, below 1 surer.

    Raises:
        OptionError: it is not a positive number.
    """
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        raise OptionError(f"temperature={temperature!r} must be a positive number")
    with np.errstate(divide="ignore"):
        logits = np.log(np.asarray(scores, dtype=np.float64)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Find the temperature that makes the log loss smallest (Guo et al. 2017, section 4.2).

    Args:
        scores: (n, k), probabilities of examples that were not trained on.
        targets: int64 (n,), class indices.

    Raises:
        DataError: every example is right, or the answers are no better than chance: no temperature is the best.
    """
    from scipy.optimize import minimize_scalar

    if (scores.argmax(axis=1) == targets).all():
        raise DataError(
            f"all {len(targets)} examples are right: any rise in confidence lowers the loss, so they determine no "
            "temperature"
        )
    tiny = np.finfo(np.float64).tiny
    logits = np.log(np.maximum(np.asarray(scores, dtype=np.float64), tiny))

    def loss(log_temperature: float) -> float:
        z = logits / math.exp(log_temperature)
        top = z.max(axis=1)
        sums = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
        return float((sums - z[np.arange(len(z)), targets]).mean())

    limit = math.log(_LARGEST)
    result = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-6})
    if result.x > limit - 1e-3:
        raise DataError(
            f"on these {len(targets)} examples the answers are no better than chance, so they do not determine a "
            "temperature"
        )
    return math.exp(result.x)
