"""The linear head of every kind of answer; scikit-learn as the reference."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.features.probe import linear, rows


def test_ridge_over_many_rows_is_scikit_learns(digits, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import Ridge

    values, targets = digits[0].astype(np.float32), np.stack([digits[1], digits[1] ** 2], axis=1).astype(np.float32)
    monkeypatch.setattr(linear, "_ROWS", 300)
    monkeypatch.setattr(rows, "BLOCK", 5000)
    monkeypatch.setattr(rows, "BLOCK_ROWS", 1)
    head = linear._ridge(values, targets, standardize=False)
    mean, variance = values.mean(axis=0), values.var(axis=0)
    x = (values - mean) / np.sqrt((variance + variance.mean()) * values.shape[1]) * np.sqrt(350)
    y = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    expected = Ridge(alpha=np.array(head.report["ridge_alpha"])).fit(x, y).predict(x)
    predicted = (values @ head.kernel + head.bias - targets.mean(axis=0)) / targets.std(axis=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-3)
    assert (np.abs(expected - y) < 1).mean() > 0.8
