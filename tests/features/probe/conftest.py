"""Data that several tests of the probe work on."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Raw pixels of 700 real digits of all writers: (700, 64), three of the features constant."""
    from sklearn.datasets import load_digits

    source = load_digits()
    chosen = np.random.default_rng(0).permutation(1797)[:700]
    return source.data[chosen].astype(np.float32), source.target[chosen]
