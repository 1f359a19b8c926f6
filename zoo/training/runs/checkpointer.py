"""Saves a run while it trains and puts it back where it was, so that a killed run ends as if it had not been."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.errors import DivergedError, ResumeError
from zoo.registry import ZooNotice
from zoo.specs.record import BestEpoch, PhaseReport, Progress
from zoo.training.descent import devices
from zoo.training.freeze import leaves
from zoo.training.outcome import Outcome
from zoo.training.runs import checkpoint
from zoo.training.runs.layer_settings import put_back, settings_of
from zoo.training.runs.position import Position
from zoo.training.runs.signals import TERMINATED

EVERY = 60.0
"""Seconds between checkpoints within an epoch, unless `checkpoint_every` says otherwise."""

KEEP = 2
"""Newest checkpoints that are kept, beside the best."""

_SHARE = 20
"""Epochs that end sooner than this many times the cost of a checkpoint after the last one are not saved, so that
checkpoints take at most a twentieth of the time however short the epochs are."""

_FIRST_COST = 0.25
"""Seconds that the first checkpoint is taken to cost: training of a few seconds writes none."""


class Checkpointer:
    """Knows where a run is, saves it, and puts it back.

    A checkpoint holds what can have moved since the start: the head, the units of its values, every layer of the base
    that trained in a phase so far, random states, the optimizer with its step and rate, running metrics within an
    epoch, callbacks, history. The rest is in the start file.

    Args:
        folder: where checkpoints go.
        composition: what is trained.
        context: what every checkpoint carries, to be compared when it is read: fingerprints.
        every: seconds between checkpoints within an epoch; 0 for every step; None for none at all.
        write_start: writes the start file, once, before the first checkpoint; called with the composition as it was at
            the start. Before the base moves, whoever makes it move calls `ensure_start`.
        noted: called after each checkpoint with where the run is.
    """

    def __init__(
        self,
        folder: Path,
        composition: Composition,
        *,
        context: Mapping[str, Any],
        every: float | None = EVERY,
        write_start: Callable[[], None] | None = None,
        noted: Callable[[Progress], None] | None = None,
    ) -> None:
        self.folder = folder
        self.notices: list[str] = []
        self.every = every
        self._composition = composition
        self._context = dict(context)
        self._write_start = write_start
        self._noted = noted
        assert composition.head is not None
        self._start_head = composition.head_weights()
        inside = [leaf for stage in composition.stages for layer in stage.layers for leaf in leaves(layer)]
        self._start_settings = settings_of([*inside, *leaves(composition.head)])
        self._moving: set[str] = set()  # names of stages
        self._resumed_from: checkpoint.Checkpoint | None = None
        self.phase = 0
        self._outcome: Outcome | None = None
        self._began = 0.0
        self._before = 0.0  # seconds this phase took before the run was resumed
        self._steps = 0  # steps of all phases so far, each end of a phase counted as one more
        self._cost = _FIRST_COST
        self.last_saved_at = time.monotonic()
        self.saved_place: tuple[int, int, int] | None = None
        self._best: BestEpoch | None = None
        self._position: Position | None = None
        self._stop_signal: int | None = None
        self._remembered: dict[str, Any] = {}
        self.has_begun = False
        """Whether a phase of gradient descent started, in this process or before."""

    # -- going on ------------------------------------------------------------------------------------------------
    def go_on_from(self, saved: checkpoint.Checkpoint | None) -> None:
        """Start the run again at this checkpoint, or without one from its beginning; the start file exists."""
        self._resumed_from = saved
        self._write_start = None
        self.has_begun = True

    def restore(self, outcome: Outcome) -> None:
        """Put weights and the outcome of earlier phases back; call it after features of the untouched base are read."""
        self._outcome = outcome
        if self._resumed_from is None:
            return
        state = self._resumed_from.state
        outcome.history = {name: list(values) for name, values in state["history"].items()}
        outcome.phases = [PhaseReport.model_validate(report) for report in state["phases"]]
        outcome.changed_base = bool(state["changed_base"])
        self.phase, self._steps = state["phase"], state["steps"]
        self._best = None if state["best"] is None else BestEpoch.model_validate(state["best"])
        self._moving = set(state["moving"])
        self._before = float(state["seconds"])
        self._put(self._resumed_from.tensors["weights"])

    def _put(self, tensors: Mapping[str, np.ndarray]) -> None:
        variables = self._variables(self._composition)
        if set(tensors) != set(variables) or any(
            tuple(variables[name].shape) != value.shape for name, value in tensors.items()
        ):
            raise ResumeError(f"the checkpoints in {self.folder} are not of this model: its weights have other shapes")
        for name, value in tensors.items():
            variables[name].assign(value)

    def resumes_within(self, phase: int) -> bool:
        """Whether the run was in the middle of this phase."""
        return (
            self._resumed_from is not None
            and self._resumed_from.state["phase"] == phase
            and "descent" in self._resumed_from.state
        )

    def behind_prefix(self) -> bool:
        """Whether the interrupted phase trained behind a cached prefix; it must go on so."""
        assert self._resumed_from is not None
        return bool(self._resumed_from.state["descent"]["behind_prefix"])

    # -- phases --------------------------------------------------------------------------------------------------
    def enter(self, phase: int) -> bool:
        """A phase is about to start; False if it was finished before the run was resumed."""
        if self._resumed_from is not None and phase < self._resumed_from.state["phase"]:
            return False
        self.phase, self._began = phase, time.monotonic()
        return True

    def seconds_before(self) -> float:
        """What this phase took before the run was resumed."""
        return self._before

    def remembered(self, key: str, make: Callable[[], Any]) -> Any:
        """A value (JSON) of the beginning of this phase: made there, and the same after the run is resumed."""
        kept = (
            self._resumed_from.state["remembered"]
            if self._resumed_from is not None and self.resumes_within(self.phase)
            else {}
        )
        value = kept[key] if key in kept else make()
        self._remembered[key] = value
        return value

    def leave(self, phase: int, *, last: bool) -> None:
        """A phase is done, and what it gave is in the outcome."""
        self._position, self._before, self._remembered = None, 0.0, {}
        self.phase, self._resumed_from = phase + 1, None
        self._steps += 1
        if self.every is not None and (not last or self.is_due() or self._stop_signal is not None):
            self.save((phase + 1, 0, 0), {})
        self.stop_if_asked()

    # -- within a phase of gradient descent ----------------------------------------------------------------------
    def begin(
        self, model: Any, *, callbacks: Sequence[Any], first_epoch: int, epochs: int, steps: int
    ) -> tuple[int, int]:
        """The compiled model is about to train; puts its optimizer and random states back.

        Args:
            model: with its optimizer built.
            callbacks: all that will be given to `fit` before this one's own.
            first_epoch: number of the first epoch of the phase.
            epochs: how many the phase has.
            steps: batches of an epoch.

        Returns:
            The epoch to start with, and how many of its batches are done.
        """
        moves = {
            stage.name
            for stage in self._composition.stages
            for layer in stage.layers
            for leaf in leaves(layer)
            if leaf.trainable and leaf.weights
        }
        self.has_begun = True
        self._moving |= moves
        self._position = Position(
            self, model, callbacks, first_epoch=first_epoch, end=first_epoch + epochs, steps=steps
        )
        if self.resumes_within(self.phase):
            assert self._resumed_from is not None
            self._position.put_back(self._resumed_from)
        self.last_saved_at = time.monotonic()
        return self._position.epoch, self._position.batch

    def begin_whole(self, stages: Iterable[str]) -> None:
        """A phase is about to train in which nothing is saved: a run that ends within it begins it again.

        Args:
            stages: names of those that it moves.
        """
        self.ensure_start()
        self.has_begun = True
        self._moving |= set(stages)

    def callback(self) -> Any:
        """The Keras callback that saves; it must be the last of all."""
        assert self._position is not None
        from zoo.training.runs.saving_callback import Saving  # here, not above: it loads Keras

        return Saving(self._position)

    @property
    def outcome(self) -> Outcome:
        """Return what the training did so far."""
        assert self._outcome is not None
        return self._outcome

    def count_step(self) -> None:
        """Count a step, or the end of an epoch: checkpoints are numbered by it."""
        self._steps += 1

    def note_saved(self, place: tuple[int, int, int]) -> None:
        """Take note that this place (phase, epoch, batch) is in a checkpoint."""
        self.saved_place = place

    def random_states(self) -> list[Any]:
        """Return the state of every random generator of the whole model, in the order of its graph."""
        return [item for item in self._composition.training.variables if item.name == "seed_generator_state"]

    def moving_ids(self) -> set[int]:
        """Return `id` of every variable that can have moved."""
        return {id(variable) for variable in self._variables(self._composition).values()}

    # -- saving --------------------------------------------------------------------------------------------------
    def _variables(self, composition: Composition) -> dict[str, Any]:
        """Name -> variable of everything that can have moved."""
        assert composition.head is not None
        named = {f"head/{index}": weight for index, weight in enumerate(composition.head.weights)}
        for name, layer in composition.units.items():
            named |= {f"units/{name}/{index}": weight for index, weight in enumerate(layer.weights)}
        for stage in composition.stages:
            if stage.name in self._moving:
                inside = [weight for layer in stage.layers for leaf in leaves(layer) for weight in leaf.weights]
                named |= {f"base/{stage.name}/{index}": weight for index, weight in enumerate(inside)}
        return named

    def is_due(self) -> bool:
        """Return whether it is time for a checkpoint at the end of an epoch."""
        assert self.every is not None
        return time.monotonic() - self.last_saved_at >= min(self.every, _SHARE * self._cost)

    def ensure_start(self) -> None:
        """Write the start file, unless it is there: what is killed from here on can go on."""
        if self._write_start is None:
            return
        head = self._composition.head_weights()
        now = [(leaf, name, getattr(leaf, name)) for leaf, name, _ in self._start_settings]
        self._composition.set_head_weights(self._start_head)
        put_back(self._start_settings)
        try:
            self._write_start()
        finally:
            self._composition.set_head_weights(head)
            put_back(now)
        self._write_start = None

    def save(self, place: tuple[int, int, int], descent: Mapping[str, Any], **tensors: checkpoint.Tensors) -> None:
        """Write a checkpoint; a full disk costs the checkpoint, not the training."""
        assert self._outcome is not None
        started = time.monotonic()
        phase, epoch, batch = place
        weights = {name: devices.read(variable) for name, variable in self._variables(self._composition).items()}
        bad = next((name for name, value in weights.items() if not np.isfinite(value).all()), None)
        if bad is not None:
            raise self.diverged(f"the weights {bad!r} are NaN or infinite")
        history = self._position.history if self._position is not None else self._outcome.history
        best_before = self._best
        if batch == 0:
            self._note_best(history)
        state = {
            **self._context,
            "phase": phase,
            "epoch": epoch,
            "batch": batch,
            "steps": self._steps,
            "seconds": self._before + started - self._began if descent else 0.0,
            "history": self._outcome.history,
            "phases": [report.to_json() for report in self._outcome.phases],
            "changed_base": self._outcome.changed_base,
            "moving": sorted(self._moving),
            "best": None if self._best is None else self._best.to_json(),
            "remembered": self._remembered,
            **({"descent": descent} if descent else {}),
        }
        try:
            self.ensure_start()
            path = checkpoint.write(self.folder, self._steps, {"weights": weights, **tensors}, state)
            checkpoint.prune(self.folder, keep=KEEP, also=() if self._best is None else (self._best.name,))
            if self._noted is not None:
                self._noted(
                    Progress(
                        phase=phase, epoch=epoch, batch=batch, checkpoint=path.name, history=history, best=self._best
                    )
                )
        except OSError as error:
            text = (
                f"no checkpoint could be written to {self.folder}: {error}. Training goes on; "
                f"those written before are kept. Free some room, or stop and choose another directory="
            )
            if text not in self.notices:
                self.notices.append(text)
                warnings.warn(text, ZooNotice, stacklevel=2)
            self._best, self.last_saved_at = best_before, time.monotonic()
            return
        self.saved_place = place
        self.last_saved_at = time.monotonic()
        self._cost = self.last_saved_at - started

    def _note_best(self, history: Mapping[str, Sequence[float]]) -> None:
        values = history.get("val_loss") or history.get("loss")
        if values and math.isfinite(values[-1]) and (self._best is None or values[-1] < self._best.value):
            self._best = BestEpoch(
                value=values[-1],
                measure="val_loss" if history.get("val_loss") else "loss",
                epoch=max(map(len, history.values())),
                name=f"step-{self._steps:06d}",
            )

    def diverged(self, what: str) -> DivergedError:
        """The error for a run that left the numbers; names the last checkpoint before it."""
        names = [path.name for path in checkpoint.numbered(self.folder)]
        kept = f" The last good checkpoint is {self.folder / names[-1]}." if names else ""
        return DivergedError(f"training diverged: {what}. Lower learning_rate, or check the data.{kept}")

    # -- stopping ------------------------------------------------------------------------------------------------
    @contextmanager
    def watching_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C wait for the end of the step and for a checkpoint; a second Ctrl-C does not wait.

        Only in the main thread, the only one that Python lets handle signals. The handlers of before come back.
        """
        if self.every is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        kinds: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
        before = {kind: signal.getsignal(kind) for kind in kinds}
        if before[signal.SIGINT] is not signal.default_int_handler:
            kinds = (signal.SIGTERM,)  # somebody else has plans for Ctrl-C
        for kind in kinds:
            signal.signal(kind, self._on_signal)
        try:
            yield
        finally:
            for kind in kinds:
                if before[kind] is not None:
                    signal.signal(kind, before[kind])

    def _on_signal(self, kind: int, frame: Any) -> None:
        again, self._stop_signal = self._stop_signal == kind, kind
        if self._position is None or (again and kind == signal.SIGINT):
            self.stop_if_asked()

    @property
    def is_asked_to_stop(self) -> bool:
        """Return whether SIGTERM or Ctrl-C came."""
        return self._stop_signal is not None

    def stop_if_asked(self) -> None:
        """End the run, after a checkpoint, if SIGTERM or Ctrl-C came."""
        if self._stop_signal == signal.SIGTERM:
            raise SystemExit(TERMINATED)
        if self._stop_signal is not None:
            raise KeyboardInterrupt

    def best(self) -> tuple[checkpoint.Checkpoint, BestEpoch] | None:
        """The best checkpoint so far and what is known of it; None where there is none."""
        if self._best is None:
            return None
        try:
            return checkpoint.read(self.folder / self._best.name), self._best
        except checkpoint.DamagedCheckpointError:
            return None

    def put_best(self, saved: checkpoint.Checkpoint) -> None:
        """Put the weights of a checkpoint into the composition, whose other weights are those of the start."""
        self._moving = set(saved.state["moving"])
        self._put(saved.tensors["weights"])
