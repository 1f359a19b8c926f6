"""One candidate as measured, and one that was left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from zoo.evaluation import mcnemar
from zoo.specs import Size, size_in_words

TIE = 0.05
"""Two candidates whose paired difference has at least this p-value are as good as each other."""


@dataclass(frozen=True)
class Ranked:
    """One candidate (backbone, input size, features) as measured.

    Attributes:
        backbone: its name.
        input_size: side of the input, or (height, width), in px.
        features: what the probe reads: a pooling, a stage, a layer.
        accuracy: cross-validated accuracy of the probe, 0..1, the mean over the repeats.
        interval: Wilson's 95 % interval of it.
        log_loss: cross-validated log loss of the probe, in nats, the mean over the repeats.
        images: number of images it was measured on.
        p_value: exact McNemar test against the most accurate, on the same out-of-fold answers.
        tie: whether it is as good as the most accurate as far as the images can show (`p_value` at least 0.05); that
            one itself has True.
        knn: leave-one-out accuracy of the five nearest neighbors; None if not asked for.
        knn_interval: Wilson's 95 % interval of it.
        logme: LogME in nats per image; None if not asked for.
        hscore: shrinkage H-score; None if not asked for.
        top1: published ImageNet top-1 accuracy; None if none is known.
        params: weights of the base up to the features.
        macs: multiply-adds of one image at this input size.
        ms: milliseconds per image on this machine, forward pass in batches of 32.
        size: bytes of the base as float32.
        license: license of the weights.
        seconds: wall time of measuring it.
        computed: images that went through the base; the others came from the cache.
        right: int8, for each image of the data 1 (right in most repeats), 0 (wrong) or -1 (not measured).
        weights: what `weights=` was.
    """

    backbone: str
    input_size: Size
    features: str
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    images: int
    knn: float | None
    knn_interval: tuple[float, float] | None
    logme: float | None
    hscore: float | None
    top1: float | None
    params: int
    macs: int
    ms: float
    size: int
    license: str
    seconds: float
    computed: int
    right: np.ndarray = field(repr=False, compare=False)
    weights: Any = "pretrained"
    p_value: float = 1.0
    tie: bool = True

    @property
    def name(self) -> str:
        """`backbone@input_size/features`."""
        return f"{self.backbone}@{size_in_words(self.input_size)}/{self.features}"

    @property
    def certainty(self) -> float:
        """Geometric mean of the probability of the right class, out of fold, 0..1."""
        return math.exp(-self.log_loss)

    @property
    def score(self) -> float:
        """What decides among candidates that tie, 0..1: the mean of exp(-log_loss) and, if it was asked for, knn.

        exp(-log_loss) is the geometric mean of the probability given to the right class: it differs between candidates
        that get the same images right, as in the choice of C in `zoo.features.fit_probe`. Neighbors are a second
        opinion with errors of their own. On six data sets the mean of both had less regret than accuracy, log loss or
        neighbors alone; figures in `benchmarks/RESULTS.md`.
        """
        return self.certainty if self.knn is None else (self.certainty + self.knn) / 2

    @property
    def arguments(self) -> dict[str, Any]:
        """Keywords for `zoo.build(**arguments, head=...)`."""
        return {
            "backbone": self.backbone,
            "input_size": self.input_size,
            "features": self.features,
            "weights": self.weights,
        }

    def against(self, other: Ranked) -> float:
        """Compute the p-value of the exact McNemar test on the images both were measured on."""
        both = (self.right >= 0) & (other.right >= 0)
        return mcnemar(self.right[both] == 1, other.right[both] == 1)

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, without the single answers."""
        data = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "right"}
        weights = None if self.weights is None else str(self.weights)
        intervals = {"interval": list(self.interval), "knn_interval": self.knn_interval and list(self.knn_interval)}
        return {"name": self.name, "score": self.score, **data, **intervals, "weights": weights}


@dataclass(frozen=True)
class Skipped:
    """A candidate that was left out, and why.

    Attributes:
        name: of the candidate, or of the backbone where none of its candidates was measured.
        reason: why, in words; equal for all candidates that were left out for the same reason.
        download: bytes of the weights that are missing; 0 where that is not the reason.
        late: whether time ran out before it was measured.
    """

    name: str
    reason: str
    download: int = 0
    late: bool = False
