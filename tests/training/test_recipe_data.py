"""Recipes as data: what contradicts itself is refused, and what a recipe means on a base."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.plugins import install, plugin_site
from pydantic import ValidationError

import zoo
from zoo.errors import OptionError, UnknownNameError
from zoo.plugin import manager, registry
from zoo.registry import ZooNotice
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.recipes.choosing import choose, named, rates, resolve

STAGES = ["stem", "stage1", "stage2", "stage3"]


def phase(**fields) -> PhaseSpec:
    return PhaseSpec.model_validate({"name": "tune", "epochs": 1, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"solver": "convex"}, "no use for epochs"),
        ({"epochs": 0}, "either epochs or steps"),
        ({"steps": 5}, "either epochs or steps"),
        ({"unfreeze": -1}, "from 0"),
        ({"unfreeze": ["stage1", "stage1"]}, "twice"),
        ({"unfreeze": ["head"]}, "trains in every phase"),
        ({"batchnorm": "adapt"}, "unfreeze names none"),
        ({"batchnorm": "train", "unfreeze": 2}, "unfreeze='all'"),
        ({"momentum": 0.9}, "momentum is for sgd"),
        ({"weight_decay": 0.1}, "adamw"),
        ({"unfreeze": 2, "stage_rates": {"stage3": 2}, "stage_decay": 0.5}, "keep one"),
        ({"unfreeze": ["stage3"], "stage_rates": {"stage1": 2}}, "stage1, which unfreeze does not"),
        ({"stage_decay": 0.5}, "set unfreeze"),
        ({"schedule": "steps", "step_at": [0.7, 0.2]}, "rising"),
        ({"step_at": [0.2]}, "schedule='steps'"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"mixup": -1}, "mixup"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(fields, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        phase(**fields)


def test_a_recipe_has_phases_of_different_names() -> None:
    with pytest.raises(ValidationError, match="two phases are called tune"):
        RecipeSpec([phase(), phase()])
    with pytest.raises(ValidationError, match="phases"):
        RecipeSpec()
    assert RecipeSpec([phase()]).name == "own"


@pytest.mark.parametrize("name", [row["name"] for row in zoo.recipes()])
def test_named_recipes_survive_json(name: str) -> None:
    recipe = named(name)
    assert RecipeSpec.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.summary


def test_gradual_is_one_phase_a_stage_from_the_top() -> None:
    resolved = resolve(named("gradual"), STAGES)
    assert [one.unfreeze for one in resolved.phases[1:]] == [
        ("stage3",),
        ("stage2", "stage3"),
        ("stage1", "stage2", "stage3"),
        ("stem", "stage1", "stage2", "stage3"),
    ]
    assert [one.name for one in resolved.phases[:2]] == ["probe", "unfreeze-stage3"]
    assert resolve(resolved, STAGES) == resolved


def test_stages_that_are_not_there_are_named() -> None:
    with pytest.raises(OptionError, match=r"no stage 'stage9'.*Stages: stem, stage1"):
        resolve(RecipeSpec([phase(unfreeze=["stage9"])]), STAGES)
    with pytest.raises(OptionError, match="no stage 'stage7'"):
        resolve(RecipeSpec([phase(unfreeze=2, stage_rates={"stage7": 2.0})]), STAGES)


def test_stages_given_replace_those_of_the_recipe() -> None:
    recipe = choose("lp-ft", stages=["stage1", "stage3"], epochs=2)
    assert recipe.phases[-1].unfreeze == ("stage1", "stage3")
    assert recipe.phases[-1].epochs == 2
    with pytest.raises(OptionError, match="trains no stage"):
        choose("probe", stages=["stage1"])
    with pytest.raises(OptionError, match="list of names"):
        choose("lp-ft", stages="stage1")


def test_the_rate_of_a_stage() -> None:
    assert rates(phase(unfreeze=2, stage_decay=0.5), STAGES) == {"head": 1.0, "stage2": 0.25, "stage3": 0.5}
    assert rates(phase(unfreeze=["stage1"], stage_decay=0.5), STAGES) == {"head": 1.0, "stage1": 0.125}
    named = phase(unfreeze=["stage2", "stage3"], stage_rates={"stage3": 10, "head": 2})
    assert rates(named, STAGES) == {"head": 2.0, "stage2": 1.0, "stage3": 10.0}


def test_a_recipe_of_a_plugin_needs_a_name(tmp_path: Path) -> None:
    code = """
from zoo import hookimpl
from zoo.specs import PhaseSpec, RecipeSpec

@hookimpl
def zoo_recipes():
    phases = [PhaseSpec(name="tune", epochs=1)]
    return [RecipeSpec(phases), RecipeSpec(phases, name="quick")]
"""
    with plugin_site(tmp_path / "site") as folder:
        install(folder, "birds", code)
        with pytest.warns(ZooNotice, match="without a name"):
            registry()
        assert [row["name"] for row in zoo.recipes() if row["provider"] == "birds"] == ["quick"]
        (record,) = [record for record in manager().records() if record.id == "birds"]
        assert "without a name" in record.problems[0].what
        with pytest.raises(UnknownNameError, match=r"birds:quik.*Did you mean 'birds:quick'"):
            choose("birds:quik")
