"""Which recipe for this data: a pure function from what was measured on frozen features to a recipe and its reasons."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.specs import RecipeSpec
from zoo.tasks import named as named_task
from zoo.training.recipes.choosing import named

AUTO = "auto"
"""The name that asks `fit` to choose."""

FEW = 50
"""Images a class below which the base stays frozen."""

MANY = 20_000
"""Images from which all stages may train: where BiT's rule leaves its smallest regime (arXiv 1912.11370)."""

REPAIRED = 0.2
"""Share of the probe's errors that fine-tuning is expected to repair.

Measured on flowers5 with efficientnet_lite0 at 224 pixels, 200 images a class, the last stage for 6 epochs, the 250
images held out: .904 to .936 and .892 to .900 with seeds 0 and 1, a third and a fourteenth. Two runs: a rough figure.
"""

WORTH = 0.01
"""Expected rise of the accuracy below which fine-tuning is not worth its time."""

WORK = 2e13
"""Multiply-adds that `auto` spends on fine-tuning unasked: about ten minutes at `SPEED`.

A limit on the work and not on the time: the choice must not depend on how busy the machine is.
"""

SPEED = 3e10
"""Multiply-adds a second, for the estimate in words: what training lite0 did on two busy CPU cores."""

_BACKWARD = 3
"""Forward and backward pass, in forward passes."""


@dataclass(frozen=True)
class Share:
    """An accuracy 0..1 with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % ({100 * self.low:.0f} to {100 * self.high:.0f})"


@dataclass(frozen=True)
class Measured:
    """What is known before training.

    Attributes:
        task: what the head answers.
        images: training images.
        per_class: images a class: the harmonic mean over classes, so that rare ones count; 0 for other tasks.
        chance: share of the largest class.
        probe: cross-validated accuracy of a linear probe on features; None where it could not be measured.
        knn: leave-one-out accuracy of the 5 nearest neighbors on the same features.
        raw: cross-validated accuracy of the same probe on raw pixels.
        sample: images these were measured on.
        linear: whether the head is linear.
        augmented: whether the model augments.
        macs: multiply-adds of the whole base for one image.
        suffix: share of them in the stages that lp-ft trains.
    """

    task: str
    images: int
    per_class: float
    chance: float
    probe: Share | None
    knn: Share | None
    raw: Share | None
    sample: int
    linear: bool
    augmented: bool
    macs: int
    suffix: float


@dataclass(frozen=True)
class Choice:
    """A recipe, and why: a sentence each."""

    recipe: RecipeSpec
    reasons: tuple[str, ...]


def tuned() -> int | str | tuple[str, ...]:
    """What lp-ft trains beside the head."""
    return named("lp-ft").phases[-1].unfreeze


def frozen_recipe(*, linear: bool, augmented: bool) -> str:
    """What trains the head alone: "probe" for a linear head without augmentation, else "head"."""
    return "probe" if linear and not augmented else "head"


def decide(found: Measured) -> Choice:
    """Choose a recipe.

    Three regimes by size of the training set: small, freeze everything; larger, freeze fewer stages; very large, the
    pretrained weights are where training starts. Three principles: the more similar the data to the source, the less
    fine-tuning is needed; the more data, the more it gains; where the data are substantially different, transfer may be
    of little value. That a probe comes before fine-tuning is Kumar et al. 2022, arXiv
    2202.10054. Similarity is how well a linear probe on the frozen features does. The limits are this module's own.

    Args:
        found: what was measured.

    Returns:
        The recipe, with reasons that say what was measured and how to do otherwise.
    """
    if not named_task(found.task).one_class:
        return _frozen(
            found,
            [f"For {found.task} nothing is measured beforehand: the pretrained network stays frozen."],
        )
    reasons = [*_figures(found)]
    if found.per_class < FEW:
        reasons.append(
            f"{found.per_class:.0f} images per class is few (under {FEW}), so the pretrained network stays frozen and "
            f"only the head is trained."
        )
        return _frozen(found, reasons)
    if found.probe is None:
        return _frozen(
            found,
            [*reasons, "There are too few different images to cross-validate, so the pretrained network stays frozen."],
        )
    if found.probe.low <= found.chance:
        reasons.append(
            "The linear probe is no better than always naming the largest class: check the labels. Fine-tuning is not "
            "started on such data."
        )
        return _frozen(found, reasons)
    gain = REPAIRED * (1 - found.probe.value)
    if gain < WORTH:
        reasons.append(
            f"The frozen network already separates the classes: fine-tuning is expected to add only {100 * gain:.1f} "
            f"percentage points."
        )
        return _frozen(found, reasons)
    recipe = named("lp-ft")
    whole = found.images >= MANY
    if whole:
        last = recipe.phases[-1].model_copy(update={"unfreeze": "all"})
        recipe = recipe.model_copy(update={"phases": (*recipe.phases[:-1], last)})
    epochs = recipe.phases[-1].epochs
    work = _BACKWARD * found.macs * (1.0 if whole else found.suffix) * found.images * epochs
    time = f"about {_duration(work / SPEED)} on two CPU cores"
    if work > WORK:
        reasons.append(
            f"Fine-tuning is expected to add {100 * gain:.1f} percentage points but takes {time}, too long to be "
            f"started without being named."
        )
        return _frozen(found, reasons)
    reasons.append(
        f"{found.images} images are enough to train all stages, starting from the pretrained weights."
        if whole
        else f"{found.per_class:.0f} images per class are enough to train the last stage too."
    )
    reasons.append(
        f"Fine-tuning is expected to add about {100 * gain:.1f} percentage points, in {time}; the head is solved first "
        f"(Kumar et al. 2022)."
    )
    quick = frozen_recipe(linear=found.linear, augmented=found.augmented)
    reasons.append(f"To keep the network frozen, which is quicker: recipe='{quick}'.")
    return Choice(recipe, tuple(reasons))


def at_least(choice: Choice, least: str) -> Choice:
    """The choice, or a recipe that has a use for what the caller said.

    Args:
        choice: what was decided.
        least: "probe": any will do; "head": one with gradient descent (`epochs`, `batch_size`, `learning_rate`,
            `start="pretrained"`); "lp-ft": one that trains stages of the base (`stages`, `batchnorm`).
    """
    descends = any(phase.solver == "gradient" for phase in choice.recipe.phases)
    tunes = any(phase.unfreeze for phase in choice.recipe.phases)
    if least == "lp-ft" and not tunes:
        return Choice(named(least), (*choice.reasons, "But stages= or batchnorm= was given, so stages are trained."))
    if least == "head" and not descends:
        why = "But epochs, batch_size, learning_rate or start was given, so the head is trained by gradient descent."
        return Choice(named(least), (*choice.reasons, why))
    return choice


def _figures(found: Measured) -> list[str]:
    if found.probe is None or found.knn is None or found.raw is None:
        return []
    said = [
        f"Cross-validated on {found.sample} training images: linear probe {found.probe}, nearest neighbors "
        f"{found.knn}, the same probe on raw pixels {found.raw}, always the largest class "
        f"{100 * found.chance:.1f} %."
    ]
    if found.raw.value >= found.probe.low:
        said.append(
            "Raw pixels do about as well as the features, so these images differ much from those that the network was "
            "trained on, and transfer may be of little value. Try another backbone, or features=."
        )
    return said


def _frozen(found: Measured, reasons: list[str]) -> Choice:
    name = frozen_recipe(linear=found.linear, augmented=found.augmented)
    why = {
        (True, False): "The head is linear, so it is solved exactly.",
        (True, True): "Augmentation changes the pixels in every epoch, so the head is trained by gradient descent.",
    }.get((found.linear, found.augmented), "The head is not linear, so it is trained by gradient descent.")
    return Choice(named(name), (*reasons, why, "To fine-tune anyway: recipe='lp-ft'."))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.0f} hours"
