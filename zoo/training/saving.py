"""Saves a run while it trains and puts it back where it was, so that a killed run ends as if it had not been."""

from __future__ import annotations

import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.compose import Composition
from zoo.errors import DivergedError, ResumeError
from zoo.registry import ZooNotice
from zoo.training import checkpoint, devices
from zoo.training.freeze import leaves

if TYPE_CHECKING:
    from zoo.training.fit import Outcome

EVERY = 60.0
"""Seconds between checkpoints within an epoch, unless told otherwise."""

KEEP = 2
"""Newest checkpoints that are kept, beside the best."""

_SHARE = 20
"""Epochs that end sooner than this many times the cost of a checkpoint after the last one are not saved, so that
checkpoints take at most a twentieth of the time however short the epochs are."""

_FIRST_COST = 0.25
"""Seconds that the first checkpoint is taken to cost: training of a few seconds writes none."""

TERMINATED = 143
"""Exit code after SIGTERM: 128 + 15, as in a shell."""

_OF_KERAS = {
    "EarlyStopping": ("wait", "stopped_epoch", "best", "best_epoch", "min_delta"),
    "ReduceLROnPlateau": ("wait", "cooldown_counter", "best", "min_delta"),
}
"""State of Keras's own callbacks, which have no way to give it out. `min_delta` changes its sign at the first epoch."""

_STATELESS = {"TerminateOnNaN", "LearningRateScheduler", "LambdaCallback", "History", "ProgbarLogger"}


@contextmanager
def ending_when_terminated() -> Iterator[None]:
    """SIGTERM ends what is done in here as an error does, with its exit code, so that nothing half-begun is left.

    Only in the main thread, and where nobody else has plans for the signal.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(kind: int, frame: Any) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
        told: called after each checkpoint with where the run is.
    """

    def __init__(
        self,
        folder: Path,
        composition: Composition,
        *,
        context: Mapping[str, Any],
        every: float | None = EVERY,
        write_start: Callable[[], None] | None = None,
        told: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.folder = folder
        self.notices: list[str] = []
        self.every = every
        self._composition = composition
        self._context = dict(context)
        self._write_start = write_start
        self._told = told
        assert composition.head is not None
        self._start_head = composition.head_weights()
        inside = [leaf for stage in composition.stages for layer in stage.layers for leaf in leaves(layer)]
        self._start_settings = _settings([*inside, *leaves(composition.head)])
        self._moving: set[str] = set()  # names of stages
        self._found: checkpoint.Checkpoint | None = None
        self._phase = 0
        self._outcome: Outcome | None = None
        self._began = 0.0
        self._before = 0.0  # seconds this phase took before the run was resumed
        self._steps = 0  # steps of all phases so far, each end of a phase counted as one more
        self._cost = _FIRST_COST
        self._last = time.monotonic()
        self._saved: tuple[int, int, int] | None = None
        self._best: dict[str, Any] | None = None
        self._descent: _Descent | None = None
        self._asked: int | None = None
        self._remembered: dict[str, Any] = {}
        self.has_begun = False
        """Whether a phase of gradient descent started, in this process or before."""

    # -- going on ------------------------------------------------------------------------------------------------
    def go_on_from(self, found: checkpoint.Checkpoint | None) -> None:
        """The run starts again at this checkpoint, or without one from its beginning; the start file exists."""
        self._found = found
        self._write_start = None
        self.has_begun = True

    def restore(self, outcome: Outcome) -> None:
        """Put weights and the outcome of earlier phases back; call it after features of the untouched base are read."""
        self._outcome = outcome
        if self._found is None:
            return
        state = self._found.state
        outcome.history = {name: list(values) for name, values in state["history"].items()}
        outcome.phases = [dict(report) for report in state["phases"]]
        outcome.changed_base = bool(state["changed_base"])
        self._phase, self._steps, self._best = state["phase"], state["steps"], state["best"]
        self._moving = set(state["moving"])
        self._before = float(state["seconds"])
        self._put(self._found.tensors["weights"])

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
        return self._found is not None and self._found.state["phase"] == phase and "descent" in self._found.state

    def behind_prefix(self) -> bool:
        """Whether the interrupted phase trained behind a cached prefix; it must go on so."""
        assert self._found is not None
        return bool(self._found.state["descent"]["behind_prefix"])

    # -- phases --------------------------------------------------------------------------------------------------
    def enter(self, phase: int) -> bool:
        """A phase is about to start; False if it was finished before the run was resumed."""
        if self._found is not None and phase < self._found.state["phase"]:
            return False
        self._phase, self._began = phase, time.monotonic()
        return True

    def seconds_before(self) -> float:
        """What this phase took before the run was resumed."""
        return self._before

    def remembered(self, key: str, make: Callable[[], Any]) -> Any:
        """A value (JSON) of the beginning of this phase: made there, and the same after the run is resumed."""
        kept = self._found.state["remembered"] if self._found is not None and self.resumes_within(self._phase) else {}
        value = kept[key] if key in kept else make()
        self._remembered[key] = value
        return value

    def leave(self, phase: int, *, last: bool) -> None:
        """A phase is done, and what it gave is in the outcome."""
        self._descent, self._before, self._remembered = None, 0.0, {}
        self._phase, self._found = phase + 1, None
        self._steps += 1
        if self.every is not None and (not last or self._due() or self._asked is not None):
            self._save((phase + 1, 0, 0), {})
        self._stop_if_asked()

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
        self._descent = _Descent(self, model, callbacks, first_epoch, first_epoch + epochs, steps)
        if self.resumes_within(self._phase):
            assert self._found is not None
            self._descent.put_back(self._found)
        self._last = time.monotonic()
        return self._descent.epoch, self._descent.batch

    def callback(self) -> Any:
        """The Keras callback that saves; it must be the last of all."""
        assert self._descent is not None
        return self._descent.as_keras()

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

    def _due(self) -> bool:
        assert self.every is not None
        return time.monotonic() - self._last >= min(self.every, _SHARE * self._cost)

    def ensure_start(self) -> None:
        """Write the start file, unless it is there: what is killed from here on can go on."""
        if self._write_start is None:
            return
        head = self._composition.head_weights()
        now = [(leaf, name, getattr(leaf, name)) for leaf, name, _ in self._start_settings]
        self._composition.set_head_weights(self._start_head)
        _set(self._start_settings)
        try:
            self._write_start()
        finally:
            self._composition.set_head_weights(head)
            _set(now)
        self._write_start = None

    def _save(self, place: tuple[int, int, int], descent: Mapping[str, Any], **tensors: checkpoint.Tensors) -> None:
        """Write a checkpoint; a full disk costs the checkpoint, not the training."""
        assert self._outcome is not None
        started = time.monotonic()
        phase, epoch, batch = place
        weights = {name: devices.read(variable) for name, variable in self._variables(self._composition).items()}
        bad = next((name for name, value in weights.items() if not np.isfinite(value).all()), None)
        if bad is not None:
            raise self.diverged(f"the weights {bad!r} are no numbers any more")
        history = self._descent.history if self._descent is not None else self._outcome.history
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
            "phases": self._outcome.phases,
            "changed_base": self._outcome.changed_base,
            "moving": sorted(self._moving),
            "best": self._best,
            "remembered": self._remembered,
            **({"descent": descent} if descent else {}),
        }
        try:
            self.ensure_start()
            path = checkpoint.write(self.folder, self._steps, {"weights": weights, **tensors}, state)
            checkpoint.prune(self.folder, keep=KEEP, also=() if self._best is None else (self._best["name"],))
            if self._told is not None:
                self._told(
                    {
                        "phase": phase,
                        "epoch": epoch,
                        "batch": batch,
                        "checkpoint": path.name,
                        "history": history,
                        "best": self._best,
                    }
                )
        except OSError as error:
            text = (
                f"no checkpoint could be written to {self.folder}: {error}. Training goes on; "
                f"those written before are kept. Free some room, or stop and choose another directory="
            )
            if text not in self.notices:
                self.notices.append(text)
                warnings.warn(text, ZooNotice, stacklevel=2)
            self._best, self._last = best_before, time.monotonic()
            return
        self._saved = place
        self._last = time.monotonic()
        self._cost = self._last - started

    def _note_best(self, history: Mapping[str, Sequence[float]]) -> None:
        values = history.get("val_loss") or history.get("loss")
        if values and math.isfinite(values[-1]) and (self._best is None or values[-1] < self._best["value"]):
            self._best = {
                "value": values[-1],
                "measure": "val_loss" if history.get("val_loss") else "loss",
                "epoch": max(map(len, history.values())),
                "name": f"step-{self._steps:06d}",
            }

    def diverged(self, what: str) -> DivergedError:
        """The error for a run that left the numbers; names the last checkpoint before it."""
        found = [path.name for path in checkpoint.numbered(self.folder)]
        kept = f" The last good checkpoint is {self.folder / found[-1]}." if found else ""
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
        again, self._asked = self._asked == kind, kind
        if self._descent is None or (again and kind == signal.SIGINT):
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._asked == signal.SIGTERM:
            raise SystemExit(TERMINATED)
        if self._asked is not None:
            raise KeyboardInterrupt

    def best(self) -> tuple[checkpoint.Checkpoint, dict[str, Any]] | None:
        """The best checkpoint so far and what is known of it; None where there is none."""
        if self._best is None:
            return None
        try:
            return checkpoint.read(self.folder / self._best["name"]), self._best
        except checkpoint.DamagedCheckpointError:
            return None

    def put_best(self, found: checkpoint.Checkpoint) -> None:
        """Put the weights of a checkpoint into the composition, whose other weights are those of the start."""
        self._moving = set(found.state["moving"])
        self._put(found.tensors["weights"])


class _Descent:
    """One phase of gradient descent: its position, its history, and its part of a checkpoint."""

    def __init__(
        self, owner: Checkpointer, model: Any, callbacks: Sequence[Any], epoch: int, end: int, steps: int
    ) -> None:
        self.owner, self.model, self.callbacks = owner, model, list(callbacks)
        self.epoch, self.batch, self.end, self.steps = epoch, 0, end, steps
        self.phase = owner._phase
        assert owner._outcome is not None
        self.earlier = {name: list(values) for name, values in owner._outcome.history.items()}
        self.epochs: dict[str, list[float]] = {}  # history of this phase
        self.offset = 0  # batches of the first epoch that were done before
        self.found: checkpoint.Checkpoint | None = None

    @property
    def history(self) -> dict[str, list[float]]:
        """History of the whole run up to now."""
        names = dict.fromkeys([*self.earlier, *self.epochs])
        return {name: [*self.earlier.get(name, []), *self.epochs.get(name, [])] for name in names}

    def put_back(self, found: checkpoint.Checkpoint) -> None:
        state = found.state["descent"]
        self.found = found
        self.epoch, self.batch, self.offset = found.state["epoch"], found.state["batch"], found.state["batch"]
        self.epochs = {name: list(values) for name, values in state["epochs"].items()}
        _assign(self.model.optimizer.variables, found.tensors["optimizer"], "optimizer")
        _assign(self._seeds(), found.tensors["random"], "random states")
        self.owner._saved = (self.phase, self.epoch, self.batch)

    def _seeds(self) -> list[Any]:
        """The state of every random generator of the whole model, in the order of its graph."""
        return [item for item in self.owner._composition.training.variables if item.name == "seed_generator_state"]

    # -- as Keras calls it ---------------------------------------------------------------------------------------
    def as_keras(self) -> Any:
        import keras

        descent = self

        class Saving(keras.callbacks.Callback):
            """Saves before a step, where the state is that of a whole number of steps, and at the end of an epoch."""

            def on_train_begin(self, logs: Any = None) -> None:
                descent.on_train_begin()

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                descent.on_epoch_begin(epoch)

            def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
                descent.on_batch_begin(batch)

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                descent.on_epoch_end(epoch, logs or {})

        return Saving()

    def on_train_begin(self) -> None:
        """After all other callbacks have started anew: what they knew comes back."""
        if self.found is None:
            return
        self.model.history.history.update({name: list(values) for name, values in self.epochs.items()})
        self._restore_callbacks(self.found)

    def on_epoch_begin(self, epoch: int) -> None:
        """After Keras has reset the metrics: those of an epoch that was cut in two go on."""
        self.epoch, self.batch = epoch, self.offset
        if self.found is not None and self.offset:
            _assign(self.model.metrics_variables, self.found.tensors["metrics"], "metrics")
        self.found = None

    def on_batch_begin(self, batch: int) -> None:
        self.batch = self.offset + batch
        if self.batch >= self.steps:
            # Keras counts a full epoch after the rest of one that was cut in two. That the data ran out must be said
            # before its step: one that meets the end of the data has already moved the optimizer's count and the seeds.
            raise StopIteration
        if batch > 0:
            self.owner._steps += 1
        owner = self.owner
        if owner.every is None:
            return
        asked = owner._asked is not None
        if asked or (batch > 0 and time.monotonic() - owner._last >= owner.every):
            if owner._saved != (self.phase, self.epoch, self.batch):
                self.save(metrics=True)
            owner._stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        for name, value in logs.items():
            self.epochs.setdefault(name, []).append(float(value))
        owner = self.owner
        if not math.isfinite(logs.get("loss", 0.0)):
            raise owner.diverged(f"the loss is {logs['loss']} in epoch {epoch + 1}")
        owner._steps += 1
        self.epoch, self.batch, self.offset = epoch + 1, 0, 0
        if owner.every is None or self.epoch >= self.end or self.model.stop_training:
            return  # the end of the phase saves
        if owner._due() or owner._asked is not None:
            self.save(metrics=False)
        owner._stop_if_asked()

    # -- what is saved -------------------------------------------------------------------------------------------
    def save(self, *, metrics: bool) -> None:
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()  # on that backend the numbers live outside the model within an epoch
        states, arrays = self._callback_states()
        descent = {
            "epochs": self.epochs,
            "behind_prefix": self.model.name == "suffix",
            "callbacks": states,
        }
        running = _numbered(self.model.metrics_variables) if metrics and self.batch else {}
        if any(not np.isfinite(value).all() for value in running.values()):
            raise self.owner.diverged(f"the loss is no number any more in epoch {self.epoch + 1}")
        self.owner._save(
            (self.phase, self.epoch, self.batch),
            descent,
            optimizer=_numbered(self.model.optimizer.variables),
            random=_numbered(self._seeds()),
            metrics=running,
            callbacks=arrays,
        )

    def _callback_states(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        states: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        for index, item in enumerate(self.callbacks):
            kind = kind_of(item)
            if kind is None:
                continue
            if kind == "own":
                states.append({"class": type(item).__name__, "state": item.get_state()})
                continue
            state = {name: _plain(getattr(item, name, None)) for name in _OF_KERAS[kind]}
            state["monitor_op"] = getattr(item.monitor_op, "__name__", None)
            states.append({"class": type(item).__name__, "state": state})
            for place, value in enumerate(getattr(item, "best_weights", None) or ()):
                if id(item.model.weights[place]) in self._moving_ids():
                    arrays[f"{index}/{place}"] = np.asarray(value)
        return states, arrays

    def _moving_ids(self) -> set[int]:
        return {id(variable) for variable in self.owner._variables(self.owner._composition).values()}

    def _restore_callbacks(self, found: checkpoint.Checkpoint) -> None:
        import keras

        saved = list(found.state["descent"]["callbacks"])
        arrays = found.tensors["callbacks"]
        for index, item in enumerate(self.callbacks):
            kind = kind_of(item)
            if kind is None:
                continue
            entry = saved.pop(0) if saved else None
            if entry is None or entry["class"] != type(item).__name__:
                raise ResumeError(
                    f"callbacks= are others than those of the run: {type(item).__name__} was not among them"
                )
            if kind == "own":
                item.set_state(entry["state"])
                continue
            state = dict(entry["state"])
            operation = state.pop("monitor_op")
            item.monitor_op = None if operation is None else getattr(keras.ops, operation)
            for name, value in state.items():
                setattr(item, name, value)
            kept = {
                key.partition("/")[2]: value for key, value in arrays.items() if key.partition("/")[0] == str(index)
            }
            if kept:
                item.best_weights = [
                    kept.get(str(place), value) for place, value in enumerate(item.model.get_weights())
                ]
        if saved:
            raise ResumeError(
                f"the run had callbacks whose state is saved, and they are not here: "
                f"{', '.join(entry['class'] for entry in saved)}. Pass them again in callbacks="
            )


def kind_of(callback: Any) -> str | None:
    """How the state of a callback is saved: "own" (`get_state`, `set_state`), or the Keras class; None: not at all."""
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return "own"
    return next((base.__name__ for base in type(callback).__mro__ if base.__name__ in _OF_KERAS), None)


def unsaved(callbacks: Sequence[Any]) -> list[str]:
    """The names of callbacks that may have a state which nobody can save."""
    return [
        type(item).__name__ for item in callbacks if kind_of(item) is None and type(item).__name__ not in _STATELESS
    ]


def _settings(layers: Sequence[Any]) -> list[tuple[Any, str, Any]]:
    """(layer, name, value) of what is another within a phase: Dropout of frozen stages off, BatchNorm synchronized."""
    names = ("rate", "synchronized")
    return [
        (layer, name, getattr(layer, name))
        for layer in layers
        for name in names
        if isinstance(getattr(layer, name, None), float | bool)
    ]


def _set(values: Sequence[tuple[Any, str, Any]]) -> None:
    for layer, name, value in values:
        setattr(layer, name, value)


def _plain(value: Any) -> Any:
    return float(value) if hasattr(value, "__array__") else value


def _numbered(variables: Sequence[Any]) -> dict[str, np.ndarray]:
    return {f"{index:04d}": devices.read(variable) for index, variable in enumerate(variables)}


def _assign(variables: Sequence[Any], tensors: Mapping[str, np.ndarray], what: str) -> None:
    values = [tensors[name] for name in sorted(tensors)]
    if [devices.shape(variable) for variable in variables] != [value.shape for value in values]:
        raise ResumeError(f"the {what} of the checkpoint do not fit this model: {len(values)} for {len(variables)}")
    for variable, value in zip(variables, values, strict=True):
        devices.write(variable, value)
