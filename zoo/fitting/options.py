"""What `fit` is asked for: every keyword, and every error that needs no data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo import augment as augment_room
from zoo.compose import FIXED
from zoo.errors import OptionError, UnknownNameError
from zoo.fitting.by_hand import follow_flags
from zoo.fitting.examples import Request
from zoo.fitting.state import ModelState
from zoo.plugin import provenance, registry
from zoo.progress import Display
from zoo.registry import Entry
from zoo.scalars import check_whole, plain
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.tasks import of
from zoo.training.checks import SCRATCH, check_recipe
from zoo.training.descent import devices
from zoo.training.recipes.auto import AUTO, frozen_recipe
from zoo.training.recipes.choosing import choose
from zoo.training.settings import Live


@dataclass(frozen=True)
class FitOptions:
    """Every keyword of `TransferModel.fit` that decides numbers, under the same name; see there.

    `callbacks`, `checkpoint_every`, `verbose` and `progress` accompany a fit and are in `zoo.training.settings.Live`.
    """

    validation: Any = 0.2
    test: Any = 0.0
    group: str | None = None
    recipe: str | os.PathLike[str] | RecipeSpec | None = None
    epochs: int | None = None
    batch_size: int | str | None = None
    learning_rate: float | None = None
    loss: str | None = None
    stop_at: Mapping[str, float] | None = None
    stages: Sequence[str] | None = None
    batchnorm: str | None = None
    augment_in: str | None = None
    class_weight: str | Mapping[int, float] | None = None
    seed: int = 0
    start: str = "fresh"
    directory: str | os.PathLike[str] | None = None
    cache: bool = True
    cached_prefix: bool | None = None
    views: int | None = None

    def checked(self, state: ModelState) -> FitOptions:
        """Return the options with what the model adds to them, or the first error that needs no data.

        Args:
            state: of the model.

        Raises:
            OptionError: arguments that do not go together, or not with this model.
            FrozenError: BatchNorm of the base was changed by somebody else.
        """
        if isinstance(self.stages, str):
            raise OptionError(
                f"stages= takes a list of names of stages or layers, e.g. ['stage4']; got {self.stages!r}"
            )
        follow_flags(state, None if self.stages is None else state.known(self.stages))
        options, composition = self._completed(state), state.composition
        has_box = any(of(output).are_places for output in composition.outputs)
        if state.ops and has_box:
            augment_room.check_boxes_follow(state.ops)
        # What needs least is checked before any long work; what auto chooses needs no more.
        recipe, _ = options.chosen(state, options.recipe or options.least(state))
        options._check_views(state, recipe, has_box=has_box)
        check_recipe(composition, recipe, augment=() if options.augment_in == "none" else state.ops)
        devices.check(composition)
        options._check_start(state, recipe)
        state.check_untouched()
        check_whole("seed", options.seed, least=0)
        return options

    def _completed(self, state: ModelState) -> FitOptions:
        """The options with plain numbers, "auto" as no recipe, and the stages that were unfrozen."""
        names = ("epochs", "batch_size", "learning_rate", "loss", "stop_at", "seed", "views", "stages")
        options = replace(self, **{name: plain(getattr(self, name)) for name in names})
        if isinstance(options.recipe, str) and options.recipe == AUTO:
            options = replace(options, recipe=None)
        if options.recipe is None and _is_random(state):
            options = replace(options, recipe=_recipe_of_noise(state))
        if options.stages is None and state.unfrozen:
            recipe, stages = recipe_for_unfrozen(state, options.recipe)
            options = replace(options, recipe=recipe, stages=stages)
        if options.recipe is None and state.weights == FIXED:
            options = replace(options, recipe=options.least(state))
        options._check_augment_in(state)
        return options

    def _check_augment_in(self, state: ModelState) -> None:
        if self.augment_in is not None and not state.ops:
            raise OptionError(
                f"augment_in={self.augment_in!r}: there is no augmentation; build the model with augment="
            )

    # -- the recipe ----------------------------------------------------------------------------------------------
    @property
    def automatic(self) -> bool:
        """Return whether the recipe is chosen from the data."""
        return self.recipe is None

    def changes(self) -> dict[str, Any]:
        """Return what these options change in a recipe."""
        names = ["epochs", "batch_size", "learning_rate", "loss", "stop_at"]
        names += ["stages", "views", "batchnorm", "augment_in"]
        return {name: getattr(self, name) for name in names}

    def chosen(self, state: ModelState, recipe: str | os.PathLike[str] | RecipeSpec) -> tuple[RecipeSpec, list[Entry]]:
        """Return a recipe with the changes of these options, resolved on the base, and whose it is.

        Args:
            state: of the model.
            recipe: a name, a path or a recipe.

        Raises:
            UnknownNameError: there is no such recipe.
            OptionError: a change that the recipe has no use for, or a stage that is not there.
        """
        with provenance.recording() as origin:
            changed = choose(recipe, **self.changes())
        return state.resolved(changed), origin

    def least(self, state: ModelState) -> str:
        """Return the simplest recipe that has a use for these options."""
        if self.stages is not None or self.batchnorm is not None:
            return "lp-ft"
        if self.start == "pretrained" or any(value is not None for value in self.changes().values()):
            return "head"
        return usual_recipe(state)

    def may_tune_base(self, state: ModelState) -> bool:
        """Return whether the base may move."""
        if self.recipe is None:
            return True
        return any(phase.unfreeze for phase in self.chosen(state, self.recipe)[0].phases)

    @property
    def title(self) -> str:
        """Return what the recipe is called in the name of the run's folder."""
        if self.recipe is None:
            return AUTO
        return choose(self.recipe).name

    def continues(self, state: ModelState) -> bool:
        """Return whether the head starts from weights that were trained before."""
        return state.head_state == "fitted" or self.start == "pretrained"

    def request(self, data: Any) -> Request:
        """Return what a run on this data is to learn from and to be measured on."""
        return Request(data, self.validation, self.test, self.group, self.seed)

    # -- checks --------------------------------------------------------------------------------------------------
    def _check_views(self, state: ModelState, recipe: RecipeSpec, *, has_box: bool) -> None:
        moving = [op.name for op in state.ops if op.boxes == "moved"]
        if moving and has_box and any(phase.views for phase in recipe.phases):
            raise OptionError(
                f"views= keeps features, not where boxes have moved to, and {', '.join(moving)} moves them: leave "
                f"views= out, or take augmentation that leaves everything in its place"
            )

    def _check_start(self, state: ModelState, recipe: RecipeSpec) -> None:
        if self.start not in ("fresh", "pretrained"):
            raise OptionError(f"start= takes 'fresh' or 'pretrained'; got {self.start!r}")
        if self.start == "fresh":
            return
        if not state.has_shipped_head:
            raise OptionError("start='pretrained': no weights for this head on this backbone were shipped")
        if state.solves_head(recipe):
            raise OptionError(
                f"start='pretrained' has no effect with recipe {recipe.name!r}, which solves the head anew: take 'head'"
            )


def _is_random(state: ModelState) -> bool:
    """Whether the base has random weights, and a head to train with it."""
    return state.weights is None and state.composition.head is not None


def _own_recipe(state: ModelState) -> str | None:
    """The recipe that the row of the backbone names; None without one, and of a file whose plugin is not here."""
    try:
        entry = registry().get("backbones", state.composition.identity.backbone)
    except UnknownNameError:
        return None
    recipe: str | None = entry.spec.recipe
    return recipe if recipe is None or ":" in recipe else f"{entry.id.partition(':')[0]}:{recipe}"


def _recipe_of_noise(state: ModelState) -> str:
    """What trains a model with random weights: features of noise are of no use, and nothing is there to choose."""
    return _own_recipe(state) or SCRATCH


def usual_recipe(state: ModelState) -> str:
    """Return what trains the head alone: "probe" for a linear head without augmentation, else "head"."""
    return frozen_recipe(linear=state.composition.linear_layer() is not None, augmented=bool(state.ops))


def recipe_for_unfrozen(
    state: ModelState, recipe: str | os.PathLike[str] | RecipeSpec | None
) -> tuple[str | os.PathLike[str] | RecipeSpec, tuple[str, ...]]:
    """Return the recipe and the stages of a fit after `unfreeze`.

    Args:
        state: of the model.
        recipe: what was asked for.

    Raises:
        OptionError: the recipe trains no stage.
    """
    chosen = choose(recipe or "lp-ft")
    if not any(phase.unfreeze for phase in chosen.phases):
        raise OptionError(
            f"{', '.join(state.unfrozen)} were unfrozen, and recipe {chosen.name!r} trains no stage of the base: "
            f"take 'lp-ft', or call model.freeze() first"
        )
    return recipe or "lp-ft", state.unfrozen


def last_descent(state: ModelState, recipe: str | os.PathLike[str] | RecipeSpec) -> PhaseSpec:
    """Return the last phase of gradient descent of a recipe, resolved on the base of a model.

    Args:
        state: of the model; stages that were unfrozen train.
        recipe: a name, a path or a recipe.

    Raises:
        OptionError: a recipe without gradient descent.
    """
    stages: Sequence[str] | None = None
    if state.unfrozen:
        recipe, stages = recipe_for_unfrozen(state, recipe)
    chosen = state.resolved(choose(recipe, stages=stages))
    phases = [phase for phase in chosen.phases if phase.solver == "gradient"]
    if not phases:
        raise OptionError(f"recipe {chosen.name!r} solves the head exactly: nothing has a learning rate")
    return phases[-1]


def live_of(callbacks: Any, checkpoint_every: float | None, verbose: int | str, progress: Any) -> Live:
    """Return who is told of a fit.

    Args:
        callbacks: None, one Keras callback, or a list.
        checkpoint_every: seconds between checkpoints, or None.
        verbose: as for `fit`.
        progress: as for `fit`.

    Raises:
        OptionError: something that is no callback, or no number of seconds.
    """
    import keras

    seconds: Any = checkpoint_every
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0):
        raise OptionError(f"checkpoint_every={seconds!r} must be a number of seconds from 0, or None")
    listed: list[Any] = [] if callbacks is None else keras.tree.flatten(callbacks)
    for item in listed:
        if not isinstance(item, keras.callbacks.Callback):
            raise OptionError(f"callbacks= takes Keras callbacks (keras.callbacks.Callback); got {item!r}")
    display = Display(verbose)
    return Live(listed, display, display.counter("features", also=progress), checkpoint_every)
