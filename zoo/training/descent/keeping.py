"""The Keras callback that goes back to the best epoch of a phase, or to the weights from before it."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from zoo.training.descent import devices
from zoo.training.freeze import leaves


class KeepBest(keras.callbacks.Callback):
    """Puts the weights of the best epoch back at the end of a phase.

    Only weights of layers that can move are held. Of equal values the first counts.

    Args:
        monitor: a name in the logs of an epoch.
        sign: 1 where less is better, -1 where more is.
    """

    def __init__(self, monitor: str, sign: int) -> None:
        super().__init__()
        self.monitor, self.sign = monitor, sign
        self.best: float | None = None
        """The best value so far, times the sign."""
        self.best_epoch: int | None = None
        """Its number as Keras counts; -1: from before the phase. None: there is none yet."""
        self.start: float | None = None
        """The value before the phase; None where that is no candidate."""
        self.best_weights: list[np.ndarray | None] | None = None
        self.monitor_op = None

    def note_start(self, value: float) -> None:
        """Take the weights from before the phase as the first candidate.

        Args:
            value: what `monitor` is for them.
        """
        self.start = float(value)
        self._note(self.start, -1)

    @property
    def values(self) -> tuple[float | None, float | None]:
        """Return what was monitored before the phase, and at its best."""
        return self.start, None if self.best is None else self.sign * self.best

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Hold the weights of an epoch that is better than all before it."""
        value = (logs or {}).get(self.monitor)
        if value is not None:
            self._note(float(value), epoch)

    def on_train_end(self, logs: Any = None) -> None:
        """Put the best weights back."""
        if self.best_weights is None:
            return
        self._synchronize()
        for variable, value in zip(self.model.weights, self.best_weights, strict=True):
            if value is not None:
                devices.write(variable, value)

    def _note(self, value: float, epoch: int) -> None:
        if math.isnan(value) or (self.best is not None and not self.sign * value < self.best):
            return
        self._synchronize()
        self.best, self.best_epoch = self.sign * value, epoch
        moving = {id(weight) for leaf in leaves(self.model) if leaf.trainable_weights for weight in leaf.weights}
        self.best_weights = [np.array(devices.read(w)) if id(w) in moving else None for w in self.model.weights]

    def _synchronize(self) -> None:
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()  # on that backend the numbers live outside the model within an epoch
