"""One phase of gradient descent on a Keras model of the test's own."""

from __future__ import annotations

from typing import Any

from zoo.training.descent.descend import Descent, Goal
from zoo.training.settings import Live


def descend(
    model: Any, phase: Any, learning: Any, checking: Any, *, seed: int, callbacks: Any = (), **rest: Any
) -> Any:
    """The history of a phase; `rest` are the fields of a `Goal` and what a `Descent` takes beside it."""
    goal = Goal(**{name: rest.pop(name) for name in ("layers", "outputs", "from_logits", "scales")})
    descent = Descent(model, phase, learning, checking, goal, seed, **rest)
    return descent.run(Live(callbacks=callbacks)).history
