"""The Keras callback that saves a phase of gradient descent; it must be the last of all."""

from __future__ import annotations

from typing import Any

import keras

from zoo.training.runs.position import Position


class Saving(keras.callbacks.Callback):
    """Saves before a step, where the state is that of a whole number of steps, and at the end of an epoch.

    Args:
        position: of the phase.
    """

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position

    def on_train_begin(self, logs: Any = None) -> None:
        """See `Position.on_train_begin`."""
        self.position.on_train_begin()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """See `Position.on_epoch_begin`."""
        self.position.on_epoch_begin(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """See `Position.on_batch_begin`."""
        self.position.on_batch_begin(batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """See `Position.on_epoch_end`."""
        self.position.on_epoch_end(epoch, logs or {})
