"""How C is chosen: folds, the rule among equals, the end of the path; scikit-learn as the reference."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.features.probe import fit_probe
from zoo.features.probe.cross_validation import choose, fold_numbers, turned
from zoo.features.probe.inputs import PATH


def test_choice_of_c(digits) -> None:
    values, targets = digits
    probe = fit_probe(values[:500], targets[:500], n_classes=10)
    cs = [candidate.c for candidate in probe.candidates]
    assert cs == sorted(cs)
    assert len(cs) < len(PATH)  # the path ended where the loss had turned
    losses = {candidate.c: candidate.log_loss for candidate in probe.candidates}
    assert losses[probe.c] == probe.cv_log_loss < min(losses.values()) + 0.02
    assert losses[probe.c] < losses[0.1] / 2
    held_out = (probe.scores(values[500:]).argmax(axis=1) == targets[500:]).mean()
    assert probe.cv_accuracy == pytest.approx(held_out, abs=0.05)
    assert held_out > 0.9


def test_given_cs_are_the_ones_compared(digits) -> None:
    probe = fit_probe(*digits, n_classes=10, cs=[1000.0, 1.0, 1.0])
    assert [candidate.c for candidate in probe.candidates] == [1.0, 1000.0]
    assert probe.c == 1000.0
    assert probe.candidates[1].log_loss < probe.candidates[0].log_loss


def test_cross_validation_agrees_with_scikit_learn(digits) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_validate

    values, targets = digits
    probe = fit_probe(values, targets, n_classes=10, cs=[10.0], seed=5)
    x = (values - values.mean(axis=0)) / probe.scale
    scores = cross_validate(
        LogisticRegression(C=10.0, tol=1e-6, max_iter=20_000),
        x,
        targets,
        cv=PredefinedSplit(fold_numbers(values, targets, seed=5)),
        scoring=["accuracy", "neg_log_loss"],
    )
    assert probe.cv_accuracy == pytest.approx(scores["test_accuracy"].mean(), abs=0.005)
    # Folds are solved to 0.3 % of F only.
    assert probe.cv_log_loss == pytest.approx(-scores["test_neg_log_loss"].mean(), rel=0.03)


def test_of_equals_the_usual_c_is_taken() -> None:
    # Four rows left out; C = 10 has the lowest mean, 1. The differences of C = 100 from it are 3, -1, 1, -1: mean 0.5,
    # standard deviation 1.66, standard error 0.83: not to be told apart. With 4 more they are.
    losses = np.array([[5.0, 5, 5, 5], [0, 2, 0, 2], [3, 1, 1, 1], [9, 9, 9, 9]])
    assert choose([1.0, 10.0, 100.0, 1000.0], losses) == 2
    losses[2] += 4
    assert choose([1.0, 10.0, 100.0, 1000.0], losses) == 1


def test_the_path_ends_where_nothing_more_is_gained() -> None:
    assert not turned([2.0, 1.0])
    assert not turned([2.0, 1.0, 0.5])
    assert not turned([1.0, 1.1, 0.9])  # one step up is not a turn
    assert turned([1.0, 1.1, 1.2])
    assert turned([1.0, 0.9999, 0.9995])
    assert turned([2e-4, 1.6e-4, 1.5e-4])  # classes that never touch: the loss falls for ever


def test_same_rows_never_straddle_folds() -> None:
    """Every row twice, labels at random: a probe that has seen the twin would be right half of the time or more."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(120, 40)).astype(np.float32), 2, axis=0)
    targets = np.repeat(rng.integers(0, 4, 120), 2)
    probe = fit_probe(values, targets, n_classes=4)
    assert probe.cv_accuracy < 0.4
    number = fold_numbers(values, targets, seed=3)
    assert (number[::2] == number[1::2]).all()


def test_folds_are_stratified_and_even(digits) -> None:
    values, targets = digits
    number = fold_numbers(values, targets, seed=0)
    assert np.ptp(np.bincount(number)) <= 1
    for label in range(10):
        assert np.ptp(np.bincount(number[targets == label], minlength=3)) <= 1
    assert (number != fold_numbers(values, targets, seed=1)).any()
