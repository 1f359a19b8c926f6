"""Arithmetic on probabilities that several tasks and their evaluations share."""

from __future__ import annotations

import numpy as np


def normalized(scores: np.ndarray) -> np.ndarray:
    """Return rows that add up to 1 in float64: float32 rounding is not the model's error."""
    return scores / scores.sum(axis=1, keepdims=True)


def clipped(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities away from 0 and 1 by the rounding of float64, as scikit-learn's log_loss does."""
    tiny = np.finfo(np.float64).eps
    return np.clip(probabilities, tiny, 1 - tiny)


def binary_log_loss(scores: np.ndarray, present: np.ndarray) -> float:
    """Return the mean binary cross-entropy in nats.

    Args:
        scores: probabilities (n, k).
        present: bool (n, k).
    """
    p = clipped(scores)
    return float(-np.where(present, np.log(p), np.log1p(-p)).mean())
