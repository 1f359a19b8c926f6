"""Recipes: what a name means, what a recipe means on a base, and how an argument of `fit` changes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from zoo.errors import OptionError, did_you_mean
from zoo.plugin import registry
from zoo.plugin.usage import used
from zoo.specs import HEAD_STAGE, PhaseSpec, RecipeSpec
from zoo.training.descent.mixing import mixes_examples
from zoo.training.freeze import BatchNorm, stages_that_train
from zoo.training.layers import last_layer, names_of_layers, problem_with
from zoo.training.recipes.files import is_file, read_recipe

if TYPE_CHECKING:
    from zoo.architectures import Stage


def named(name: str) -> RecipeSpec:
    """The recipe that a name means, of zoo or of a plugin; no plugin is imported for it where there is a manifest.

    Raises:
        UnknownNameError: there is no such recipe; near misses are suggested.
    """
    spec = registry().get("recipes", name).spec
    assert isinstance(spec, RecipeSpec)
    return spec


def choose(
    recipe: str | PathLike[str] | RecipeSpec,
    *,
    stages: Sequence[str] | None = None,
    views: int | None = None,
    batchnorm: str | None = None,
    augment_in: str | None = None,
    **last: Any,
) -> RecipeSpec:
    """A recipe with the caller's changes.

    Args:
        recipe: a name, bare or as `plugin:name`, the path of a recipe file, or a recipe of one's own.
        stages: the stages, or layers, that its last phase on the base trains.
        views: the plain image and its augmented views, together, that every phase works with.
        batchnorm: what becomes of BatchNorm in every phase that trains stages.
        augment_in: where augmentation runs, in every gradient phase.
        **last: `epochs`, `batch_size`, `learning_rate`, `loss` and `stop_at` of its last gradient phase; None: as they
            are there.

    Raises:
        UnknownNameError: there is no such recipe; near misses are suggested.
        AmbiguousNameError: two plugins have it.
        OptionError: a change that the recipe has no use for, or a value that cannot work.
    """
    recipe = _meant(recipe)
    given: dict[str, Any] = {name: value for name, value in last.items() if value is not None}
    _check_last(given)
    gradient = [index for index, phase in enumerate(recipe.phases) if phase.solver == "gradient"]
    if given:
        recipe = _with_numbers(recipe, given, gradient)
    if views is not None:
        recipe = _with_views(recipe, views)
    if augment_in is not None:
        recipe = _with_augmentation(recipe, augment_in, gradient)
    if stages is not None:
        recipe = _with_stages(recipe, stages)
    return recipe if batchnorm is None else _with_batchnorm(recipe, batchnorm)


def _check_last(given: Mapping[str, Any]) -> None:
    """Refuse values that the last gradient phase cannot have."""
    for name, value in given.items():
        if name == "loss":
            known = [kind for part in get_args(PhaseSpec.model_fields[name].annotation) for kind in get_args(part)]
            if value not in known:
                raise OptionError(f"loss={value!r}: choose one of {', '.join(known)}")
        elif name == "stop_at":
            if not isinstance(value, Mapping) or not all(isinstance(target, int | float) for target in value.values()):
                raise OptionError(f"stop_at={value!r} takes name in the history -> number: {{'val_accuracy': 0.98}}")
        elif name not in ("epochs", "batch_size", "learning_rate"):
            raise TypeError(f"choose() got an unexpected keyword argument {name!r}")
        elif (name, value) != ("batch_size", "all"):
            _check_positive(name, value, whole=name != "learning_rate")


def _check_positive(name: str, value: Any, *, whole: bool) -> None:
    number = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not number or not 0 < value < float("inf"):
        raise OptionError(f"{name}={value!r} must be a positive {'whole number' if whole else 'number'}")


def _meant(recipe: str | PathLike[str] | RecipeSpec) -> RecipeSpec:
    """The recipe of a name, of a file, or the one given."""
    if isinstance(recipe, PathLike) or (isinstance(recipe, str) and is_file(recipe)):
        return read_recipe(Path(recipe))
    if not isinstance(recipe, str):
        return recipe
    entry = registry().get("recipes", recipe)
    used(entry)
    return named(entry.id)


def _with_numbers(recipe: RecipeSpec, given: Mapping[str, Any], gradient: Sequence[int]) -> RecipeSpec:
    """The recipe with other values in its last gradient phase."""
    if not gradient:
        raise OptionError(
            f"recipe {recipe.name!r} solves its head exactly and has no use for {', '.join(given)}; "
            f"leave it out, or take recipe='head' or 'lp-ft'"
        )
    counted = {"steps": None} if "epochs" in given else {}
    return _changed(recipe, gradient[-1], {**given, **counted})


def _with_views(recipe: RecipeSpec, views: int) -> RecipeSpec:
    if isinstance(views, bool) or not isinstance(views, int) or views < 2:
        raise OptionError(
            f"views={views!r} must be a whole number of 2 or more: the plain image, and at least one augmented view"
        )
    for index in range(len(recipe.phases)):
        recipe = _changed(recipe, index, {"views": views})
    return recipe


def _changed(recipe: RecipeSpec, index: int, changes: Mapping[str, Any]) -> RecipeSpec:
    """The recipe with other values in one phase, which must make sense together."""
    phases = list(recipe.phases)
    try:
        phases[index] = PhaseSpec.model_validate({**phases[index].model_dump(exclude_unset=True), **changes})
    except ValidationError as error:
        raise OptionError("; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())) from error
    return recipe.model_copy(update={"phases": tuple(phases)})


def _with_stages(recipe: RecipeSpec, stages: Sequence[str]) -> RecipeSpec:
    if isinstance(stages, str) or not stages or not all(isinstance(name, str) for name in stages):
        raise OptionError(f"stages= takes a list of names of stages or layers, e.g. ['stage4']; got {stages!r}")
    tuning = [index for index, phase in enumerate(recipe.phases) if phase.unfreeze]
    if not tuning:
        raise OptionError(
            f"recipe {recipe.name!r} trains no stage of the base, so stages={list(stages)} has no effect: "
            f"take recipe='surgical' or 'lp-ft'"
        )
    return _changed(recipe, tuning[-1], {"unfreeze": tuple(dict.fromkeys(stages))})


def _with_augmentation(recipe: RecipeSpec, place: str, gradient: Sequence[int]) -> RecipeSpec:
    places = get_args(PhaseSpec.model_fields["augment_in"].annotation)
    if place not in places:
        raise OptionError(f"augment_in={place!r}: choose one of {', '.join(places)}")
    if not gradient and place != "none":
        raise OptionError(
            f"recipe {recipe.name!r} solves its head exactly, on features that are computed once, so "
            f"augment_in={place!r} has no effect: take recipe='head' or 'lp-ft'"
        )
    for index in gradient:
        if place == "graph" and mixes_examples(recipe.phases[index]):
            raise OptionError(
                f"phase {recipe.phases[index].name!r}: mixup and cutmix blend augmented images in the pipeline; "
                f"augment_in='graph' would come too late"
            )
        if place != "pipeline" and recipe.phases[index].views:
            raise OptionError("views= keeps features of images augmented in the pipeline: leave augment_in= out")
        recipe = _changed(recipe, index, {"augment_in": place})
    return recipe


def _with_batchnorm(recipe: RecipeSpec, batchnorm: str) -> RecipeSpec:
    if batchnorm not in get_args(BatchNorm):
        raise OptionError(f"batchnorm={batchnorm!r}: choose one of {', '.join(get_args(BatchNorm))}")
    tuning = [index for index, phase in enumerate(recipe.phases) if phase.unfreeze]
    if not tuning:
        raise OptionError(
            f"recipe {recipe.name!r} trains no stage of the base, so batchnorm={batchnorm!r} has no effect: "
            f"take recipe='lp-ft' or 'full'"
        )
    for index in tuning:
        recipe = _changed(recipe, index, {"batchnorm": batchnorm})
    return recipe


def resolve(recipe: RecipeSpec, stages: Sequence[str], layers: Layers | None = None) -> RecipeSpec:
    """What a recipe means on a base: one phase for each stage where it says so, and nothing that is not there.

    Args:
        recipe: the recipe.
        stages: the stages of the base, from the input upward.
        layers: its layers; None: they are not known, and none can be named.

    Returns:
        A recipe whose phases say `unfreeze` as a number, "all", names (of stages, or of layers as `stage/layer`), or
        "chosen": that one is chosen when its turn comes, from what the phases before have made of the model.

    Raises:
        OptionError: it names what the base does not have, or a layer that cannot train alone.
    """
    phases: list[PhaseSpec] = []
    for phase in recipe.phases:
        where = f"recipe {recipe.name!r}, phase {phase.name!r}: "
        for name in phase.stage_rates:
            if name not in stages and name != HEAD_STAGE:
                raise OptionError(where + _unknown(name, stages, {}))
        if phase.unfreeze == "each":
            phases += [
                phase.model_copy(update={"name": f"{phase.name}-{top}", "unfreeze": tuple(stages[index:])})
                for index, top in reversed(list(enumerate(stages)))
            ]
            continue
        if phase.unfreeze == "last" and layers is not None:
            phase = phase.model_copy(update={"unfreeze": (layers.last(where),)})
        if isinstance(phase.unfreeze, tuple):
            names = known_names(phase.unfreeze, stages, {} if layers is None else layers.names, where)
            problem = "" if layers is None else layers.problem(names, phase.batchnorm)
            if problem:
                raise OptionError(where + problem)
            phase = phase.model_copy(update={"unfreeze": names})
        phases.append(phase)
    return recipe.model_copy(update={"phases": tuple(phases)})


@dataclass(frozen=True)
class Layers:
    """The layers of a base, as far as recipes name them.

    Attributes:
        stages: of the base.
    """

    stages: Sequence[Stage]

    @cached_property
    def names(self) -> dict[str, str]:
        """What a layer may be called -> what a resolved recipe calls it."""
        return names_of_layers(self.stages)

    def last(self, where: str) -> str:
        """Return what the last layer is called; `where` begins the message if there is none."""
        name = last_layer(self.stages)
        if name is None:
            raise OptionError(f"{where}no layer of this base has weights, so there is no last one to train")
        return name

    def problem(self, names: Sequence[str], batchnorm: str) -> str:
        """Return why the layers among some names cannot train alone; "" if they can."""
        return problem_with(self.stages, [name for name in names if "/" in name], batchnorm=batchnorm)


def known_names(
    names: Iterable[str], stages: Sequence[str], layers: Mapping[str, str], where: str = ""
) -> tuple[str, ...]:
    """Return names of stages, and of layers as `stage/layer`, in place of what was written; whole stages count once.

    Args:
        names: as written.
        stages: of the base.
        layers: what a layer may be called -> `stage/layer`.
        where: begins the message of an error.

    Raises:
        OptionError: the base has neither a stage nor a layer of a name.
    """
    chosen = []
    for name in names:
        if name not in stages and name not in layers:
            raise OptionError(where + _unknown(name, stages, layers))
        chosen.append(name if name in stages else layers[name])
    return tuple(dict.fromkeys(name for name in chosen if name in stages or name.partition("/")[0] not in chosen))


def _unknown(name: str, stages: Sequence[str], layers: Mapping[str, str]) -> str:
    what = f"no stage or layer {name!r}" if layers else f"no stage {name!r}"
    return f"this base has {what}.{did_you_mean(name, [*stages, *layers])} Stages: {', '.join(stages)}"


def with_kept_epochs(recipe: RecipeSpec, *, held_out: bool) -> RecipeSpec:
    """The recipe, with `keep` set in every phase that leaves it open.

    Fine-tuning can do harm, so that its best epoch is kept, or what was there before it. A base that learns from
    random weights has nothing to lose.

    Args:
        recipe: resolved on the base.
        held_out: whether epochs can be judged by examples held out, and are not by a callback of the caller's.
    """
    phases = []
    for phase in recipe.phases:
        if phase.solver == "gradient" and phase.keep is None:
            tunes = bool(phase.unfreeze) and phase.batchnorm != "train"
            best = held_out and tunes and phase.monitor.startswith("val_")
            phase = phase.model_copy(update={"keep": "best" if best else "last"})
        phases.append(phase)
    return recipe.model_copy(update={"phases": tuple(phases)})


def rates(phase: PhaseSpec, stages: Sequence[str]) -> dict[str, float]:
    """The factor on the learning rate of the head and of each stage that trains.

    Args:
        phase: a resolved phase.
        stages: all stages of the base, from the input upward.

    Returns:
        Stage (or "head") -> factor; with `stage_decay` d, the head has 1, the top stage d, the one below d squared,
        whether or not the stages between train.
    """
    training = stages_that_train(stages, phase.unfreeze)
    if phase.stage_decay is not None:
        depth = {name: len(stages) - index for index, name in enumerate(stages)}
        return {HEAD_STAGE: 1.0, **{name: phase.stage_decay ** depth[name] for name in training}}
    return {name: phase.stage_rates.get(name, 1.0) for name in (HEAD_STAGE, *training)}
