"""Recipe files: JSON and YAML say the same, nothing in them is code, and what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from zoo.errors import OptionError
from zoo.training.recipes.choosing import choose, named
from zoo.training.recipes.files import MAX_BYTES, read_recipe

YAML = """
summary: mine
phases:
  - {name: probe, solver: convex}
  - name: tune
    unfreeze: [stage3, stage4]
    epochs: 2
    stage_rates: {stage4: 10}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_yaml_json_and_python_say_the_same(tmp_path) -> None:
    found = read_recipe(write(tmp_path, "My own.yaml", YAML))
    assert found.name == "my-own"
    tune = zoo.Phase(name="tune", unfreeze=["stage3", "stage4"], epochs=2, stage_rates={"stage4": 10})
    assert found.phases == zoo.Recipe([zoo.Phase(name="probe", solver="convex"), tune]).phases
    assert read_recipe(write(tmp_path, "again.json", found.model_dump_json())) == found
    assert choose(str(tmp_path / "My own.yaml"), epochs=5).phases[1].epochs == 5
    listed = write(tmp_path, "list.yml", "- {name: probe, solver: convex}\n")
    assert choose(listed).phases == named("probe").phases


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("phases: !!python/object/apply:os.system ['echo']", "neither JSON nor plain YAML"),
        ("a: &a [1, 1]\nphases: [*a, *a]", "aliases"),
        ("phases: [{name: tune, epochs: 1, learning_rat: 1}]", r"phases\.0\.learning_rat"),
        ("phases: [{name: tune}]", "at least one epoch"),
        ("12", "holds int"),
        ("1: 2", "no recipe"),
        ("[" * 5000, "neither JSON nor plain YAML"),
        ("#" * (MAX_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path, text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        read_recipe(write(tmp_path, "bad.yaml", text))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        choose("nowhere.yaml")
