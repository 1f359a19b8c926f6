"""Reliability, calibration error and temperature against worked examples and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.records import a_record

import zoo
from zoo.errors import DataError, OptionError
from zoo.evaluation import evaluate_scores, expected_calibration_error, fit_temperature, reliability
from zoo.evaluation.calibration import scaled


def test_calibration_error_of_a_worked_example() -> None:
    """Nine binary answers in five bins: M. Pavlovic, "Expected Calibration Error (ECE): a step-by-step visual
    explanation", 2023, who finds 0.10444; also by hand."""
    first = np.array([0.78, 0.36, 0.08, 0.58, 0.49, 0.85, 0.30, 0.63, 0.17])
    targets = np.array([0, 1, 0, 0, 0, 0, 1, 1, 1])
    table = reliability(np.stack([first, 1 - first], axis=1), targets, bins=5)
    assert [row.count for row in table] == [0, 0, 2, 4, 3]
    assert [row.accuracy for row in table[2:]] == pytest.approx([1 / 2, 3 / 4, 2 / 3])
    assert [row.confidence for row in table[2:]] == pytest.approx([1.09 / 2, 2.75 / 4, 2.60 / 3])
    by_hand = 2 / 9 * 0.045 + 4 / 9 * 0.0625 + 3 / 9 * 0.2
    assert expected_calibration_error(table) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(0.10444, abs=5e-6)
    assert math.isnan(table[0].accuracy)


def logits(n: int = 4000, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits and classes drawn from their softmax: perfectly calibrated."""
    random = np.random.default_rng(5)
    z = random.normal(0, 2, (n, classes))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return z, (p.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def test_the_table_against_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    z, targets = logits()
    found = evaluate_scores(softmax(z), targets)
    sure = found.scores.max(axis=1)
    accuracy, confidence = calibration_curve(found.right, sure, n_bins=15)
    filled = [row for row in found.reliability if row.count]
    assert len(found.reliability) == 15
    np.testing.assert_allclose([row.accuracy for row in filled], accuracy)
    np.testing.assert_allclose([row.confidence for row in filled], confidence)
    assert found.ece < 0.03  # calibrated as it was made
    assert found.to_dict()["reliability"][0] == {
        "low": 0,
        "high": 1 / 15,
        "count": 0,
        "confidence": None,
        "accuracy": None,
    }


def test_a_temperature_undoes_what_was_done() -> None:
    z, targets = logits()
    for factor in (3.0, 0.5):  # three times too sure, half as sure as it may be
        found = evaluate_scores(softmax(z * factor), targets)
        assert found.fit_temperature() == pytest.approx(factor, rel=0.05)
        losses = {
            t: evaluate_scores(softmax(z * factor / t), targets).log_loss for t in factor * np.linspace(0.8, 1.2, 21)
        }
        assert found.fit_temperature() == pytest.approx(min(losses, key=losses.__getitem__), rel=0.03)
        after = found.at_temperature(factor)
        np.testing.assert_allclose(after.scores, softmax(z), rtol=1e-9, atol=1e-12)
        assert after.accuracy == found.accuracy
        assert after.ece < found.ece
        assert after.notes[-1] == f"probabilities at temperature {factor:.4g}"
    told = found.calibrate()
    assert not told.held_out
    assert "optimistic" in repr(told)
    assert told.to_dict()["ece"] == [told.before.ece, told.after.ece]


def test_what_has_no_temperature() -> None:
    with pytest.raises(DataError, match="all 3 examples are right"):
        fit_temperature(np.eye(3), np.arange(3))
    with pytest.raises(DataError, match="these 2 examples the answers are no better than chance"):
        fit_temperature(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([1, 0]))
    for bad in (0, -1, math.inf, math.nan, True, "2"):
        with pytest.raises(OptionError, match="positive number"):
            scaled(np.eye(2), bad)  # type: ignore[arg-type]
    assert scaled(np.array([[1.0, 0.0]]), 2.0).tolist() == [[1.0, 0.0]]
    regression = evaluate_scores(np.zeros(3), np.zeros(3), task="regression")
    with pytest.raises(AttributeError, match="at_temperature is for a classification task"):
        regression.at_temperature(2.0)
    for validation in (None, regression):
        with pytest.raises(OptionError, match="a classifier with a validation split"):
            zoo.Run(a_record(), validation=validation).calibrate()
