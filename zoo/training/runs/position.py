"""One phase of gradient descent while it is saved: its position, its history, and its part of a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ResumeError
from zoo.training.descent import devices
from zoo.training.runs import callback_states
from zoo.training.runs.checkpoint import Checkpoint

if TYPE_CHECKING:
    from zoo.training.runs.checkpointer import Checkpointer


class Position:
    """Where a phase of gradient descent is.

    Args:
        owner: what saves it.
        model: what is trained, compiled.
        callbacks: all that `fit` is given before the one that saves.
        first_epoch: number of the first epoch of the phase.
        end: number of the epoch that comes after the last.
        steps: batches of an epoch.
    """

    def __init__(
        self, owner: Checkpointer, model: Any, callbacks: Sequence[Any], *, first_epoch: int, end: int, steps: int
    ) -> None:
        self.owner, self.model, self.callbacks = owner, model, list(callbacks)
        self.epoch, self.batch, self.end, self.steps = first_epoch, 0, end, steps
        self.phase = owner.phase
        self.earlier = {name: list(values) for name, values in owner.outcome.history.items()}
        self.epochs: dict[str, list[float]] = {}  # history of this phase
        self.offset = 0  # batches of the first epoch that were done before
        self.resumed_from: Checkpoint | None = None

    @property
    def history(self) -> dict[str, list[float]]:
        """Return the history of the whole run up to now."""
        names = dict.fromkeys([*self.earlier, *self.epochs])
        return {name: [*self.earlier.get(name, []), *self.epochs.get(name, [])] for name in names}

    def put_back(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint within this phase: optimizer and random states come back.

        Args:
            saved: the checkpoint.
        """
        self.resumed_from = saved
        self.epoch, self.batch, self.offset = saved.state["epoch"], saved.state["batch"], saved.state["batch"]
        self.epochs = {name: list(values) for name, values in saved.state["descent"]["epochs"].items()}
        assign(self.model.optimizer.variables, saved.tensors["optimizer"], "optimizer")
        assign(self.owner.random_states(), saved.tensors["random"], "random states")
        self.owner.note_saved((self.phase, self.epoch, self.batch))

    # -- as Keras calls it ---------------------------------------------------------------------------------------
    def on_train_begin(self) -> None:
        """After all other callbacks have started anew: what they knew comes back."""
        if self.resumed_from is None:
            return
        self.model.history.history.update({name: list(values) for name, values in self.epochs.items()})
        saved = self.resumed_from
        callback_states.put_back(self.callbacks, saved.state["descent"]["callbacks"], saved.tensors["callbacks"])

    def on_epoch_begin(self, epoch: int) -> None:
        """After Keras has reset the metrics: those of an epoch that was cut in two go on."""
        self.epoch, self.batch = epoch, self.offset
        if self.resumed_from is not None and self.offset:
            assign(self.model.metrics_variables, self.resumed_from.tensors["metrics"], "metrics")
        self.resumed_from = None

    def on_batch_begin(self, batch: int) -> None:
        """Before a step, where the state is that of a whole number of steps: save if it is time, stop if asked."""
        self.batch = self.offset + batch
        if self.batch >= self.steps:
            # Keras counts a full epoch after the rest of one that was cut in two. That the data ran out must be said
            # before its step: one that meets the end of the data has already moved the optimizer's count and the seeds.
            raise StopIteration
        owner = self.owner
        if batch > 0:
            owner.count_step()
        if owner.every is None:
            return
        if owner.is_asked_to_stop or (batch > 0 and time.monotonic() - owner.last_saved_at >= owner.every):
            if owner.saved_place != (self.phase, self.epoch, self.batch):
                self.save(metrics=True)
            owner.stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """After an epoch: its figures go into the history; save if it is time, stop if asked."""
        for name, value in logs.items():
            self.epochs.setdefault(name, []).append(float(value))
        owner = self.owner
        if not math.isfinite(logs.get("loss", 0.0)):
            raise owner.diverged(f"the loss is {logs['loss']} in epoch {epoch + 1}")
        owner.count_step()
        self.epoch, self.batch, self.offset = epoch + 1, 0, 0
        if owner.every is None or self.epoch >= self.end or self.model.stop_training:
            return  # the end of the phase saves
        if owner.is_due() or owner.is_asked_to_stop:
            self.save(metrics=False)
        owner.stop_if_asked()

    # -- what is saved -------------------------------------------------------------------------------------------
    def save(self, *, metrics: bool) -> None:
        """Write a checkpoint of this place.

        Args:
            metrics: whether running metrics of the epoch are a part of it.
        """
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()  # on that backend the numbers live outside the model within an epoch
        states, arrays = callback_states.read_states(self.callbacks, self.owner.moving_ids())
        descent = {"epochs": self.epochs, "behind_prefix": self.model.name == "suffix", "callbacks": states}
        running = numbered(self.model.metrics_variables) if metrics and self.batch else {}
        if any(not np.isfinite(value).all() for value in running.values()):
            raise self.owner.diverged(f"the loss is NaN or infinite in epoch {self.epoch + 1}")
        self.owner.save(
            (self.phase, self.epoch, self.batch),
            descent,
            optimizer=numbered(self.model.optimizer.variables),
            random=numbered(self.owner.random_states()),
            metrics=running,
            callbacks=arrays,
        )


def numbered(variables: Sequence[Any]) -> dict[str, np.ndarray]:
    """Return the values of variables under their number."""
    return {f"{index:04d}": devices.read(variable) for index, variable in enumerate(variables)}


def assign(variables: Sequence[Any], tensors: Mapping[str, np.ndarray], what: str) -> None:
    """Give variables the values that `numbered` read.

    Args:
        variables: in the same order.
        tensors: number -> value.
        what: what they are, for the message.

    Raises:
        ResumeError: they are others, or have other shapes.
    """
    values = [tensors[name] for name in sorted(tensors)]
    if [devices.shape(variable) for variable in variables] != [value.shape for value in values]:
        raise ResumeError(f"the {what} of the checkpoint do not fit this model: {len(values)} for {len(variables)}")
    for variable, value in zip(variables, values, strict=True):
        devices.write(variable, value)
