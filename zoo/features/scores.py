"""How well features fit labels, without training a network: leave-one-out neighbors, LogME, H-score; and the folds."""

from __future__ import annotations

import numpy as np

from zoo.errors import DataError

_BLOCK = 1024
"""Rows of the matrix of similarities that are in memory at once."""


def grouped_folds(targets: np.ndarray, groups: np.ndarray, folds: int, *, seed: int = 0) -> np.ndarray:
    """A fold 0..folds-1 for each row: stratified by class, rows of a group (copies of an image) in the same one.

    Args:
        targets: int64 (n,), class indices.
        groups: (n,), equal for rows that must stay together.
        folds: how many.
        seed: of the shuffle.
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    # Positions, not groups, are shuffled: what groups are called does not matter.
    leaders = np.random.default_rng(seed).permutation(np.sort(first))
    # Dealt out like cards, one class after the other: every fold gets its share of every class, and folds are even.
    leaders = leaders[np.argsort(targets[leaders], kind="stable")]
    fold_of_group = np.empty(len(first), np.int64)
    fold_of_group[group[leaders]] = np.arange(len(leaders)) % folds
    return fold_of_group[group]


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Rows (n, d) divided by their length, float32: dot products are cosines. A row of zeros stays zero."""
    values = np.asarray(values, np.float32)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(lengths > 0, lengths, 1)


def knn_predictions(
    values: np.ndarray, targets: np.ndarray, groups: np.ndarray, *, k: int = 5, n_classes: int
) -> np.ndarray:
    """The class that the k nearest other images vote for, weighted by cosine; leave-one-out, so every image is judged.

    Args:
        values: float (n, d).
        targets: int64 (n,), class indices.
        groups: (n,), equal for copies of an image, which do not vote for one another.
        k: how many vote.
        n_classes: number of classes.

    Returns:
        int64 (n,).
    """
    rows = unit_rows(values)
    _, group = np.unique(groups, return_inverse=True)
    k = min(k, len(rows) - 1)
    if k < 1:
        raise DataError(f"neighbors need at least two images; there are {len(rows)}")
    predicted = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), _BLOCK):
        similar = rows[start : start + _BLOCK] @ rows.T
        similar[group[start : start + _BLOCK, None] == group[None, :]] = -np.inf
        nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        cosine = np.take_along_axis(similar, nearest, axis=1)
        weight = np.where(np.isfinite(cosine), 1 + cosine, 0)  # 0..2: never against a class
        votes = np.zeros((len(similar), n_classes))
        np.add.at(votes, (np.arange(len(similar))[:, None], targets[nearest]), weight)
        predicted[start : start + _BLOCK] = votes.argmax(axis=1)
    return predicted


_LOGME_ROUNDS = 200


def logme(values: np.ndarray, targets: np.ndarray) -> float:
    """LogME: the log evidence of a Bayesian linear model for each one-hot class, a row, averaged over classes.

    You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021,
    arXiv 2102.11005. With weights w ~ N(0, I / alpha) and y ~ N(F w, I / beta):

        L = D/2 log alpha + N/2 log beta - beta/2 |F m - y|^2 - alpha/2 |m|^2 - 1/2 log |alpha I + beta F'F|
            - N/2 log 2 pi,    m = beta (alpha I + beta F'F)^-1 F'y

    maximized over alpha and beta by their fixed point: gamma = sum beta s / (alpha + beta s) over the
    eigenvalues s of F'F, alpha = gamma / |m|^2, beta = (N - gamma) / |F m - y|^2. Higher is better; not an accuracy,
    and hardly comparable between widths of features.

    Args:
        values: float (n, d), as they come (neither centered nor scaled, as in the authors' code).
        targets: int64 (n,), class indices; a class without rows does not count.

    Returns:
        Nats per row.
    """
    features = np.asarray(values, np.float64)
    n, d = features.shape
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    squares = s**2
    tiny = np.finfo(np.float64).tiny
    scores = []
    for label in np.unique(targets):
        y = (targets == label).astype(np.float64)
        along = (u.T @ y) ** 2
        beyond = max(float(y @ y - along.sum()), 0.0)  # of y outside the span of the features
        alpha = beta = 1.0
        for _ in range(_LOGME_ROUNDS):
            ratio = alpha / beta
            gamma = (squares / (squares + ratio)).sum()
            length = (squares * along / (squares + ratio) ** 2).sum()
            residual = (along * (ratio / (squares + ratio)) ** 2).sum() + beyond
            # Bounds keep a class that is fitted exactly, or not at all, from running away.
            alpha = float(np.clip(gamma / max(length, tiny), 1e-10, 1e10))
            beta = float(np.clip((n - gamma) / max(residual, tiny), 1e-10, 1e10))
            if abs(alpha / beta - ratio) <= 1e-9 * ratio:
                break
        ratio = alpha / beta
        length = (squares * along / (squares + ratio) ** 2).sum()
        residual = (along * (ratio / (squares + ratio)) ** 2).sum() + beyond
        determinant = np.log(alpha + beta * squares).sum() + (d - len(squares)) * np.log(alpha)
        evidence = d * np.log(alpha) + n * np.log(beta) - beta * residual - alpha * length - determinant
        scores.append((evidence - n * np.log(2 * np.pi)) / (2 * n))
    return float(np.mean(scores))


def hscore(values: np.ndarray, targets: np.ndarray) -> float:
    """The H-score with a shrunken covariance: how much of the features' variance lies between classes.

    Ibrahim, Ponomareva and Mazumder, "Newer is not always better: Rethinking transferability metrics, their
    peculiarities, stability and performance", arXiv 2110.06893:

        H = tr(S_a^-1 (1 - a) B),    S_a = (1 - a) S + a tr(S)/d I,

    S the covariance of the features, B that of their class means (a row each), a by Ledoit and Wolf, "A
    well-conditioned estimator for large-dimensional covariance matrices", J. Multivariate Analysis 88 (2004) 365-411.
    Higher is better; at most the number of classes - 1.

    Args:
        values: float (n, d).
        targets: int64 (n,), class indices.
    """
    from scipy.linalg import solve
    from sklearn.covariance import ledoit_wolf

    features = np.asarray(values, np.float64)
    features = features - features.mean(axis=0)
    if not features.any():
        return 0.0
    covariance, shrinkage = ledoit_wolf(features, assume_centered=True)
    labels, counts = np.unique(targets, return_counts=True)
    means = np.stack([features[targets == label].mean(axis=0) for label in labels])
    weighted = means * np.sqrt(counts / len(features))[:, None]  # B = weighted' weighted
    return float((1 - shrinkage) * (weighted.T * solve(covariance, weighted.T, assume_a="pos")).sum())
