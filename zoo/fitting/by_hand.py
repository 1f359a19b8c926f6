"""`trainable` that somebody set by hand, on a base of their own or in the Keras model: obeyed, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from zoo.errors import OptionError
from zoo.fitting.state import ModelState
from zoo.registry import ZooNotice
from zoo.training.layers import is_batchnorm, is_open, learns, places, places_in, trained_by_hand

_RANDOM = (
    "`trainable` is False on layers ({}) of a base with random weights, which learns as a whole (recipe='scratch'): "
    "set it back to True, or build the base with weights that are worth keeping"
)


def follow_own_base(state: ModelState, model: Any) -> None:
    """Let train what is trainable in a Keras model that became a base, where somebody froze some of its layers.

    A model in which nothing is frozen says nothing: that is how Keras makes them. Its base is frozen, as any other.

    Args:
        state: of the model that was built on it.
        model: the caller's Keras model.

    Raises:
        OptionError: layers are frozen, and the weights were not to be kept (`weights=None`).
    """
    learn = [place for place in places_in(model.layers) if learns(place.layer)]
    on = {place.path for place in learn if is_open(place.layer)}
    if not on or len(on) == len(learn) or state.composition.head is None:
        return
    if state.weights is None:
        raise OptionError(_RANDOM.format(_some([place.path for place in learn if place.path not in on])))
    chosen = [place.name for place in places(state.composition.stages) if place.path in on]
    if len(chosen) != len(on):
        raise OptionError(
            f"some layers of {model.name!r} were frozen by hand (trainable=False), and those inside blocks of your own "
            "cannot be followed by name: give the inner layers names, or set trainable=True on all and say "
            "fit(stages=[...])"
        )
    state.set_unfrozen(chosen)
    frozen = len(learn) - len(on)
    warnings.warn(
        f"{model.name!r} has {frozen} {'layer' if frozen == 1 else 'layers'} frozen by hand (trainable=False), so the "
        f"others train in the next fit: {_some(sorted(on))}. model.freeze() freezes them all",
        ZooNotice,
        stacklevel=3,
    )


def follow_flags(state: ModelState, stages: Sequence[str] | None) -> None:
    """Let train what is trainable by the flags of the base's layers, if somebody changed one since zoo set them.

    Args:
        state: of the model.
        stages: what the caller of fit named; it must not say something else.

    Raises:
        OptionError: what was set by hand cannot be done, or contradicts what fit was called with.
    """
    changed = state.changed_flags()
    if not changed:
        return
    composition = state.composition
    norms = {place.layer.name for place in places(composition.stages) if is_batchnorm(place.layer)}
    layers = [name for name in changed if name not in norms]
    if state.weights is None:
        off = [place.path for place in places(composition.stages) if learns(place.layer) and not is_open(place.layer)]
        if off:
            raise OptionError(_RANDOM.format(_some(off)))
        return
    notices = [_obeyed(state, layers, stages)] if layers else []
    if len(layers) < len(changed):
        notices.append(
            "`trainable` was set by hand on BatchNorm of the base, which stays frozen: fit(batchnorm='adapt') lets it "
            "adapt in what trains"
        )
    state.by_hand = tuple(notices)


def _obeyed(state: ModelState, layers: Sequence[str], stages: Sequence[str] | None) -> str:
    """What is said of layers, beside BatchNorm, whose flags were changed; from now on they are what trains."""
    chosen = trained_by_hand(state.composition.stages)
    if stages is not None and set(stages) != set(chosen):
        raise OptionError(
            f"`trainable` was set by hand on {_some(layers)}, and stages= says something else: keep one of the two "
            f"(model.freeze() takes back what was set by hand)"
        )
    state.set_unfrozen(chosen)
    what = _some(chosen) if chosen else "nothing"
    return f"`trainable` was set by hand on {_some(layers)}, and is obeyed: of the base {what} trains"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:3]))
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
