"""Scores of features against their published formulas, computed another way; folds; neighbors."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import DataError
from zoo.features.probe import out_of_fold
from zoo.features.scores import grouped_folds, hscore, knn_predictions, logme


def blobs(n: int, d: int, classes: int, seed: int, apart: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    targets = np.arange(n) % classes
    return (apart * random.normal(size=(classes, d))[targets] + random.normal(size=(n, d))), targets


@pytest.mark.parametrize(("n", "d"), [(40, 6), (25, 40)])
def test_logme_is_the_greatest_evidence(n: int, d: int) -> None:
    """By brute force: the density of y ~ N(0, I / beta + F F' / alpha), maximized over alpha and beta."""
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    values, targets = blobs(n, d, 3, seed=n, apart=0.7)
    found = []
    for label in range(3):
        y = (targets == label).astype(float)

        def loss(logs: np.ndarray, y: np.ndarray = y) -> float:
            alpha, beta = np.exp(np.clip(logs, -20, 20))
            return -multivariate_normal(np.zeros(n), np.eye(n) / beta + values @ values.T / alpha).logpdf(y) / n

        tries = [
            minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
            for start in ([0.0, 0.0], [3.0, 3.0], [3.0, 0.0])
        ]
        found.append(-min(result.fun for result in tries))
    assert logme(values, targets) == pytest.approx(np.mean(found), abs=1e-6)


@pytest.mark.parametrize(("n", "d"), [(60, 5), (20, 30)])
def test_hscore_is_its_formula(n: int, d: int) -> None:
    values, targets = blobs(n, d, 3, seed=d)
    centered = values - values.mean(axis=0)
    s = centered.T @ centered / n
    mu = np.trace(s) / d
    # d2 and b2 of Ledoit and Wolf 2004.
    d2 = ((s - mu * np.eye(d)) ** 2).sum()
    b2 = min(sum(((np.outer(x, x) - s) ** 2).sum() for x in centered) / n**2, d2)
    a = b2 / d2
    means = np.stack([centered[targets == label].mean(axis=0) for label in targets])
    between = means.T @ means / n
    expected = np.trace(np.linalg.inv((1 - a) * s + a * mu * np.eye(d)) @ ((1 - a) * between))
    assert 0 < a < 1
    assert hscore(values, targets) == pytest.approx(expected, rel=1e-9)
    assert hscore(values, targets) <= 2


def test_scores_prefer_features_that_separate() -> None:
    far, targets = blobs(120, 8, 3, seed=0, apart=2)
    near, _ = blobs(120, 8, 3, seed=0, apart=0.2)
    assert logme(far, targets) > logme(near, targets)
    assert hscore(far, targets) > hscore(near, targets)
    assert hscore(np.ones((9, 4)), np.arange(9) % 3) == 0
    assert np.isfinite(logme(np.zeros((9, 4)), np.arange(9) % 3))
    assert np.isfinite(logme(np.eye(9), np.arange(9) % 3))


def test_folds_are_stratified_and_keep_copies_together() -> None:
    random = np.random.default_rng(1)
    targets = np.repeat([0, 1, 2], [50, 30, 20])
    groups = np.array([f"g{index // 2}" if index < 40 else f"h{index}" for index in range(100)])
    shuffled = random.permutation(100)
    folds = grouped_folds(targets[shuffled], groups[shuffled], 5, seed=3)
    assert set(folds) == set(range(5))
    for group in np.unique(groups):
        assert len(set(folds[groups[shuffled] == group])) == 1
    counts = np.array([np.bincount(folds[targets[shuffled] == label], minlength=5) for label in range(3)])
    assert (counts[1:].max(axis=1) - counts[1:].min(axis=1) <= 1).all()
    # What groups are called does not matter, nor does the hash seed of the process.
    np.testing.assert_array_equal(
        folds, grouped_folds(targets[shuffled], np.char.add("x", groups[shuffled])[:], 5, seed=3)
    )
    assert (folds != grouped_folds(targets[shuffled], groups[shuffled], 5, seed=4)).any()


def test_neighbors_vote_without_the_image_and_its_copies() -> None:
    values, targets = blobs(60, 8, 3, seed=0, apart=4)
    groups = np.arange(60)
    assert (knn_predictions(values, targets, groups, n_classes=3) == targets).mean() > 0.95
    # Pairs of copies with a random label: with the copy voting it would be right always.
    twice, labels = (
        np.repeat(np.random.default_rng(0).normal(size=(100, 8)), 2, axis=0),
        np.repeat(np.random.default_rng(1).integers(0, 4, 100), 2),
    )
    copies = knn_predictions(twice, labels, np.repeat(np.arange(100), 2), k=1, n_classes=4)
    assert (copies == labels).mean() < 0.45
    assert (knn_predictions(twice, labels, np.arange(200), k=1, n_classes=4) == labels).all()
    with pytest.raises(DataError, match="at least two"):
        knn_predictions(values[:1], targets[:1], groups[:1], n_classes=3)


def test_out_of_fold_probabilities_are_those_of_probes_that_did_not_see_the_row() -> None:
    values, targets = blobs(90, 12, 3, seed=5, apart=1)
    values = values.astype(np.float32)
    folds = grouped_folds(targets, np.arange(90), 3)
    found = out_of_fold(values, targets, folds, n_classes=4)
    assert found.probabilities.shape == (90, 4)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (found.probabilities.argmax(axis=1) == targets).mean() > 0.7
    # With labels that mean nothing it is at chance: nothing leaks.
    noise = np.random.default_rng(0).permutation(targets)
    wide = np.random.default_rng(1).normal(size=(90, 200)).astype(np.float32)
    assert (out_of_fold(wide, noise, folds, n_classes=3).probabilities.argmax(axis=1) == noise).mean() < 0.5
    from sklearn.linear_model import LogisticRegression

    from zoo.features.probe.axes import rotate

    single = out_of_fold(values, targets, folds, n_classes=3, cs=[1.0])
    rows = rotate(values).rows.part(np.arange(len(values)))
    for fold in range(3):
        model = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(rows[folds != fold], targets[folds != fold])
        np.testing.assert_allclose(
            single.probabilities[folds == fold], model.predict_proba(rows[folds == fold]), atol=0.02
        )
    with pytest.raises(DataError, match="two folds"):
        out_of_fold(values, targets, np.zeros(90, int), n_classes=3)
