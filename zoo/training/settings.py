"""What a training depends on beside model, data and recipe: `Settings` decide the numbers, `Live` only accompanies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.augment import Op, transform
from zoo.features import Features
from zoo.features.extraction import Progress, View
from zoo.features.identity import augmentation_key
from zoo.progress import Display
from zoo.training.runs.checkpointer import Checkpointer

if TYPE_CHECKING:
    from zoo.compose import Composition
    from zoo.data import Transform


@dataclass(frozen=True)
class Live:
    """Who is told of a training while it runs.

    Attributes:
        callbacks: Keras callbacks, for every phase.
        display: shows features, epochs and steps.
        progress: called with (examples done, examples in all) while features are computed.
        every: seconds between checkpoints within an epoch; 0 for every step; None for none at all.
    """

    callbacks: Sequence[Any] = ()
    display: Display = field(default_factory=lambda: Display(0))
    progress: Progress | None = None
    every: float | None = None


@dataclass(frozen=True)
class Settings:
    """Everything besides model, data and recipe that the numbers of a training depend on.

    Attributes:
        seed: of the order of examples, augmentation and the solver.
        ops: augmentation, in order.
        class_weight: None, "balanced", or class index -> weight in the loss.
        cache: whether features are looked up and kept.
        prefix: whether the outputs of frozen stages are computed once and kept; None: where it pays.
        fresh_head: whether the head starts anew, so that its values take their units from the training targets.
        features: of all examples of the split, where they have been computed already.
        live: who is told.
        checkpoint: saves the run, and puts it back where it was; None: nothing is saved.
    """

    seed: int = 0
    ops: Sequence[Op] = ()
    class_weight: Any = None
    cache: bool = True
    prefix: bool | None = None
    fresh_head: bool = True
    features: Features | None = None
    live: Live = field(default_factory=Live)
    checkpoint: Checkpointer | None = None

    def augment(self) -> Callable[[int], Transform] | None:
        """Return the function from an epoch to what is done to its examples; None without augmentation."""
        if not self.ops:
            return None
        return lambda epoch: transform(self.ops, seed=self.seed, epoch=epoch)

    def view(self, number: int) -> View:
        """Return how examples are changed in the view of this number, from 1: as in the epoch of that number."""
        return View(
            transform(self.ops, seed=self.seed, epoch=number),
            augmentation_key(self.ops, seed=self.seed, view=number),
        )

    def saver(self, composition: Composition) -> Checkpointer:
        """Return what saves the run; without one, a checkpointer that writes nothing."""
        return self.checkpoint or Checkpointer(Path(), composition, context={}, every=None)

    def plain(self) -> Settings:
        """Return the same settings without augmentation."""
        return replace(self, ops=())
