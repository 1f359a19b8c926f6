"""The named recipes, as data, and how an argument of `fit` changes one."""

from __future__ import annotations

from zoo.errors import OptionError, unknown
from zoo.specs import PhaseSpec, RecipeSpec

PROBE = PhaseSpec(name="probe", solver="convex")

RECIPES: dict[str, RecipeSpec] = {
    recipe.name: recipe
    for recipe in (
        RecipeSpec(
            name="probe",
            summary="logistic regression solved on the features of the frozen base; seconds",
            phases=(PROBE,),
            source="the course's pre-computed features; Kornblith et al. 2019, arXiv 1805.08974",
        ),
        RecipeSpec(
            name="head",
            summary="any head trained by gradient descent on the features of the frozen base",
            phases=(PhaseSpec(name="head", solver="gradient", epochs=30, learning_rate=1e-3),),
        ),
        RecipeSpec(
            name="lp-ft",
            summary="the probe, then the last stages at a low learning rate with BatchNorm frozen",
            phases=(
                PROBE,
                PhaseSpec(name="fine-tune", solver="gradient", unfreeze=4, epochs=4, learning_rate=3e-4),
            ),
            source="Kumar et al. 2022, arXiv 2202.10054",
        ),
        RecipeSpec(
            name="scratch",
            summary="everything from random weights, BatchNorm included: the yardstick for transfer",
            phases=(
                PhaseSpec(
                    name="scratch", solver="gradient", unfreeze="all", batchnorm="train", epochs=20, learning_rate=1e-3
                ),
            ),
        ),
    )
}


def choose(
    recipe: str | RecipeSpec,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
) -> RecipeSpec:
    """A recipe with the caller's changes.

    Args:
        recipe: a name, or a recipe of one's own.
        epochs: passes over the data for its last gradient phase.
        batch_size: examples per step of its last gradient phase.
        learning_rate: peak learning rate of its last gradient phase.

    Raises:
        UnknownNameError: there is no such recipe.
        OptionError: a change that the recipe has no use for, or a value that cannot work.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise unknown("recipe", recipe, RECIPES)
        recipe = RECIPES[recipe]
    changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    given = {name: value for name, value in changes.items() if value is not None}
    for name, value in given.items():
        whole = name != "learning_rate"
        number = isinstance(value, int) if whole else isinstance(value, int | float)
        if isinstance(value, bool) or not number or not 0 < value < float("inf"):
            raise OptionError(f"{name}={value!r} must be a positive {'whole number' if whole else 'number'}")
    gradient = [index for index, phase in enumerate(recipe.phases) if phase.solver == "gradient"]
    if given and not gradient:
        raise OptionError(
            f"recipe {recipe.name!r} solves its head exactly and has no use for {', '.join(given)}; "
            f"leave it out, or take recipe='head' or 'lp-ft'"
        )
    if not given:
        return recipe
    phases = list(recipe.phases)
    phases[gradient[-1]] = PhaseSpec.model_validate({**phases[gradient[-1]].model_dump(), **given})
    return recipe.model_copy(update={"phases": tuple(phases)})
