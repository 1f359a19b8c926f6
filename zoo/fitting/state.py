"""What is known of a model beside its graphs: where its weights come from, what it was trained on, what moved."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.augment import Op
from zoo.compose import BuildRequest, Composition, compose
from zoo.errors import FrozenError, OptionError, UntrainedHeadError
from zoo.fitting.files import record_of, write_model
from zoo.keras_internals import scope_of
from zoo.modality import Intake
from zoo.registry import ZooNotice
from zoo.specs import RecipeSpec
from zoo.specs.record import ModelRecord
from zoo.training import receipts
from zoo.training.checks import SCRATCH
from zoo.training.freeze import flags, freeze
from zoo.training.layers import learns, names_of_layers, places, problem_with
from zoo.training.recipes.choosing import Layers, known_names, resolve
from zoo.training.runs.signals import ending_when_terminated


class Undo:
    """What becomes of a model after an error in a fit: everything is put back, then `then` is called with the error."""

    def __init__(self) -> None:
        self.then: Callable[[BaseException], None] | None = None


class ModelState:
    """What is known of a model beside its graphs.

    Args:
        composition: its graphs.
        head_state: "untrained", "pretrained" (weights that came with it) or "fitted".
        ops: augmentation, for the next fit.
        providers: rows of what plugins provided for it.
        training_files: beginnings of the sha256 of what the head was trained on.
        fresh_head: weights of the head when it was new; None: those it has.
        origin: record of the file that it was loaded from; None: it was built.
        request: what it was built by; None: it was loaded.

    Attributes:
        adapted: stages whose BatchNorm is no longer the pretrained one.
        unfrozen: stages and layers that train in the next fit beside the head.
        by_hand: what became of `trainable` that was set by hand, for the next run to say.
    """

    def __init__(
        self,
        composition: Composition,
        *,
        head_state: str,
        ops: Sequence[Op] = (),
        providers: Iterable[dict[str, Any]] = (),
        training_files: Iterable[str] = (),
        fresh_head: Sequence[np.ndarray] | None = None,
        origin: ModelRecord | None = None,
        request: BuildRequest | None = None,
    ) -> None:
        self.composition = composition
        self.request = request
        self.head_state = head_state
        self.ops = tuple(ops)
        self.providers = list(providers)
        self.training_files = set(training_files)
        self.origin = origin
        self.adapted: tuple[str, ...] = () if origin is None else origin.batchnorm_adapted
        self.unfrozen: tuple[str, ...] = ()
        self.by_hand: tuple[str, ...] = ()
        head = composition.head_weights() if composition.head is not None else []
        self._fresh_head = head if fresh_head is None else list(fresh_head)
        shipped = composition.head is not None and head_state == "pretrained"
        self._shipped_head = head if shipped else None
        self._shipped_files = frozenset(self.training_files) if shipped else frozenset()
        self._initial_base: list[np.ndarray] | None = None
        self._remember()

    # -- what it is ----------------------------------------------------------------------------------------------
    @property
    def weights(self) -> str | None:
        """Return where the weights of the base come from; None: random."""
        return self.composition.identity.weights

    @property
    def has_shipped_head(self) -> bool:
        """Return whether weights for this head on this base came with it."""
        return self._shipped_head is not None

    def require_trained(self, verb: str) -> None:
        """Refuse to answer with a head that was never trained.

        Args:
            verb: what was called.

        Raises:
            UntrainedHeadError: it was not.
        """
        if self.head_state == "untrained" and self._moved_elsewhere():
            self.head_state = "fitted"
            warnings.warn(
                f"{verb}: the head of this model was trained outside of zoo, in a Keras loop of your own: zoo knows "
                f"neither what it was trained on nor how good it is",
                ZooNotice,
                stacklevel=3,
            )
        if self.head_state == "untrained":
            raise UntrainedHeadError(
                f"{verb}: the head of this model was never trained, its answers would be random. Call fit first"
                + ("" if self.composition.identity.head is None else "; or build a head that ships weights")
            )

    def _moved_elsewhere(self) -> bool:
        """Whether somebody changed the head since it was new."""
        now = self.composition.head_weights()
        return any(not np.array_equal(old, new) for old, new in zip(self._fresh_head, now, strict=True))

    def solves_head(self, recipe: RecipeSpec) -> bool:
        """Return whether a recipe begins by solving the head exactly, whatever its weights are."""
        return recipe.phases[0].solver == "convex" and self.composition.linear_layer() is not None

    # -- what others may have changed ----------------------------------------------------------------------------
    def _remember(self) -> None:
        """What BatchNorm of the base and all flags are now, so that a change by others is noticed."""
        self.batchnorm = receipts.batchnorm(self.composition)
        self._flags = flags(self._base())
        self._head_flags = flags([] if self.composition.head is None else [self.composition.head])

    def _base(self) -> list[Any]:
        return [layer for stage in self.composition.stages for layer in stage.layers]

    def check_untouched(self) -> None:
        """Check that BatchNorm of a pretrained base is what zoo left.

        Raises:
            FrozenError: somebody else moved it; the message names the layer.
        """
        if self.weights is None:
            return
        moved = receipts.changed(self.batchnorm, receipts.batchnorm(self.composition))
        if moved:
            raise FrozenError(
                f"BatchNorm of the pretrained base was changed outside of zoo: {len(moved)} layers, first "
                f"{moved[0]!r}. Build the model again; if its BatchNorm is to adapt, say so with fit(batchnorm='adapt')"
            )

    def changed_flags(self) -> list[str]:
        """Return the names of the base's layers whose `trainable` somebody changed since zoo set it."""
        now = flags(self._base())
        return [name for (name, new), (_, old) in zip(now, self._flags, strict=False) if new != old]

    def changed_by_hand(self) -> list[str]:
        """Return notices on `trainable` flags that somebody changed: what became of them."""
        notices, self.by_hand = list(self.by_hand), ()
        if self.composition.head is None:
            return notices
        now = flags([self.composition.head])
        changed = [name for (name, new), (_, old) in zip(now, self._head_flags, strict=True) if new != old]
        if changed:
            notices.append(
                f"`trainable` was changed by hand on {len(changed)} layers (first {changed[0]!r}) of the head; those "
                f"that are frozen stay so"
            )
        return notices

    def note_adapted(self) -> None:
        """Put on record which stages of a pretrained base have BatchNorm that moved since the fit began."""
        if self.weights not in (None, SCRATCH):
            moved = receipts.adapted(self.composition, self.batchnorm)
            self.adapted = tuple(name for name in self.composition.stage_names if name in (*self.adapted, *moved))

    # -- what trains ---------------------------------------------------------------------------------------------
    def resolved(self, recipe: RecipeSpec) -> RecipeSpec:
        """Return what a recipe means on this base.

        Raises:
            OptionError: it names what the base does not have.
        """
        return resolve(recipe, self.composition.stage_names, Layers(self.composition.stages))

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return names of stages, and of layers as `stage/layer`, in place of what was written.

        Raises:
            OptionError: the base has neither a stage nor a layer of a name, or the layer cannot train alone.
        """
        stages = self.composition.stages
        known = known_names(names, self.composition.stage_names, names_of_layers(stages))
        problem = problem_with(stages, [name for name in known if "/" in name], batchnorm="frozen")
        if problem:
            raise OptionError(problem)
        return known

    def above(self, until: str) -> list[str]:
        """Return what is above a stage or a layer of the base: layers of the same stage, then whole stages.

        Raises:
            OptionError: the base has no such stage or layer.
        """
        names = self.composition.stage_names
        (last,) = known_names([until], names, names_of_layers(self.composition.stages))
        stage, _, path = last.partition("/")
        above = names[names.index(stage) + 1 :]
        if not path:
            return above
        listed = [place for place in places(self.composition.stages) if place.stage == stage]
        end = max(index for index, place in enumerate(listed) if f"{place.path}/".startswith(f"{path}/"))
        return [*(item.name for item in listed[end + 1 :] if learns(item.layer)), *above]

    def set_unfrozen(self, names: Iterable[str]) -> None:
        """Let these stages and layers train in the next fit, and no others; sets `trainable` of the layers too.

        Args:
            names: of stages and layers, as `known` gives them.

        Raises:
            OptionError: nothing of this model is frozen, or nothing of it trains.
        """
        composition = self.composition
        if composition.head is None:
            raise OptionError("this model is the pretrained classifier without a head of yours: nothing of it trains")
        if self.weights is None:
            raise OptionError("a base with random weights trains as a whole (recipe='scratch'): nothing is frozen")
        chosen = self.known(names)
        stages = composition.stage_names
        self.unfrozen = tuple(sorted(chosen, key=lambda name: stages.index(name.partition("/")[0])))
        freeze(composition.backbone, composition.stages, unfreeze=self.unfrozen)
        self._flags = flags(self._base())

    # -- a fit ---------------------------------------------------------------------------------------------------
    def start(self, start: str, recipe: RecipeSpec) -> list[str]:
        """Put the head where a fit starts.

        Args:
            start: "fresh" or "pretrained".
            recipe: of the fit.

        Returns:
            Notices on where it starts.
        """
        notices = []
        if start == "pretrained":
            assert self._shipped_head is not None
            self.composition.set_head_weights(self._shipped_head)
            notices.append("the head starts from its shipped weights")
        elif self.head_state == "fitted" and self.solves_head(recipe):
            notices.append(
                "this fit continues from the base of the one before, the head is solved anew; reset() starts anew"
            )
        elif self.head_state == "fitted":
            notices.append("this fit continues from the weights of the one before; model.reset() starts anew")
        elif self.head_state == "pretrained":
            self.composition.set_head_weights(self._fresh_head)
            notices.append("the head starts fresh; its shipped weights are not used (start='pretrained' uses them)")
        augmented = () if self.origin is None else self.origin.augment
        if augmented and not self.ops:
            notices.append(
                f"the model was trained with augmentation ({', '.join(augmented)}), this fit goes without: "
                f"zoo.load takes augment="
            )
        return notices

    def note_fitted(self, training_files: Iterable[str]) -> None:
        """Put on record that the model was trained on these files (beginnings of their sha256)."""
        self.training_files = set(training_files)
        self.head_state = "fitted"
        self.note_adapted()

    @property
    def takes_intake(self) -> bool:
        """Return whether its intake may still be fitted: nothing of it was trained, and it can be composed anew."""
        return self.request is not None and self.head_state == "untrained" and not self._moved_elsewhere()

    def compose_with(self, intake: Intake) -> None:
        """Compose the model anew, from the same request and seed, with another intake; the labels stay.

        Args:
            intake: fitted on the training part of a fit.
        """
        assert self.request is not None
        outputs = self.composition.outputs
        with warnings.catch_warnings(), scope_of(self.composition.serving):
            warnings.simplefilter("ignore", ZooNotice)  # said when it was built
            self.composition, _ = compose(replace(self.request, intake=intake, progress=None))
        self.composition.outputs = outputs
        self._fresh_head = self.composition.head_weights()
        self._initial_base = None
        self._remember()

    def reset(self) -> None:
        """Go back to the state after `build`.

        Raises:
            OptionError: the model was loaded from a file, which does not hold the weights it once started from.
        """
        if self.origin is not None:
            raise OptionError("reset: a saved file does not hold the weights the model started from; build it again")
        if self.composition.head is not None:
            self.composition.set_head_weights(self._shipped_head or self._fresh_head)
            self.head_state = "untrained" if self._shipped_head is None else "pretrained"
        if self._initial_base is not None:
            self.composition.backbone.set_weights(self._initial_base)
            self._remember()
        self.adapted = ()
        self.training_files = set(self._shipped_files)

    @contextmanager
    def whole_or_not_at_all(self, *, tunes_base: bool) -> Iterator[Undo]:
        """Put weights and labels back if a fit in here fails; leave the base frozen in any case.

        Args:
            tunes_base: whether the base may move.

        Yields:
            Where the fit says what to do after everything was put back.
        """
        composition = self.composition
        assert composition.head is not None
        if tunes_base and self._initial_base is None:
            self._initial_base = composition.backbone.get_weights()  # for reset()
        outputs, head = composition.outputs, composition.head_weights()
        before = self.head_state, self.training_files, self.providers, self.adapted
        fresh = self._fresh_head
        base = composition.backbone.get_weights() if tunes_base else None
        undo = Undo()
        try:
            with ending_when_terminated():
                yield undo
        except BaseException as error:
            self.composition, self._fresh_head = composition, fresh
            composition.outputs = outputs
            composition.set_head_weights(head)
            self.head_state, self.training_files, self.providers, self.adapted = before
            if base is not None:
                composition.backbone.set_weights(base)
            if undo.then is not None:
                undo.then(error)
            raise
        finally:
            if self.weights is not None:
                freeze(self.composition.backbone, self.composition.stages, unfreeze=self.unfrozen)
            self._remember()

    # -- files ---------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model and what is known of it.

        Args:
            path: a name that ends in `.keras`.

        Raises:
            OptionError: the name does not end in `.keras`, or its folder does not exist.
        """
        return write_model(self.composition, self.record(), path)

    def record(self) -> ModelRecord:
        """Return what a file says of the model now."""
        return record_of(
            self.composition,
            head_state=self.head_state,
            batchnorm_adapted=self.adapted,
            training_files=tuple(sorted(self.training_files)),
            augment=tuple(op.name for op in self.ops),
            providers=tuple(self.providers),
        )
