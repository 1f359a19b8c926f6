"""Neighbors for free: nearest images, near-duplicates, suspected label errors, and a map, from cached features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.compose import BuildRequest, Composition, compose
from zoo.data.ranges import as_uint8
from zoo.errors import DataError, OptionError
from zoo.features.engines import forward
from zoo.features.extraction import Features, extract
from zoo.features.probe import out_of_fold
from zoo.features.scores import grouped_folds, unit_rows
from zoo.head_request import classifier
from zoo.scalars import check_whole
from zoo.table import Table
from zoo.tasks import of

_BLOCK = 1024
"""Rows of the matrix of similarities that are in memory at once."""


def neighbors(
    image: Any,
    data: Any,
    k: int = 9,
    backbone: str = "efficientnet_lite0",
    *,
    input_size: int | None = None,
    features: str | None = None,
    weights: Any = "pretrained",
    cache: bool = True,
    progress: Any = None,
) -> Table:
    """The images of a dataset that look most like one image: cosine of pooled features.

    Args:
        image: a path, an array (height, width, 3) with values 0..255, or a Pillow image. If it is in the data itself,
            it comes first, with a similarity of 1.
        data: as for `fit`; labels are not needed.
        k: how many.
        backbone: whose features.
        input_size: side of the input in px; default from the backbone.
        features: what is compared, as in `zoo.build`; default the pooled last feature map.
        weights: as in `zoo.build`.
        cache: whether the features of the data are looked up in the cache and kept there.
        progress: called with (images done, images in all).

    Returns:
        Rows `rank` (from 1), `id`, `label` (None without labels), `similarity` (cosine, -1..1), `index` in the data.

    Raises:
        DataError: not exactly one image; no image of the data can be read.
        OptionError: k is no positive number.
    """
    check_whole("k", k, least=1)
    images_given = list(data_room.images(image))
    if len(images_given) != 1:
        raise DataError(f"neighbors takes one image; {image!r} holds {len(images_given)}")
    dataset = data_room.load(data)
    composition, kept = _features(
        dataset, backbone, input_size=input_size, features=features, weights=weights, cache=cache, progress=progress
    )
    array = composition.intake.shape(as_uint8(images_given[0][1]))
    (query,) = forward(composition.features, iter([array[None]]), 32)
    similar = unit_rows(kept.values) @ unit_rows(query)[0]
    rows = []
    for rank, row in enumerate(np.argsort(-similar, kind="stable")[:k].tolist(), start=1):
        index = int(kept.positions[row])
        rows.append(
            {
                "rank": rank,
                "id": dataset.ids[index],
                "label": _label(dataset, index),
                "similarity": round(float(similar[row]), 4),
                "index": index,
            }
        )
    return Table(rows, columns=("rank", "id", "label", "similarity", "index"))


def near_duplicates(
    data: Any, backbone: str = "efficientnet_lite0", *, threshold: float = 0.97, most: int = 1000, **options: Any
) -> Table:
    """Pairs of images that look almost the same, copies of a file included; the most alike first.

    Args:
        data: as for `fit`; labels are not needed.
        backbone: whose features.
        threshold: least cosine of the pooled features, -1..1. What is alike enough depends on the data: look at the
            pairs, from the top, until they are no longer duplicates.
        most: pairs at most.
        **options: `input_size`, `features`, `weights`, `cache`, `progress` as for `neighbors`.

    Returns:
        Rows `first`, `second` (ids), `similarity`, `same_file` (byte for byte), `same_label` (None without labels).
    """
    dataset = data_room.load(data)
    _, kept = _features(dataset, backbone, **options)
    hashes = dataset.hashes()
    rows = []
    for a, b, similarity in similar_pairs(kept.values, threshold=threshold, most=most):
        first, second = int(kept.positions[a]), int(kept.positions[b])
        same = None if dataset.targets is None else bool(np.all(dataset.targets[first] == dataset.targets[second]))
        rows.append(
            {
                "first": dataset.ids[first],
                "second": dataset.ids[second],
                "similarity": round(similarity, 4),
                "same_file": hashes[first] == hashes[second],
                "same_label": same,
            }
        )
    return Table(rows, columns=("first", "second", "similarity", "same_file", "same_label"))


def suspected_labels(
    data: Any, backbone: str = "efficientnet_lite0", *, folds: int = 5, seed: int = 0, **options: Any
) -> Table:
    """Images whose label a probe that did not see them doubts; the most doubtful first.

    Args:
        data: as for `fit`; classes.
        backbone: whose features.
        folds: of the cross-validation; copies of a file stay in one fold.
        seed: of the folds.
        **options: as for `near_duplicates`.

    Returns:
        Rows `id`, `label`, `looks_like` (another class), `p_label` and `p_looks_like` (out-of-fold probabilities 0..1),
        `index`. A list to look through, no verdict: hard images are on it too.

    Raises:
        DataError: the data has no classes, or too few images.
    """
    dataset = data_room.load(data)
    data_room.check(dataset)
    if not of(dataset).one_class or dataset.targets is None:
        raise DataError(f"label errors are looked for in classes; {dataset.name} is data for {dataset.task}")
    probabilities, positions = unseen_probabilities(dataset, backbone, folds=folds, seed=seed, **options)
    targets = dataset.targets[positions]
    names = dataset.labels or tuple(str(number) for number in range(dataset.n_classes))
    rows = []
    for row, other in doubted_labels(probabilities, targets):
        index = int(positions[row])
        rows.append(
            {
                "id": dataset.ids[index],
                "label": names[targets[row]],
                "looks_like": names[other],
                "p_label": round(float(probabilities[row, targets[row]]), 4),
                "p_looks_like": round(float(probabilities[row, other]), 4),
                "index": index,
            }
        )
    return Table(rows, columns=("id", "label", "looks_like", "p_label", "p_looks_like", "index"))


def unseen_probabilities(
    dataset: data_room.Dataset, backbone: str, *, folds: int = 5, seed: int = 0, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """What a probe that did not see an image says of it: cross-validated, copies of a file in one fold.

    Args:
        dataset: classes.
        backbone: whose features.
        folds: of the cross-validation.
        seed: of the folds.
        **options: as for `near_duplicates`.

    Returns:
        (n, classes) probabilities 0..1, and int64 (n,), the index in the dataset of each row.
    """
    assert dataset.targets is not None
    _, kept = _features(dataset, backbone, **options)
    targets = dataset.targets[kept.positions]
    groups = np.array(dataset.hashes())[kept.positions]
    split = grouped_folds(targets, groups, folds, seed=seed)
    probabilities = out_of_fold(kept.values, targets, split, n_classes=dataset.n_classes).probabilities
    return probabilities, kept.positions


def feature_map(data: Any, backbone: str = "efficientnet_lite0", **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """A place in the plane for each image, so that images that look alike lie near one another.

    Args:
        data: as for `fit`; labels are not needed.
        backbone: whose features.
        **options: as for `near_duplicates`.

    Returns:
        float32 (n, 2), see `principal_map`; and int64 (n,), the index in the data of each row.
    """
    _, kept = _features(data_room.load(data), backbone, **options)
    return principal_map(kept.values), kept.positions


# -- on arrays: for the evaluation room, which has features already ---------------------------------------------------


def similar_pairs(values: np.ndarray, *, threshold: float, most: int = 1000) -> list[tuple[int, int, float]]:
    """Pairs of rows with a cosine of at least the threshold: (row, later row, cosine), the most alike first.

    Args:
        values: float (n, d).
        threshold: least cosine, -1..1.
        most: pairs at most.

    Raises:
        OptionError: the threshold is no cosine.
    """
    if not -1 <= threshold <= 1:
        raise OptionError(f"threshold={threshold!r} is a cosine: from -1 to 1")
    rows = unit_rows(values)
    best: list[tuple[int, int, float]] = []
    for start in range(0, len(rows), _BLOCK):
        similar = rows[start : start + _BLOCK] @ rows[start:].T
        later = np.triu(np.ones(similar.shape, bool), k=1)
        # Equal rows may come out a rounding error below 1.
        a, b = np.nonzero(later & (similar >= threshold - 1e-6))
        best += zip((a + start).tolist(), (b + start).tolist(), similar[a, b].tolist(), strict=True)
        best = sorted(best, key=lambda pair: (-pair[2], pair[0], pair[1]))[:most]
    return best


def doubted_labels(probabilities: np.ndarray, targets: np.ndarray) -> list[tuple[int, int]]:
    """Rows that probably belong to another class: (row, that class), the least probable label first.

    The rule of confident learning (Northcutt, Jiang and Chuang, JAIR 70 (2021), arXiv 1911.00068): the class other than
    the given one with the highest probability counts where it reaches the mean probability that the rows of that class
    have for it, and is above that of the given label.

    Args:
        probabilities: (n, k), of a model that did not see the row.
        targets: int64 (n,), the labels given.
    """
    classes = probabilities.shape[1]
    mean = np.array([probabilities[targets == c, c].mean() if (targets == c).any() else np.inf for c in range(classes)])
    given = probabilities[np.arange(len(targets)), targets]
    others = np.where(probabilities >= mean, probabilities, -np.inf)
    others[np.arange(len(targets)), targets] = -np.inf
    other = others.argmax(axis=1)
    doubted = np.flatnonzero(others.max(axis=1) > given)
    return [(int(row), int(other[row])) for row in doubted[np.argsort(given[doubted], kind="stable")]]


def principal_map(values: np.ndarray) -> np.ndarray:
    """The two directions in which features vary most (principal components of the rows divided by their length).

    Deterministic: the sign of an axis is such that its largest weight is positive. Distances in the plane are those
    of the features as far as two directions can hold them; nothing is stretched to look like clusters.

    Args:
        values: float (n, d), n at least 1.

    Returns:
        float32 (n, 2), centered; zeros where there is nothing to vary.
    """
    rows = unit_rows(values).astype(np.float64)
    rows -= rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    plane = np.zeros((len(rows), 2), np.float32)
    plane[:, : len(axes)] = rows @ axes.T
    return plane


# -- the features -----------------------------------------------------------------------------------------------------


def _features(
    dataset: data_room.Dataset,
    backbone: str,
    *,
    input_size: int | None = None,
    features: str | None = None,
    weights: Any = "pretrained",
    cache: bool = True,
    progress: Any = None,
) -> tuple[Composition, Features]:
    """The base as `zoo.build` wires it under a head (whose labels do not matter), and its output for every image."""
    placeholder: Sequence[str] = ("a", "b")
    composition, _ = compose(
        BuildRequest(backbone, classifier(placeholder), weights=weights, features=features, input_size=input_size)
    )
    return composition, of_every_image(composition, dataset, cache=cache, progress=progress)


def of_every_image(
    composition: Composition, dataset: data_room.Dataset, *, cache: bool = True, progress: Any = None
) -> Features:
    """Features of all images that can be read.

    Raises:
        DataError: none can.
    """
    features = extract(
        composition.features,
        dataset,
        np.arange(len(dataset)),
        intake=composition.intake,
        progress=progress,
        cache=cache,
    )
    if not len(features):
        raise DataError(f"none of the {len(dataset)} images of {dataset.name} could be read")
    return features


def _label(dataset: data_room.Dataset, index: int) -> str | None:
    if dataset.targets is None or not of(dataset).one_class:
        return None
    number = int(dataset.targets[index])
    return dataset.labels[number] if dataset.labels else str(number)
