"""Looks before training: probe, neighbors and raw values on some of the training images, from features at hand."""

from __future__ import annotations

import numpy as np

from zoo.data import Dataset
from zoo.data.modalities import has_pictures
from zoo.evaluation.baseline import raw_rows
from zoo.evaluation.uncertainty import wilson
from zoo.training.recipes.auto import Share

_MOST = 600
"""Images looked at: the interval of an accuracy is then at most 8 points wide, and looking takes seconds."""

_FOLDS = 5


def sample(dataset: Dataset, train: np.ndarray, *, seed: int) -> np.ndarray:
    """At most 600 of the training images, each class with its share: sorted int64 indices of the dataset."""
    assert dataset.targets is not None
    train = np.random.default_rng(seed).permutation(train)
    if len(train) <= _MOST:
        return np.sort(train)
    ordered = train[np.argsort(dataset.targets[train], kind="stable")]
    return np.sort(ordered[np.linspace(0, len(ordered) - 1, _MOST).astype(np.int64)])


def look(
    dataset: Dataset, values: np.ndarray, indices: np.ndarray, *, n_classes: int, seed: int
) -> dict[str, Share] | None:
    """Accuracy of a linear probe, of the nearest neighbors, and of a probe on raw values.

    Args:
        dataset: labeled images of a classification.
        values: float32 (n, d), features of the images.
        indices: int64 (n,), which images of the dataset they are; training images only.
        n_classes: number of classes.
        seed: of the folds.

    Returns:
        "probe" and, of pictures, "raw", cross-validated in the same 5 folds, "knn" leave-one-out, copies of an image
        together; None where a class has fewer different images than folds.
    """
    from zoo.features.probe import out_of_fold  # these bring Keras; measuring alone does without
    from zoo.features.scores import grouped_folds, knn_predictions

    assert dataset.targets is not None
    targets, groups = dataset.targets[indices], np.array(dataset.hashes())[indices]
    different = [len(set(groups[targets == label])) for label in np.unique(targets)]
    if len(different) < 2 or min(different) < _FOLDS:
        return None
    folds = grouped_folds(targets, groups, _FOLDS, seed=seed)
    answers = {
        "probe": out_of_fold(values, targets, folds, n_classes=n_classes).probabilities.argmax(axis=1),
        "knn": knn_predictions(values, targets, groups, n_classes=n_classes),
    }
    if has_pictures(dataset.modality):
        values, truth = raw_rows(dataset, dataset.targets, indices)
        assert len(truth) == len(targets)  # all of them were decoded for the features
        answers["raw"] = out_of_fold(values, targets, folds, n_classes=n_classes).probabilities.argmax(axis=1)
    return {name: _share(int((answer == targets).sum()), len(targets)) for name, answer in answers.items()}


def _share(right: int, total: int) -> Share:
    return Share(right / total, *wilson(right, total))
