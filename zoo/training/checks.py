"""What a recipe needs of a model: refused before any long work starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.augment import Op, check_in_graph
from zoo.compose import FIXED, Composition
from zoo.errors import DataError, OptionError
from zoo.matching import class_numbers, places
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.tasks import of
from zoo.training.descent.mixing import blends
from zoo.training.low_rank import check_low_rank

SCRATCH = "scratch"
"""What `Identity.weights` says of a base whose weights were trained here from random ones."""


def check_recipe(composition: Composition, recipe: RecipeSpec, *, augment: Sequence[Op]) -> None:
    """Refuse a recipe that cannot work on a model.

    Args:
        composition: the model.
        recipe: resolved on its stages.
        augment: the augmentation it trains with.

    Raises:
        OptionError: the recipe does not go with this head, this base, or augmentation.
    """
    if composition.head is None:
        raise OptionError(
            "this model is the pretrained classifier without a head of yours: build it with head= to train it"
        )
    _check_blending(composition, recipe)
    _check_base(composition.identity.weights, recipe)
    _check_losses(composition, recipe)
    _check_code(composition.identity.code, recipe)
    for phase in recipe.phases:
        if phase.lora:
            check_low_rank(composition.stages, phase.unfreeze, phase.name)
    if augment and any(phase.augment_in == "graph" for phase in recipe.phases):
        check_in_graph(augment, boxes=any(of(output).are_places for output in composition.outputs))
    convex = [phase for phase in recipe.phases if phase.solver == "convex"]
    if convex and recipe.name == "probe" and composition.linear_layer() is None:
        raise OptionError(_no_probe(composition))
    _check_views(recipe, augmented=bool(augment))


def _check_blending(composition: Composition, recipe: RecipeSpec) -> None:
    for phase in recipe.phases:
        if blends(phase) and not of(composition).one_class:
            raise OptionError(
                f"phase {phase.name!r}: mixup, cutmix and label_smoothing blend classes; "
                f"this head does {composition.task}"
            )


def _check_code(code: str | None, recipe: RecipeSpec) -> None:
    if code is not None and any(phase.unfreeze for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} trains the base, and {code} is a SavedModel: one opaque stage, whose BatchNorm "
            f"cannot be kept as it is. Take recipe='probe' or 'head'"
        )


def _no_probe(composition: Composition) -> str:
    assert composition.head is not None
    shape = composition.head.input_shape[1:]
    if len(shape) > 1:
        return (
            f"recipe 'probe' solves a linear head on vectors exactly; this head reads maps of "
            f"{' x '.join(map(str, shape))}: take recipe='head', or 'lp-ft' to train stages of the base too"
        )
    return "recipe 'probe' solves a linear head exactly; this head is something else: take recipe='head'"


def _check_losses(composition: Composition, recipe: RecipeSpec) -> None:
    for phase in recipe.phases:
        if phase.loss is None:
            continue
        if len(composition.outputs) > 1:
            raise OptionError(
                f"phase {phase.name!r}: loss={phase.loss!r} is for a single answer; this head has "
                f"{len(composition.outputs)}, each with the loss of its task"
            )
        known = of(composition).losses
        if phase.loss not in known:
            raise OptionError(
                f"phase {phase.name!r}: loss={phase.loss!r} is not for {composition.task}: take one of "
                f"{', '.join(known)} (the first is the default)"
            )


def _check_base(weights: str | None, recipe: RecipeSpec) -> None:
    if weights == FIXED and any(phase.unfreeze for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} trains stages of the base, and nothing in this base trains: take 'probe' or 'head'"
        )
    if weights is None and not all(phase.unfreeze == "all" for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} freezes a base that has random weights: features of noise. Build it with "
            f"pretrained weights, or train everything with recipe='scratch'"
        )
    if weights not in (None, SCRATCH) and any(phase.batchnorm == "train" for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} trains everything from random weights, and would destroy the pretrained ones of "
            f"this base: build it with weights=None, or take recipe='full', which starts from them"
        )


def _check_views(recipe: RecipeSpec, *, augmented: bool) -> None:
    if augmented and all(phase.solver == "convex" and not phase.views for phase in recipe.phases):
        raise OptionError(
            f"recipe {recipe.name!r} computes features once and cannot augment: take 'head' or 'lp-ft', or say how "
            f"many augmented views of each image it is to work with (views=)"
        )
    for phase in recipe.phases:
        if phase.views and not augmented:
            raise OptionError(f"views={phase.views} are augmented views of each image: build the model with augment=")
        if phase.views == 1:
            raise OptionError("views=1 would be the plain image alone: take 2 or more, or leave augmentation out")


def check_class_weight(composition: Composition, class_weight: Any) -> Any:
    """Return class weights as None, "balanced" or class index -> weight.

    Args:
        composition: the model whose classes they are for.
        class_weight: None, "balanced", or class -> weight; a class by its label or its index.

    Raises:
        OptionError: a class that is not there, a weight that is not a positive number, or another task.
    """
    if class_weight is None:
        return None
    if not of(composition).one_class:
        raise OptionError(f"class_weight= is for classification; this head does {composition.task}")
    if isinstance(class_weight, str) and class_weight == "balanced":
        return class_weight
    if not isinstance(class_weight, Mapping):
        raise OptionError(f"class_weight= takes None, 'balanced' or class -> weight; got {class_weight!r}")
    weights = {}
    for name, weight in class_weight.items():
        index = _class_of(name, composition.labels)
        if not isinstance(index, int | np.integer) or not 0 <= index < composition.width:
            raise OptionError(f"class_weight names class {name!r}; classes are {', '.join(composition.labels[:12])}")
        if not (isinstance(weight, int | float | np.integer | np.floating) and 0 < weight < np.inf):  # False of NaN too
            raise OptionError(f"class_weight of {name!r} is {weight!r}; it must be a positive number")
        weights[int(index)] = float(weight)
    return weights


def _class_of(name: Any, labels: Sequence[str]) -> Any:
    """The index of a class that is named by its label or its number; what is neither comes back as it is."""
    if isinstance(name, str):
        (place,) = places([name], labels)
        return name if place is None else place
    if isinstance(name, bool) or not isinstance(name, int | np.integer):
        return name
    try:
        return int(class_numbers(np.array([name]), labels, "class_weight=")[0])
    except DataError as error:
        raise OptionError(f"{error}. As a key: {str(name)!r} or its label") from error


def weight_of_classes(
    composition: Composition, targets: np.ndarray, phase: PhaseSpec, class_weight: Any
) -> dict[int, float] | None:
    """Return the weights in the loss: those of the caller, else those of the phase.

    Args:
        composition: the model.
        targets: of the training examples.
        phase: the phase.
        class_weight: what `check_class_weight` gave for the caller's.
    """
    chosen = class_weight or check_class_weight(composition, phase.class_weight)
    if chosen is None or isinstance(chosen, dict):
        return chosen
    counts = np.bincount(targets, minlength=composition.width)
    return {index: len(targets) / (np.count_nonzero(counts) * max(int(count), 1)) for index, count in enumerate(counts)}
