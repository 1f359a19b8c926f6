"""The yardstick: logistic regression on raw values, what a model has to beat to be worth its base."""

from __future__ import annotations

import numpy as np

from zoo.data import Dataset, batches
from zoo.data.modalities import kind_of
from zoo.errors import DataError
from zoo.specs import ResizeRule

_LARGEST = 32
_RULE = ResizeRule(mode="stretch", interpolation="bilinear")


def raw_baseline(
    dataset: Dataset, train: np.ndarray, test: np.ndarray, *, size: int | None = None, seed: int = 0
) -> float:
    """Accuracy of logistic regression on raw values, regularized by cross-validation.

    Args:
        dataset: labeled images of a classification.
        train: int64 indices to fit on.
        test: int64 indices to measure on.
        size: side in px that images are brought to; None: the side of the first image, at most 32.
        seed: decides the folds.

    Returns:
        Share of the test images that is right, 0..1. Images that cannot be read are left out.

    Raises:
        DataError: no labels, nothing to fit or to measure on.
    """
    from zoo.features.probe import fit_probe  # the room of features brings Keras; measuring alone does without

    if dataset.targets is None or dataset.targets.ndim != 1:
        raise DataError(f"{dataset.name} has no class of its own for each image: the raw baseline needs one")
    if not len(train) or not len(test):
        raise DataError(f"the raw baseline needs images to fit and to measure on; got {len(train)} and {len(test)}")
    size = size or _usual_size(dataset, train)
    fitted, fitted_targets = raw_rows(dataset, dataset.targets, train, size)
    measured, measured_targets = raw_rows(dataset, dataset.targets, test, size)
    classes = max(len(dataset.labels), int(dataset.targets.max()) + 1)
    probe = fit_probe(fitted, fitted_targets, n_classes=classes, seed=seed)
    return float((probe.scores(measured).argmax(axis=1) == measured_targets).mean())


def _usual_size(dataset: Dataset, indices: np.ndarray) -> int:
    return int(min(_LARGEST, *dataset.image(int(indices[0])).shape[:2]))


def raw_rows(
    dataset: Dataset, targets: np.ndarray, indices: np.ndarray, size: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Flat values 0..1, float32 (n, size * size * channels), and the class of each row; `size` as for the baseline."""
    size = size or _usual_size(dataset, indices)
    intake = kind_of(dataset.modality).fit((), {"size": size, "rule": _RULE})
    read = list(batches(dataset, indices, intake=intake, on_skip=lambda name, reason: None))
    if not read:
        raise DataError(f"none of {len(indices)} images of {dataset.name} could be read")
    values = np.concatenate([batch.arrays for batch in read])
    positions = np.concatenate([batch.positions for batch in read])
    return values.reshape(len(values), -1).astype(np.float32) / 255, targets[positions]
