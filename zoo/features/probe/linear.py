"""The best linear head on fixed features, for every kind of answer: logistic regression, one a label, or ridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import DataError
from zoo.features.probe.inputs import ClassWeight
from zoo.features.probe.probing import fit_probe
from zoo.features.probe.rows import Matrix, blocks
from zoo.specs import Output
from zoo.tasks import of, parts

_ALPHAS = tuple(10.0 ** (step / 2) for step in range(-6, 11))
"""Strengths of ridge that are compared, for features whose variances add up to the number of rows: 0.001 to 1e5."""

_ROWS = 20_000
"""Rows used to choose the strength at most: beyond that the choice no longer changes."""


@dataclass(frozen=True)
class LinearHead:
    """A solved linear head: `values @ kernel + bias` is what a Dense layer gives.

    Attributes:
        kernel: float32 (d, columns).
        bias: float32 (columns,).
        report: what was chosen and found, JSON-ready.
    """

    kernel: np.ndarray
    bias: np.ndarray
    report: dict[str, Any]


def fit_linear(
    values: Matrix,
    targets: np.ndarray,
    outputs: Sequence[Output],
    *,
    width: int,
    seed: int = 0,
    class_weight: ClassWeight = None,
    views: int = 1,
) -> LinearHead:
    """Solve the linear head of one or several answers.

    Args:
        values: float32 (views * n, d), finite; in memory or on disk; view after view, the plain images first.
        targets: as `zoo.tasks.parts` takes them apart.
        outputs: the answers, in the order of the columns.
        width: columns of the head (a single answer may have no labels yet).
        seed: of the folds.
        class_weight: as for `fit_probe`; for a single classification only.
        views: how often each image is there; each row weighs 1 / views.

    Returns:
        Kernel and bias over all columns. Those of a regression give standardized targets (mean 0, deviation 1).
    """
    solved = []
    for output, _, true in parts(outputs, None, targets):
        columns = output.width or width
        task = of(output)
        if task.probe == "softmax":
            probe = fit_probe(values, true, n_classes=columns, seed=seed, class_weight=class_weight, views=views)
            solved.append(LinearHead(probe.kernel, probe.bias, _report(probe)))
        elif task.probe == "sigmoid":
            solved.append(_one_by_one(values, true, output, seed, views))
        else:
            solved.append(_ridge(values, true, standardize=task.in_units, views=views))
    if len(solved) == 1:
        return solved[0]
    return LinearHead(
        np.concatenate([part.kernel for part in solved], axis=1),
        np.concatenate([part.bias for part in solved]),
        {output.name: part.report for output, part in zip(outputs, solved, strict=True)},
    )


def _report(probe: Any) -> dict[str, Any]:
    checked = None if np.isnan(probe.cv_accuracy) else probe.cv_accuracy  # too few examples to cross-validate
    return {"regularization_C": probe.c, "cross_validated_accuracy": checked}


def _one_by_one(values: Matrix, targets: np.ndarray, output: Output, seed: int, views: int) -> LinearHead:
    """One logistic regression a label: present or not, each with its own regularization."""
    kernels, biases = [], []
    chosen: dict[str, float | None] = {}
    for index, label in enumerate(output.labels):
        present = targets[:, index].astype(np.int64)
        if present.min() == present.max():
            # Nothing to separate: the probability by the rule of succession, whatever the picture.
            share = (present.sum() + 1) / (len(present) + 2)
            kernels.append(np.zeros(values.shape[1], np.float32))
            biases.append(np.float32(np.log(share / (1 - share))))
            chosen[label] = None
            continue
        probe = fit_probe(values, present, n_classes=2, seed=seed, views=views)
        kernels.append(probe.kernel[:, 1] - probe.kernel[:, 0])
        biases.append(probe.bias[1] - probe.bias[0])
        chosen[label] = probe.c
    return LinearHead(np.stack(kernels, axis=1), np.array(biases, np.float32), {"regularization_C": chosen})


def _ridge(values: Matrix, targets: np.ndarray, *, standardize: bool, views: int = 1) -> LinearHead:
    """Ridge regression, its strength chosen for each value by leave-one-out error (Golub, Heath and Wahba 1979).

    The plain images decide the strength. Features are centered and divided as for the logistic probe: by the root of
    their own and the mean variance.
    """
    from sklearn.linear_model import RidgeCV

    n = len(targets)
    if n < 3:
        raise DataError(f"a regression needs at least three training examples; there are {n}")
    mean = sum(block.sum(axis=0, dtype=np.float64) for _, block in blocks(values)) / len(values)
    variance = sum(((block - mean) ** 2).sum(axis=0) for _, block in blocks(values)) / len(values)
    scale = np.sqrt(variance + variance.mean()) * np.sqrt(max(values.shape[1], 1))
    scale = np.where(scale > 0, scale, 1.0) / np.sqrt(n / 2)
    middle = targets.mean(axis=0, dtype=np.float64)
    unit = targets.std(axis=0, dtype=np.float64)
    unit = np.where(unit > 0, unit, 1.0)
    y = (targets - middle) / unit
    rows = np.linspace(0, n - 1, min(n, _ROWS)).astype(int)
    search = RidgeCV(alphas=_ALPHAS, alpha_per_target=y.shape[1] > 1, fit_intercept=True)
    search.fit((values[rows] - mean) / scale, y[rows])
    alphas = np.broadcast_to(search.alpha_, y.shape[1])
    if len(rows) == len(values):
        coefficients, intercept = search.coef_.reshape(y.shape[1], -1), np.reshape(search.intercept_, -1)
    else:
        every = np.tile(y, (views, 1))  # rows that weigh 1 / views: as many times the strength
        coefficients, intercept = _normal_equations(values, every, mean, scale, alphas * views), np.zeros(y.shape[1])
    kernel = coefficients.T / scale[:, None]
    bias = intercept - mean @ kernel
    if not standardize:
        kernel, bias = kernel * unit, bias * unit + middle
    return LinearHead(kernel.astype(np.float32), bias.astype(np.float32), {"ridge_alpha": alphas.tolist()})


def _normal_equations(
    values: Matrix, y: np.ndarray, mean: np.ndarray, scale: np.ndarray, alphas: np.ndarray
) -> np.ndarray:
    """(values, features) coefficients of ridge on centered targets, from sums over blocks of rows."""
    d = values.shape[1]
    gram, moment = np.zeros((d, d)), np.zeros((d, y.shape[1]))
    for where, block in blocks(values):
        x = (block - mean) / scale
        gram += x.T @ x
        moment += x.T @ y[where]
    return np.stack([np.linalg.solve(gram + alpha * np.eye(d), moment[:, index]) for index, alpha in enumerate(alphas)])
