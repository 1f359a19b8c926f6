"""What a network of tables has to be compared with: a linear model and gradient-boosted trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from zoo_tables.intake import TableIntake

LINEAR = "linear model"
TREES = "boosted trees"

_BINS = 254
"""Categories that the trees can tell apart in one column; those of the most rows are kept."""

_ROUNDS = 600
"""Trees in a row."""


def fitted(
    intake: TableIntake, arrays: np.ndarray, targets: np.ndarray, task: str, seed: int
) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Yield each yardstick and what it answers.

    Args:
        intake: of the rows.
        arrays: float32 (n, d), the rows that are trained on.
        targets: int64 (n,) classes, or float32 (n, k) values.
        task: "classification" or "regression"; there is no yardstick for others.
        seed: of the trees.

    Yields:
        Its name; and a function from arrays (m, d) to scores (m, columns): probabilities or values.
    """
    if task not in ("classification", "regression"):
        return
    classes = task == "classification"
    if classes and len(np.unique(targets)) < 2:
        return
    yield LINEAR, _linear(intake, arrays, targets, classes=classes)
    yield TREES, _trees(intake, arrays, targets, seed, classes=classes)


def _linear(
    intake: TableIntake, arrays: np.ndarray, targets: np.ndarray, *, classes: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge or logistic regression on standardized numbers and a column of 0 and 1 for each category."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    places, first = list(range(arrays.shape[1])), intake.plain_width if intake.columns else arrays.shape[1]
    plain, codes = places[:first], places[first:]
    columns = make_column_transformer((StandardScaler(), plain), (OneHotEncoder(handle_unknown="ignore"), codes))
    model: Any = LogisticRegression(max_iter=1000) if classes else RidgeCV(alphas=(0.1, 1.0, 10.0, 100.0), cv=3)
    line = make_pipeline(columns, model).fit(arrays, targets)
    return lambda rows: _scores(line, rows, targets, classes=classes)


def _trees(
    intake: TableIntake, arrays: np.ndarray, targets: np.ndarray, seed: int, *, classes: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """HistGradientBoosting of scikit-learn, a category of its own for each code that has the rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.multioutput import MultiOutputRegressor
    from threadpoolctl import threadpool_limits

    first = intake.plain_width if intake.columns else arrays.shape[1]
    tables = [_frequent(arrays[:, place]) for place in range(first, arrays.shape[1])]

    def binned(rows: np.ndarray) -> np.ndarray:
        codes = rows.copy()
        for place, table in enumerate(tables, first):
            codes[:, place] = table[np.minimum(rows[:, place].astype(np.int64), len(table) - 1)]
        return codes

    options: dict[str, Any] = {
        "max_iter": _ROUNDS,
        "categorical_features": list(range(first, arrays.shape[1])),
        "random_state": seed,
        "early_stopping": True,
    }
    model: Any = (
        HistGradientBoostingClassifier(**options)
        if classes
        else MultiOutputRegressor(HistGradientBoostingRegressor(**options))
    )
    # One thread: several wait for each other at every split, and on a machine that is busy for very long.
    with threadpool_limits(1):
        model.fit(binned(arrays), targets)
    return lambda rows: _scores(model, binned(rows), targets, classes=classes)


def _frequent(codes: np.ndarray) -> np.ndarray:
    """Code -> code of the trees: the most frequent ones from 1, 0 for all others, those not seen too."""
    values, counts = np.unique(codes.astype(np.int64), return_counts=True)
    kept = np.sort(values[np.argsort(-counts, kind="stable")[: _BINS - 1]])
    table = np.zeros(int(values.max()) + 2, np.int64)
    table[kept] = np.arange(1, len(kept) + 1)
    return table


def _scores(model: Any, rows: np.ndarray, targets: np.ndarray, *, classes: bool) -> np.ndarray:
    if not classes:
        return np.asarray(model.predict(rows), np.float64).reshape(len(rows), -1)
    scores = np.zeros((len(rows), int(targets.max()) + 1))
    scores[:, model.classes_] = model.predict_proba(rows)
    return scores
