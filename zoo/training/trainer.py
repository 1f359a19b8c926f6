"""Carries out a recipe phase by phase, and proves after each what stayed frozen."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.compose import Composition
from zoo.data import Dataset, Split
from zoo.errors import DataError, DivergedError
from zoo.features import Features
from zoo.features.extraction import Kept
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.specs.record import PhaseReport
from zoo.tasks import of
from zoo.training import receipts
from zoo.training.checks import SCRATCH
from zoo.training.descent.mixing import mixes_examples
from zoo.training.descent.sources import Images
from zoo.training.outcome import Outcome
from zoo.training.phases.examples import train_on_examples
from zoo.training.phases.features import decodable, features_for, features_of_views
from zoo.training.phases.head import train_head
from zoo.training.phases.maps import kept_maps
from zoo.training.phases.probe import solve
from zoo.training.phases.work import Measure, Work, scores_of_features, several
from zoo.training.runs.callback_states import keep_writing
from zoo.training.settings import Settings
from zoo.training.surgery import most_wanting, relative_gradients


@dataclass(frozen=True)
class Trainer:
    """Trains a model on the examples of a split.

    Attributes:
        composition: the model; its head, and the stages that a recipe unfreezes, are changed in place.
        dataset: labeled data whose classes are those of the head.
        split: positions to train on, to choose by and to judge by.
        measure: gives loss and accuracy of scores.
        settings: everything else that the numbers depend on.
    """

    composition: Composition
    dataset: Dataset
    split: Split
    measure: Measure
    settings: Settings

    def run(self, recipe: RecipeSpec) -> Outcome:
        """Carry out a recipe.

        Args:
            recipe: resolved on the stages of the base.

        Returns:
            What was done, with the scores of the held-out examples if the base did not change.

        Raises:
            DataError: too little is left after unreadable examples are gone.
            DivergedError: a phase left the numbers.
            FrozenError: something frozen moved.
        """
        settings = replace(self.settings, checkpoint=self.settings.saver(self.composition))
        trainer, outcome = replace(self, settings=settings), Outcome()
        checkpoint = settings.checkpoint
        assert checkpoint is not None
        views = trainer._before(recipe, outcome)
        checkpoint.restore(outcome)  # only now: features are those of the base that the run started from
        for index in range(len(recipe.phases)):
            if checkpoint.enter(index):
                outcome.phases.append(trainer._phase(recipe, index, outcome, views))
                checkpoint.leave(index, last=index == len(recipe.phases) - 1)
        if self.composition.identity.weights is None and all(phase.unfreeze == "all" for phase in recipe.phases):
            self.composition.identity = self.composition.identity.changed(weights=SCRATCH)
        if views:
            self._after(outcome, views)
        return outcome

    # -- before and after the phases ------------------------------------------------------------------------------
    def _before(self, recipe: RecipeSpec, outcome: Outcome) -> tuple[Features, ...]:
        """Read every example once: their features, where a phase trains on features; what is unreadable goes."""
        composition, dataset, split, settings = self.composition, self.dataset, self.split, self.settings
        # In the dataset's own order, the test part too: another split then meets the same features.
        positions = np.sort(np.concatenate([split.train, split.validation, split.test]))
        on_features = [phase for phase in recipe.phases if self._on_features(phase)]
        features = None
        if on_features:
            features = settings.features
            if features is None:
                features = features_for(composition, dataset, positions, settings)
            outcome.skipped = list(features.skipped)
            positions = features.positions
        else:
            positions = decodable(composition, dataset, positions, outcome, settings)
        outcome.train = positions[np.isin(positions, split.train)]
        outcome.validation = positions[np.isin(positions, split.validation)]
        outcome.test = positions[np.isin(positions, split.test)]
        self._require_classes(outcome)
        if settings.fresh_head:
            assert dataset.targets is not None
            composition.set_units(dataset.targets[outcome.train])
        if features is None:
            return ()
        most = max(phase.views for phase in on_features)
        more = features_of_views(composition.features, composition, dataset, outcome.train, most, settings)
        return (features, *more)

    def _on_features(self, phase: PhaseSpec) -> bool:
        """Whether a phase trains the head on features that are computed once."""
        if phase.solver == "convex":
            return True
        return phase.unfreeze == 0 and not mixes_examples(phase) and (not self._augments(phase) or phase.views > 0)

    def _augments(self, phase: PhaseSpec) -> bool:
        """Whether what a phase trains on is augmented."""
        return bool(self.settings.ops) and phase.augment_in != "none"

    def _require_classes(self, outcome: Outcome) -> None:
        """After unreadable examples are gone something must be left to learn from."""
        if not of(self.composition).one_class:
            return
        assert self.dataset.targets is not None
        left = set(np.unique(self.dataset.targets[outcome.train]).tolist())
        if len(left) < 2:
            names = [self.composition.labels[index] for index in sorted(left)]
            first = f" (the first: {outcome.skipped[0][1]})" if outcome.skipped else ""
            raise DataError(
                f"training needs readable examples of at least two classes; left after skipping "
                f"{len(outcome.skipped)}{first}: {names}"
            )

    def _after(self, outcome: Outcome, views: Sequence[Features]) -> None:
        """Scores of what was held out, from features that are still those of the base; the report of the pass."""
        if not outcome.changed_base:
            if len(outcome.validation):
                outcome.validation_scores = scores_of_features(self.composition, Kept(views[0], outcome.validation))
            if len(outcome.test):
                outcome.test_scores = scores_of_features(self.composition, Kept(views[0], outcome.test))
        maps = kept_maps(self.composition, sum(map(len, views)))
        outcome.phases.insert(
            0,
            PhaseReport(
                name="features",
                seconds=round(sum(view.seconds for view in views), 3),
                images=len(views[0]),
                computed=sum(view.computed for view in views),
                views=several(len(views)),
                kept=None if maps is None else str(maps),
            ),
        )

    # -- one phase ------------------------------------------------------------------------------------------------
    def _phase(self, recipe: RecipeSpec, index: int, outcome: Outcome, views: tuple[Features, ...]) -> PhaseReport:
        """Carry out one phase and prove what it moved."""
        composition, checkpoint, phase = self.composition, self.settings.checkpoint, recipe.phases[index]
        assert checkpoint is not None
        start, earlier = time.perf_counter() - checkpoint.seconds_before(), outcome.epochs_done
        if earlier or checkpoint.resumes_within(index):
            keep_writing(self.settings.live.callbacks)
        on_features = self._on_features(phase)
        ratios: dict[str, float] | None = None
        if phase.unfreeze == "chosen":
            ratios = checkpoint.remembered("gradients", lambda: self._gradients(outcome))
            phase = phase.model_copy(update={"unfreeze": (most_wanting(ratios),)})
        # A phase that is resumed goes by what it started from.
        before = checkpoint.remembered("digests", lambda: receipts.take(composition))
        work = Work(
            composition=composition,
            dataset=self.dataset,
            outcome=outcome,
            phase=phase,
            settings=self.settings if self._augments(phase) else self.settings.plain(),
            views=views[: phase.views or 1],
            title=f"{phase.name} ({index + 1} of {len(recipe.phases)})" if len(recipe.phases) > 1 else phase.name,
            behind_prefix=checkpoint.behind_prefix() if checkpoint.resumes_within(index) else None,
        )
        if phase.solver == "convex" and composition.linear_layer() is not None:
            report = solve(work, self.measure)
        else:
            report = train_head(work) if on_features else train_on_examples(work)
        _require_finite(composition, phase, outcome)
        after = receipts.take(composition)
        receipts.verify(phase, composition, before, after)
        return report.changed(
            seconds=round(time.perf_counter() - start, 3),
            relative_gradients=ratios,
            receipts=receipts.as_rows(phase, composition, before, after),
            # What early stopping left out is not in the history: where a phase ends there, only this says.
            epochs_done=outcome.epochs_done - earlier,
        )

    def _gradients(self, outcome: Outcome) -> dict[str, float]:
        """What `unfreeze="chosen"` goes by, on plain training examples."""
        images = Images(self.dataset, outcome.train, self.composition.intake)
        return relative_gradients(self.composition, images, seed=self.settings.seed)


def _require_finite(composition: Composition, phase: PhaseSpec, outcome: Outcome) -> None:
    assert composition.head is not None
    weights = all(np.isfinite(weight).all() for weight in composition.head.get_weights())
    if not weights or not np.isfinite(outcome.history.get("loss", [0.0])).all():
        raise DivergedError(
            f"phase {phase.name!r} diverged: the loss or a weight is NaN or infinite. Lower learning_rate "
            f"(it was {phase.learning_rate:g})"
        )
