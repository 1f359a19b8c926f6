"""Mixup, cutmix and label smoothing: batches of blended examples, whose targets are shares of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo.specs import PhaseSpec

Blend = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, ...]]
"""(values, targets, epoch, number of the batch) -> values, shares (n, classes), and weights (n,) if there are any."""


def mixes_examples(phase: PhaseSpec) -> bool:
    """Whether the phase blends images, so that what comes out of frozen stages changes in every epoch."""
    return phase.mixup > 0 or phase.cutmix > 0


def blends(phase: PhaseSpec) -> bool:
    """Whether the targets of the phase are shares of classes."""
    return mixes_examples(phase) or phase.label_smoothing > 0


def shares(values: np.ndarray, targets: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers (n,) as shares, float32 (n, classes): all of it for the one."""
    return values, np.eye(classes, dtype=np.float32)[targets]


def blend(phase: PhaseSpec, *, classes: int, seed: int, class_weight: Mapping[int, float] | None) -> Blend:
    """What a phase does to each batch, as a function of (seed, epoch, number of the batch).

    Mixup (Zhang et al. 2018, arXiv 1710.09412): share * image + (1 - share) * another of the batch, share drawn from
    Beta(alpha, alpha) once a batch. Cutmix (Yun et al. 2019, arXiv 1905.04899): a rectangle of 1 - share of the area,
    as far as it lies within the image, comes from the other. With both, a coin decides for each batch. Smoothing s
    (Szegedy et al. 2016, arXiv 1512.00567) gives s / classes to every class. Weights of classes count by their shares.

    Args:
        phase: mixup, cutmix, label_smoothing.
        classes: number of classes.
        seed: of the run.
        class_weight: class -> weight in the loss, or None.
    """

    def apply(values: np.ndarray, targets: np.ndarray, epoch: int, batch: int) -> tuple[np.ndarray, ...]:
        values, blended = shares(values, targets, classes)
        if mixes_examples(phase):
            draw = np.random.default_rng([seed, epoch, batch, 1])
            cut = phase.cutmix > 0 and (phase.mixup == 0 or draw.random() < 0.5)
            alpha = phase.cutmix if cut else phase.mixup
            share = draw.beta(alpha, alpha)
            other = draw.permutation(len(values))
            if cut:
                values, share = _pasted(values, values[other], share, draw)
            else:
                values = (share * values + (1 - share) * values[other]).astype(np.float32)
            blended = (share * blended + (1 - share) * blended[other]).astype(np.float32)
        blended = blended * np.float32(1 - phase.label_smoothing) + np.float32(phase.label_smoothing / classes)
        if class_weight is None:
            return values, blended
        weights = np.array([class_weight.get(index, 1.0) for index in range(classes)], np.float32)
        return values, blended, blended @ weights

    return apply


def _pasted(values: np.ndarray, other: np.ndarray, share: float, draw: Any) -> tuple[np.ndarray, float]:
    """The images with a rectangle of others, and the share of the area that stayed."""
    height, width = values.shape[1:3]
    half = np.sqrt(1 - share) / 2
    middle = draw.random(2)
    top, bottom = np.rint(np.clip([middle[0] - half, middle[0] + half], 0, 1) * height).astype(int)
    left, right = np.rint(np.clip([middle[1] - half, middle[1] + half], 0, 1) * width).astype(int)
    values = values.copy()
    values[:, top:bottom, left:right] = other[:, top:bottom, left:right]
    return values, 1 - (bottom - top) * (right - left) / (height * width)
