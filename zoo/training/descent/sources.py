"""What gradient descent is fed with: images or kept features, in an order that depends on (seed, epoch, index) only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.augment.in_graph import INPUTS, Drawn
from zoo.data import Dataset, Transform, batches
from zoo.modality import Intake


def order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of 0..count-1 that is a function of (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(count)


@dataclass(frozen=True)
class Images:
    """Images to train on or to validate with.

    Attributes:
        dataset: where they are.
        positions: which of them.
        intake: what turns an example into the array that the graph takes.
        augment: epoch -> transform, or None.
        boxes: the columns of the targets that hold boxes, which move with the picture; or None.
        draws: epoch -> index -> what a graph that augments needs to know of an example; None: nothing.
    """

    dataset: Dataset
    positions: np.ndarray
    intake: Intake
    augment: Callable[[int], Transform] | None = None
    boxes: slice | None = None
    draws: Callable[[int], Callable[[int], Drawn]] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, chosen: np.ndarray, epoch: int) -> tuple[Any, np.ndarray]:
        """Arrays of some of the examples, with what was drawn for them if anything, and targets.

        Those of pictures are uint8, a quarter of the bytes to hand over; the graph makes them float32.
        """
        assert self.dataset.targets is not None
        (batch,) = batches(
            self.dataset,
            self.positions[chosen],
            intake=self.intake,
            batch_size=len(chosen),
            transform=self.augment(epoch) if self.augment else None,
            boxes=None if self.boxes is None else self.dataset.targets[:, self.boxes],
        )
        targets = self.dataset.targets[batch.positions]
        if self.boxes is not None:
            targets = targets.copy()
            targets[:, self.boxes] = batch.boxes
        if self.draws is None:
            return batch.arrays, targets
        draw = self.draws(epoch)
        rows = [draw(int(index)) for index in batch.positions]
        return {INPUTS: batch.arrays, **{name: np.stack([row[name] for row in rows]) for name in rows[0]}}, targets


@dataclass(frozen=True)
class Rows:
    """Features to train on or to validate with.

    Attributes:
        values: (views * n, ...), in memory or kept on disk, view after view.
        targets: (n, ...).
        views: how often each image is there. In so many epochs each image shows each of its views once, in an order
            drawn from (seed, epoch // views).
        seed: of the draw.
    """

    values: Any
    targets: np.ndarray
    views: int = 1
    seed: int = 0

    def __len__(self) -> int:
        return len(self.targets)

    def shown(self, epoch: int) -> np.ndarray:
        """The number of the view, int64 (n,), that each image shows in an epoch."""
        turn, place = divmod(epoch, self.views)
        every = np.tile(np.arange(self.views), (len(self), 1))
        return np.random.default_rng([self.seed, turn, self.views]).permuted(every, axis=1)[:, place]

    def take(self, chosen: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and targets of some of the images."""
        rows = chosen if self.views == 1 else chosen + len(self) * self._shown(epoch)[chosen]
        return self.values[rows], self.targets[chosen]

    def _shown(self, epoch: int) -> np.ndarray:
        """As `shown`, drawn once an epoch."""
        if self._drawn.get("epoch") != epoch:
            self._drawn.update(epoch=epoch, views=self.shown(epoch))
        return self._drawn["views"]

    _drawn: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
