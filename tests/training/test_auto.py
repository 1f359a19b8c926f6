"""How auto chooses: each rule once, on both sides of its boundary, and a fit that measures and says why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_model

from zoo.training.recipes.auto import FEW, MANY, WORK, Measured, Share, at_least, decide

USUAL = Measured(
    task="classification",
    images=1000,
    per_class=200,
    chance=0.2,
    probe=Share(0.90, 0.87, 0.92),
    knn=Share(0.85, 0.82, 0.88),
    raw=Share(0.40, 0.36, 0.44),
    sample=600,
    linear=True,
    augmented=False,
    macs=10**8,
    suffix=0.4,
)
WORK_OF_ONE = 3 * 0.4 * 1000 * 6
"""Passes of the usual data: multiply-adds of fine-tuning for each one of the base."""

CASES = {
    "enough and not yet right": ({}, "lp-ft", "enough to train the last stage"),
    "few": ({"per_class": FEW - 1}, "probe", "is few (under 50)"),
    "no longer few": ({"per_class": FEW}, "lp-ft", "enough to train"),
    "similar": ({"probe": Share(0.96, 0.94, 0.97)}, "probe", "already"),
    "not quite similar": ({"probe": Share(0.945, 0.93, 0.96)}, "lp-ft", "1.1 percentage points"),
    "not above chance": ({"probe": Share(0.22, 0.19, 0.25)}, "probe", "check the labels"),
    "not measured": ({"probe": None, "knn": None, "raw": None}, "probe", "too few different"),
    "too much work": ({"macs": int(1.01 * WORK / WORK_OF_ONE)}, "probe", "too long to be started"),
    "just not too much": ({"macs": int(0.99 * WORK / WORK_OF_ONE)}, "lp-ft", "minutes on two CPU cores"),
    "dissimilar": ({"raw": Share(0.88, 0.85, 0.9)}, "lp-ft", "transfer may be of little value"),
    "mlp, few": ({"per_class": 10, "linear": False}, "head", "not linear"),
    "mlp": ({"linear": False}, "lp-ft", "which is quicker: recipe='head'"),
    "augmented, few": ({"per_class": 10, "augmented": True}, "head", "Augmentation"),
    "values": ({"task": "regression", "per_class": 0, "probe": None}, "probe", "nothing is measured beforehand"),
    "boxes, mlp": ({"task": "box", "per_class": 0, "probe": None, "linear": False}, "head", "For box"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule(case: str) -> None:
    changes, recipe, words = CASES[case]
    choice = decide(replace(USUAL, **changes))
    assert choice.recipe.name == recipe
    assert words in " ".join(choice.reasons)
    assert "recipe='" in choice.reasons[-1]  # how to do otherwise


def test_very_large_sets_train_every_stage() -> None:
    small = {"macs": 10**6}
    assert decide(replace(USUAL, images=MANY - 1, **small)).recipe.phases[-1].unfreeze == 1
    choice = decide(replace(USUAL, images=MANY, **small))
    assert choice.recipe.phases[-1].unfreeze == "all"
    assert "enough to train all stages" in " ".join(choice.reasons)


def test_what_the_caller_says_rules_recipes_out() -> None:
    frozen, tuned = decide(replace(USUAL, per_class=10)), decide(USUAL)
    assert at_least(frozen, "probe") == frozen
    assert at_least(frozen, "head").recipe.name == "head"
    assert at_least(frozen, "lp-ft").recipe.name == "lp-ft"
    assert "stages= or batchnorm= was given" in at_least(frozen, "lp-ft").reasons[-1]
    assert at_least(tuned, "head") == at_least(tuned, "lp-ft") == tuned


@pytest.fixture
def stripes() -> tuple[np.ndarray, np.ndarray]:
    """Two classes of 130 pictures of noise, of which one is brighter on the left: not all can be told apart."""
    random = np.random.default_rng(0)
    classes = np.arange(260) % 2
    x = random.integers(0, 255, (260, 32, 32, 3)).astype(np.float32)
    x[:, :, :16] += (random.normal(9, 9, 260) * (2 * classes - 1))[:, None, None, None]
    return np.clip(x, 0, 255).astype(np.uint8), classes


def test_fit_measures_chooses_and_says_why(stripes, tmp_path: Path) -> None:
    run = tiny_model().fit(stripes, validation=0.2, directory=tmp_path / "run")
    assert run.recipe.name == "lp-ft"
    # Of 260: nothing held out was looked at.
    assert "Cross-validated on 208 training images: linear probe" in run.reasons[0]
    assert "104 images per class" in " ".join(run.reasons)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["reasons"] == run.reasons
    assert run.reasons[-1] in repr(run)


def test_auto_by_name_is_the_default_and_a_named_recipe_gives_no_reasons(stripes) -> None:
    few = stripes[0][:40], stripes[1][:40]
    model = tiny_model()
    default, named = model.fit(few), model.fit(few, recipe="auto")
    assert default.reasons == named.reasons
    assert default.recipe.name == named.recipe.name == "probe"
    assert default.validation.accuracy == named.validation.accuracy
    assert model.fit(few, recipe="probe").reasons == []
    run = model.fit(few, epochs=2)
    assert (run.recipe.name, run.recipe.phases[-1].epochs) == ("head", 2)
    assert "gradient descent" in run.reasons[-1]


def test_features_are_computed_once_without_a_cache(stripes, monkeypatch: pytest.MonkeyPatch) -> None:
    import zoo.training.phases.features as fit_module

    calls: list[int] = []
    plain = fit_module.extract
    monkeypatch.setattr(fit_module, "extract", lambda *a, **k: calls.append(len(a[2])) or plain(*a, **k))
    tiny_model().fit((stripes[0][:40], stripes[1][:40]), cache=False)
    assert calls == [40]
