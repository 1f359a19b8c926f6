"""Keras callbacks that zoo adds to a phase of gradient descent: the display, and what ends it early."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import OptionError
from zoo.progress import Display, figures
from zoo.specs import PhaseSpec

if TYPE_CHECKING:
    from zoo.training.descent.descend import Descent
    from zoo.training.descent.keeping import KeepBest


def shown(display: Display, descent: Descent, *, done: int) -> Any:
    """Return a callback that moves the bar with every step and says what each epoch came to.

    Args:
        display: what shows it.
        descent: the phase.
        done: batches of the epoch it starts with that were done before.
    """
    import keras

    at: dict[str, Any] = {"epoch": 0, "before": done, "started": 0.0}
    title, first_epoch, epochs, steps = descent.title, descent.first_epoch, descent.epochs, descent.steps

    def place() -> str:
        return f"{title}, epoch {at['epoch'] + 1} of {epochs}" if epochs > 1 else title

    def on_epoch_begin(epoch: int, logs: Any) -> None:
        at.update(epoch=epoch - first_epoch, started=time.monotonic())

    def on_batch_end(batch: int, logs: Any) -> None:
        if not display.is_due:
            return
        count = at["epoch"] * steps + at["before"] + batch + 1
        display.show(
            title, count, epochs * steps, detail=f"{place().removeprefix(title)}: {figures(numbers_of(logs or {}))}"
        )

    def on_epoch_end(epoch: int, logs: Any) -> None:
        display.say(f"{place()}: {figures(numbers_of(logs or {}))}, {time.monotonic() - at['started']:.1f} s")
        at["before"] = 0

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=on_epoch_begin,
        on_train_batch_end=on_batch_end,
        on_epoch_end=on_epoch_end,
        on_train_end=lambda logs: display.stop(),
    )


def ends(
    phase: PhaseSpec, model: Any, done_after: Callable[[int], int], validated: bool, keeper: KeepBest | None
) -> list[Any]:
    """Callbacks that end a phase before its last epoch, or go back to its best one.

    Args:
        phase: steps, patience.
        model: what is trained.
        done_after: number of a batch, as Keras counts them in an epoch -> batches of the phase that are then done.
        validated: whether examples are held out.
        keeper: goes back to the best epoch; None: the last one is kept.

    Raises:
        OptionError: what it goes by is measured on held out examples, and there are none.
    """
    import keras

    callbacks: list[Any] = []
    if phase.steps is not None:
        last = phase.steps

        def stop(batch: int, logs: Any) -> None:
            if done_after(batch) >= last:
                model.stop_training = True

        callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=stop))
    if phase.stop_at:
        for name in phase.stop_at:
            _check_held_out(phase, name, validated)
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=_stopping(phase, model)))
    if phase.patience is not None or keeper is not None:
        _check_held_out(phase, phase.monitor, validated)
    if phase.patience is not None:
        mode = "max" if _more_is_better(phase.monitor) else "min"
        callbacks.append(keras.callbacks.EarlyStopping(phase.monitor, patience=phase.patience, mode=mode))
    return callbacks if keeper is None else [*callbacks, keeper]


def _check_held_out(phase: PhaseSpec, name: str, validated: bool) -> None:
    if name.startswith("val_") and not validated:
        raise OptionError(
            f"phase {phase.name!r} goes by {name!r} and nothing is held out: pass validation=, or "
            f"monitor={name.removeprefix('val_')!r}"
        )


def _stopping(phase: PhaseSpec, model: Any) -> Callable[[int, Any], None]:
    """What ends the phase after an epoch in which every target is reached.

    Raises (from the function):
        OptionError: a target is not in the history; it is named.
    """

    def look(epoch: int, logs: Any) -> None:
        values = numbers_of(logs or {})
        for name in phase.stop_at:
            if name not in values:
                raise OptionError(
                    f"phase {phase.name!r} stops at a {name!r} that is not in the history: {', '.join(values)}"
                )
        reached = [
            values[name] >= target if _more_is_better(name) else values[name] <= target
            for name, target in phase.stop_at.items()
        ]
        if all(reached):
            model.stop_training = True

    return look


def keeper_of(phase: PhaseSpec) -> KeepBest | None:
    """Return the callback that goes back to the best epoch of a phase; None where the last one is kept.

    Args:
        phase: which epoch is kept, and by what it is judged.
    """
    if phase.keep != "best":
        return None
    from zoo.training.descent.keeping import KeepBest  # here, not above: it loads Keras

    return KeepBest(phase.monitor, -1 if _more_is_better(phase.monitor) else 1)


def _more_is_better(monitor: str) -> bool:
    """Whether more is better: of accuracies; of losses and errors less."""
    return monitor.endswith("accuracy")


def is_number(value: Any) -> bool:
    """Return whether a value in the logs of an epoch is one number: callbacks may put arrays and text there too."""
    try:
        return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf"
    except (TypeError, ValueError):
        return False


def numbers_of(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers in the logs of an epoch."""
    return {name: float(value) for name, value in logs.items() if is_number(value)}
