"""What every recipe has to keep to: `RecipeConformance`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any, ClassVar

from zoo.errors import OptionError, PluginError
from zoo.specs import HEAD_STAGE, PhaseSpec, RecipeSpec
from zoo.testing.suite import EntryConformance

STEPS = 2
"""Batches that a phase is cut to where a recipe is tried; the first of a warm-up may have next to no learning rate."""


class RecipeConformance(EntryConformance):
    """The checks of a recipe.

    Example:
        ```python
        class TestBirdsGentle(RecipeConformance):
            name = "birds-gentle"
        ```

    Attributes:
        name: the recipe, bare or as "plugin:name".
    """

    abstract = True
    kind: ClassVar[str] = "recipes"

    # -- what checks look at -------------------------------------------------------------------------------------
    def _base(self) -> Any:
        """A head on a base of three stages, with augmentation if the recipe is about views."""
        import zoo
        from zoo.specs import Preprocessing
        from zoo.testing.tiny import COLORS, tiny_backbone

        model = zoo.build(
            tiny_backbone(),
            zoo.head("linear", labels=list(COLORS)),
            preprocessing=Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0)),
            augment=["flip"] if any(phase.views for phase in self.spec.phases) else None,
        )
        if any(phase.batchnorm == "train" for phase in self.spec.phases):
            model.composition.identity = model.composition.identity.changed(
                weights=None
            )  # it is for a base that nobody has trained
        return model

    def _stages(self) -> list[str]:
        """The stages of the tiny base, from the input upward."""
        return self.keep("stages", lambda: [stage.name for stage in self._base().composition.stages])

    def _named(self) -> set[str]:
        """The stages that the recipe names."""
        named: set[str] = set()
        for phase in self.spec.phases:
            named |= set(phase.unfreeze) if isinstance(phase.unfreeze, tuple) else set()
            named |= set(phase.stage_rates)
        return named - {HEAD_STAGE}

    # -- what is declared ----------------------------------------------------------------------------------------
    def check_valid(self) -> None:
        """The recipe is listed, and whoever takes it is told that it is none."""
        if self.name != self.name.lower():
            self.skip(f"{self.name!r} cannot be reached: ids and names are lower case (PluginConformance says more)")
        try:
            self.plugins.registry().get(self.kind, self.name).spec.phases  # noqa: B018 - reading it is the check
        except PluginError as error:
            self.fail(str(error))

    def check_reachable(self) -> None:
        """`fit(recipe=NAME)` means a file, or that `fit` is to choose, and never this recipe."""
        self.need("check_valid")
        from zoo.training.recipes.auto import AUTO
        from zoo.training.recipes.files import SUFFIXES

        unnamed = RecipeSpec.model_fields["name"].default
        for spelling in (self.spec.name, *self.spec.aliases):
            if spelling in (AUTO, unnamed):
                self.fail(f"{spelling!r} means something else to `fit`: take another name")
            if spelling.endswith(SUFFIXES):
                self.fail(f"{spelling!r} is taken for a file: a name must not end in {', '.join(SUFFIXES)}")

    # -- on a base -----------------------------------------------------------------------------------------------
    def check_resolves(self) -> None:
        """The recipe names stages that no base has, so that it cannot be used at all."""
        self.need("check_valid")
        from zoo.training.recipes.choosing import resolve

        bases = [self._stages()]
        if not self._named() <= set(bases[0]):  # stages of one family: some backbone must have them all
            rows = self.plugins.registry().entries("backbones")
            bases += [[stage["name"] for stage in entry.data.get("stages", ())] for entry in rows]
        refused = ""
        for stages in bases:
            try:
                resolve(self.spec, stages)
                return
            except OptionError as error:
                refused = refused or str(error)
        self.fail(f"it fits neither the tiny base nor any backbone that is listed: {refused}")

    def check_trains(self) -> None:
        """`fit` with the recipe ends in an error, or what the recipe says it trains does not move."""
        self.need("check_resolves")
        unknown = sorted(self._named() - set(self._stages()))
        if unknown:
            self.skip(f"the tiny base has no {', '.join(unknown)} to train: try it in a test on a base that has")
        if any(isinstance(phase.class_weight, dict) for phase in self.spec.phases):
            self.skip("it weighs classes by name, and the tiny pictures have others: try it in a test on its own data")
        from zoo.testing.tiny import tiny_dataset

        with tempfile.TemporaryDirectory() as folder:
            run = self._base().fit(
                tiny_dataset(count=24),
                validation=0.25,
                recipe=self.spec.model_copy(update={"phases": tuple(_cut(phase) for phase in self.spec.phases)}),
                directory=f"{folder}/run",
                cache=False,
                checkpoint_every=None,
            )
        still = [f"{item.part} of {item.stage}" for item in run.receipts if item.says == "stood still"]
        if still:
            where = ", ".join(dict.fromkeys(still))
            self.fail(f"after {STEPS} steps a phase not a bit moved of what it trains: {where}")
        self._refuse_unseen(run.history)

    def _refuse_unseen(self, history: Mapping[str, Any]) -> None:
        """Figures that phases watch, and that nothing measures."""
        watching = [phase for phase in self.spec.phases if phase.patience or phase.keep == "best"]
        unseen = sorted({phase.monitor for phase in watching} - set(history))
        if unseen:
            self.fail(f"patience and keep go by {', '.join(unseen)}; training measures {', '.join(history)}")


def _cut(phase: PhaseSpec) -> PhaseSpec:
    """The phase with a few small steps; a convex one as it is."""
    if phase.solver == "convex":
        return phase
    said = phase.model_dump(exclude_unset=True)
    # What moved is to be seen, better or not.
    return PhaseSpec.model_validate({**said, "epochs": 0, "steps": STEPS, "batch_size": 8, "keep": "last"})
