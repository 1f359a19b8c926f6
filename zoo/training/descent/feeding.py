"""A Keras data set that gives every example of a source once an epoch."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from zoo.training.descent.devices import Batch
from zoo.training.descent.mixing import Blend
from zoo.training.descent.sources import Images, Rows, order


class Feed(keras.utils.PyDataset):
    """One epoch after the other of a source.

    Not a generator: Keras reads ahead of a generator across the end of an epoch, so that validation would see some
    examples twice and others not at all.

    Args:
        source: where examples come from.
        batch_size: examples in a batch; the last one of an epoch may be smaller.
        first_epoch: number of the first epoch.
        seed: shuffles anew every epoch; None: in order.
        blend: changes each batch; None: as it is.
        whole: fills it up for several devices.
    """

    def __init__(
        self,
        source: Images | Rows,
        *,
        batch_size: int,
        first_epoch: int,
        seed: int | None,
        whole: Batch,
        blend: Blend | None = None,
    ) -> None:
        super().__init__()
        self.source, self.batch_size, self.seed, self.whole, self.blend = source, batch_size, seed, whole, blend
        self.start(first_epoch)

    def start(self, epoch: int, skip: int = 0) -> None:
        """Give the batches of this epoch from here on, without the first few.

        Args:
            epoch: number of the epoch, from 0.
            skip: batches of it that are done.
        """
        self.epoch, self.skip = epoch, skip
        count = len(self.source)
        self._order = np.arange(count) if self.seed is None else order(count, seed=self.seed, epoch=epoch)

    def __len__(self) -> int:
        return math.ceil(len(self.source) / self.batch_size) - self.skip

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        index += self.skip
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        values, targets = self.source.take(chosen, self.epoch)
        batch: Any = (values, targets) if self.blend is None else self.blend(values, targets, self.epoch, index)
        return self.whole.fill(batch, len(chosen))

    def examples(self, index: int) -> int:
        """Return how many examples the batch of this number has."""
        return min(self.batch_size, len(self.source) - (index + self.skip) * self.batch_size)
