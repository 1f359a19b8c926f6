"""The state of Keras callbacks: read for a checkpoint, and put back when a run goes on."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import ResumeError

_OF_KERAS = {
    "EarlyStopping": ("wait", "stopped_epoch", "best", "best_epoch", "min_delta"),
    "ReduceLROnPlateau": ("wait", "cooldown_counter", "best", "min_delta"),
}
"""State of Keras's own callbacks, which have no way to give it out. `min_delta` changes its sign at the first epoch."""

_OF_ZOO = {"KeepBest": ("best", "best_epoch", "start")}
"""State of callbacks of zoo's own; as above, `best_weights` is saved beside it."""

_STATELESS = {"TerminateOnNaN", "LearningRateScheduler", "LambdaCallback", "History", "ProgbarLogger"}


_WITH_STATE = {**_OF_KERAS, **_OF_ZOO}


def kind_of(callback: Any) -> str | None:
    """How the state of a callback is saved: "own" (`get_state`, `set_state`), or the Keras class; None: not at all."""
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return "own"
    return next((base.__name__ for base in type(callback).__mro__ if base.__name__ in _WITH_STATE), None)


def unsaved(callbacks: Sequence[Any]) -> list[str]:
    """The names of callbacks that may have a state which nobody can save."""
    return [
        type(item).__name__ for item in callbacks if kind_of(item) is None and type(item).__name__ not in _STATELESS
    ]


def goes_back(callbacks: Sequence[Any]) -> bool:
    """Whether a callback goes back to the epoch that it finds the best."""
    return any(getattr(item, "restore_best_weights", False) for item in callbacks)


def keep_writing(callbacks: Sequence[Any]) -> None:
    """Let callbacks that write a table go on with it in a later phase, which is a training of its own to them."""
    for item in callbacks:
        if any(base.__name__ == "CSVLogger" for base in type(item).__mro__):
            item.append = True


def read_states(callbacks: Sequence[Any], moving: Container[int]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return the state of those callbacks that have one to save.

    Args:
        callbacks: all of them, in order.
        moving: `id` of every variable that can have moved: best weights of others are those of the start.

    Returns:
        JSON-ready states in order, and arrays by name.
    """
    states: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for index, item in enumerate(callbacks):
        kind = kind_of(item)
        if kind is None:
            continue
        if kind == "own":
            states.append({"class": type(item).__name__, "state": item.get_state()})
            continue
        state = {name: _plain(getattr(item, name, None)) for name in _WITH_STATE[kind]}
        state["monitor_op"] = getattr(item.monitor_op, "__name__", None)
        states.append({"class": type(item).__name__, "state": state})
        for place, value in enumerate(getattr(item, "best_weights", None) or ()):
            if value is not None and id(item.model.weights[place]) in moving:
                arrays[f"{index}/{place}"] = np.asarray(value)
    return states, arrays


def put_back(callbacks: Sequence[Any], states: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Give callbacks the state that `read_states` read.

    Args:
        callbacks: all of them, in the same order.
        states: what was read.
        arrays: likewise.

    Raises:
        ResumeError: they are others than those of the run.
    """
    saved = list(states)
    for index, item in enumerate(callbacks):
        kind = kind_of(item)
        if kind is None:
            continue
        entry = saved.pop(0) if saved else None
        if entry is None or entry["class"] != type(item).__name__:
            raise ResumeError(f"callbacks= are others than those of the run: {type(item).__name__} was not among them")
        if kind == "own":
            item.set_state(entry["state"])
        else:
            _put_back_one(item, entry["state"], arrays, index)
    if saved:
        raise ResumeError(
            f"the run had callbacks whose state is saved, and they are not here: "
            f"{', '.join(entry['class'] for entry in saved)}. Pass them again in callbacks="
        )


def _put_back_one(item: Any, saved: Mapping[str, Any], arrays: Mapping[str, np.ndarray], index: int) -> None:
    import keras

    state = dict(saved)
    operation = state.pop("monitor_op")
    item.monitor_op = None if operation is None else getattr(keras.ops, operation)
    for name, value in state.items():
        setattr(item, name, value)
    kept = {key.partition("/")[2]: value for key, value in arrays.items() if key.partition("/")[0] == str(index)}
    if kept:
        item.best_weights = [kept.get(str(place), value) for place, value in enumerate(item.model.get_weights())]


def _plain(value: Any) -> Any:
    return float(value) if hasattr(value, "__array__") else value
