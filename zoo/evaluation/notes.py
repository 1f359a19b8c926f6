"""What the reader of figures must know: too few examples, labels without any, scores that are no probabilities."""

from __future__ import annotations

import numpy as np

from zoo.errors import DataError
from zoo.evaluation.result import quoted
from zoo.evaluation.uncertainty import RESAMPLES

_TOO_WIDE = 0.10
"""An interval of the accuracy wider than this gets a note: the set is too small to compare models."""

_TOO_WIDE_SHARE = 0.20
"""The same for the mean absolute error, as a share of itself."""

_FEW = 30
"""With fewer examples the bootstrap is too narrow, whatever it says."""

_WORK = 50_000_000
"""Resamples times examples times labels, at most: seconds. There are never fewer than 200."""


def resamples(scores: np.ndarray) -> int:
    """Return how often to resample: as often as can be afforded."""
    return int(np.clip(_WORK // scores.size, 200, RESAMPLES))


def require_probabilities(scores: np.ndarray) -> None:
    """Check that scores are probabilities.

    Raises:
        DataError: they are not.
    """
    if scores.min() < 0 or scores.max() > 1 + 1e-6:
        raise DataError(
            f"scores must be probabilities 0..1; found {scores.min():.3g}..{scores.max():.3g}. Pass the model's "
            "probabilities, not its logits"
        )


def too_small(total: int, interval: tuple[float, float], figure: str) -> list[str]:
    """Return a note where the interval of a share is too wide to compare models."""
    low, high = interval
    if high - low <= _TOO_WIDE:
        return []
    return [
        f"only {total} examples: with 95 % confidence the {figure} lies between {low:.3f} and {high:.3f}, "
        "too wide to compare models that differ by less"
    ]


def too_small_for_errors(total: int, mae: float, interval: tuple[float, float]) -> list[str]:
    """Return a note where the interval of the mean absolute error is too wide to compare models."""
    low, high = interval
    if total >= _FEW and high - low <= _TOO_WIDE_SHARE * mae:
        return []
    if total < 2:
        return ["only 1 example: the figures have no interval"]
    few = ", and so few give an interval that is itself too narrow" if total < _FEW else ""
    return [
        f"only {total} examples: with 95 % confidence the mean absolute error lies between {low:.4g} and {high:.4g}, "
        f"too wide to compare models that differ by less{few}"
    ]


def without_examples(labels: tuple[str, ...], support: np.ndarray) -> list[str]:
    """Return a note that names labels without any example."""
    missing = [label for label, count in zip(labels, support, strict=True) if count == 0]
    if not missing:
        return []
    shown = ", ".join(quoted(label) for label in missing[:10]) + (", ..." if len(missing) > 10 else "")
    return [f"no examples of {len(missing)} of {len(labels)} labels ({shown}): means over labels leave them out"]
