"""The plan of a run: which recipe, chosen once, and all that decides its numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo import settings
from zoo.augment import Op
from zoo.data.held_cells import held_cells
from zoo.evaluation import look, sample
from zoo.features import Features
from zoo.features.engines.choice import check_name
from zoo.features.vectors import vectors
from zoo.fitting.examples import Examples, is_share, share
from zoo.fitting.options import FitOptions
from zoo.fitting.state import ModelState
from zoo.plugin import provenance, registry
from zoo.registry import Entry
from zoo.specs import RecipeSpec
from zoo.specs.record import CallbackRecord, DataSource, HeldOutData, OpRecord, Plan
from zoo.tasks import of
from zoo.training.checks import check_class_weight
from zoo.training.descent import devices
from zoo.training.freeze import stages_that_train
from zoo.training.phases.features import features_for
from zoo.training.recipes.auto import Choice, Measured, Share, at_least, decide, frozen_recipe, tuned
from zoo.training.recipes.choosing import named, with_kept_epochs
from zoo.training.runs.callback_states import goes_back, kind_of
from zoo.training.runs.folder import versions
from zoo.training.settings import Live, Settings
from zoo.training.suffix import cut


@dataclass(frozen=True)
class Planned:
    """A plan, and what came with making it.

    Attributes:
        plan: all that decides the numbers.
        reasons: why this recipe was chosen; empty when it was named.
        notices: where the run starts.
        features: of all examples, where they were computed to choose the recipe.
    """

    plan: Plan
    reasons: tuple[str, ...]
    notices: tuple[str, ...]
    features: Features | None = None


def plan(state: ModelState, examples: Examples, options: FitOptions, live: Live) -> Planned:
    """Choose the recipe if it was not named, put the head where the run starts, and say what decides the numbers.

    Args:
        state: of the model.
        examples: of the run.
        options: checked.
        live: callbacks, and who is told while features are computed.

    Raises:
        OptionError: class weights or a recipe that do not go with the model.
    """
    class_weight = check_class_weight(state.composition, options.class_weight)
    reasons: tuple[str, ...] = ()
    features = None
    if options.recipe is None:
        choice, features = _decide(state, examples, options, live)
        recipe, _ = options.chosen(state, choice.recipe)
        origin = [registry().get("recipes", choice.recipe.name)]
        reasons = choice.reasons
    else:
        recipe, origin = options.chosen(state, options.recipe)
    judged = len(examples.split.validation) > 0 and not goes_back(live.callbacks)
    recipe = with_kept_epochs(recipe, held_out=judged)
    continues = options.continues(state)
    notices = (*state.changed_by_hand(), *state.start(options.start, recipe))
    made = _plan(state, examples, options, recipe, origin).changed(
        class_weight=class_weight,
        callbacks=callback_records(live.callbacks),
        continues=continues,
    )
    return Planned(made, reasons, notices, features)


def _plan(
    state: ModelState, examples: Examples, options: FitOptions, recipe: RecipeSpec, origin: Sequence[Entry]
) -> Plan:
    names = devices.names(state.composition)
    return Plan.model_validate(
        {
            "recipe": recipe,
            "recipe_providers": provenance.rows(origin),
            "seed": options.seed,
            "data": DataSource(source=examples.source, fingerprint=examples.dataset.fingerprint()),
            "validation": _planned_part(options.validation),
            "test": _planned_part(options.test),
            "group": options.group,
            "augmentation": op_records(state.ops),
            "cache": options.cache,
            "cached_prefix": options.cached_prefix,
            "model": state.composition.identity,
            "intake": state.composition.intake.model_dump(mode="json"),
            "devices": None if names is None else tuple(names),
            "environment": environment(),
        }
    )


def _planned_part(held_out: Any) -> float | HeldOutData:
    rule = held_cells(held_out)
    if rule is not None:
        return HeldOutData(source=rule.text())
    return share(held_out) if is_share(held_out) else HeldOutData(source=data_room.source_of(held_out))


def op_records(ops: Sequence[Op]) -> tuple[OpRecord, ...]:
    """Return what a run says of its augmentation, as JSON can hold it."""
    return tuple(
        OpRecord(name=op.name, provider=op.provider, options=json.loads(json.dumps(dict(op.config)))) for op in ops
    )


def callback_records(callbacks: Sequence[Any]) -> tuple[CallbackRecord, ...]:
    """Return what a run says of its Keras callbacks."""
    return tuple(CallbackRecord(name=type(item).__name__, saved_as=kind_of(item)) for item in callbacks)


def environment() -> dict[str, str]:
    """Return what besides the arguments decides the bits of a run: versions, backend and settings."""
    import keras

    numbers = {name: version for name, version in versions().items() if name != "python"}
    check_name(settings.engine())
    chosen = {"ZOO_FEATURES": settings.features_dtype(), "ZOO_ENGINE": settings.engine()}
    return {**numbers, "backend": keras.config.backend(), **chosen}


def _decide(state: ModelState, examples: Examples, options: FitOptions, live: Live) -> tuple[Choice, Features | None]:
    """The recipe for this data and why; and the features of the whole split, where they were computed for it."""
    from zoo.architectures.facts import multiply_adds  # here, not above: it loads Keras

    composition = state.composition
    if composition.identity.code is not None:
        name = frozen_recipe(linear=composition.linear_layer() is not None, augmented=bool(state.ops))
        why = "The base is a SavedModel, one opaque stage: it stays frozen, and the head alone is trained."
        return at_least(Choice(named(name), (why,)), options.least(state)), None
    looked = _Looked()
    if of(composition).one_class:
        looked = _look(state, examples, options, live)
    boundary = cut(composition, stages_that_train(composition.stage_names, tuned()))
    counts, shares = looked.counts, looked.shares
    choice = decide(
        Measured(
            task=composition.task,
            images=len(examples.split.train),
            per_class=float(len(counts) / (1 / counts).sum()) if len(counts) else 0.0,
            chance=float(counts.max() / counts.sum()) if len(counts) else 0.0,
            probe=shares.get("probe"),
            knn=shares.get("knn"),
            raw=shares.get("raw"),
            sample=looked.images,
            linear=composition.linear_layer() is not None,
            augmented=bool(state.ops),
            macs=multiply_adds(composition.backbone),
            suffix=1.0 if boundary is None else 1.0 - boundary.share,
        )
    )
    return at_least(choice, options.least(state)), looked.features


@dataclass(frozen=True)
class _Looked:
    """What was measured on frozen features of some training examples."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    shares: Mapping[str, Share] = field(default_factory=dict)
    images: int = 0
    features: Features | None = None


def _look(state: ModelState, examples: Examples, options: FitOptions, live: Live) -> _Looked:
    composition, dataset, split = state.composition, examples.dataset, examples.split
    assert dataset.targets is not None
    counts = np.bincount(dataset.targets[split.train])
    sampled = sample(dataset, split.train, seed=options.seed)
    # All at once where training needs them too; otherwise only what is looked at.
    everything = np.sort(np.concatenate([split.train, split.validation, split.test]))
    how = Settings(seed=options.seed, cache=options.cache, live=live)
    features = features_for(composition, dataset, sampled if state.ops else everything, how)
    indices = sampled[np.isin(sampled, features.positions)]
    values = vectors(features, indices, prefix=composition.identity.prefix_tokens)
    measured = look(dataset, values, indices, n_classes=composition.width, seed=options.seed)
    shares = measured or {}
    return _Looked(counts[counts > 0], shares, len(indices), None if state.ops else features)
