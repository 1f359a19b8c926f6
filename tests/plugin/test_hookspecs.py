"""Every hook is documented with the version it came in and an example; the examples run, as plugins, and are used."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.plugins import plugin_site

import zoo
from zoo.plugin import call_factory, load_target, manager, registry, use_manager
from zoo.plugin.hookspecs import HOOKS, ZooSpecs
from zoo.plugin.manifest import make_manifest
from zoo.specs import KINDS


def documentation(hook: str) -> str:
    return inspect.getdoc(getattr(ZooSpecs, hook)) or ""


def example(hook: str) -> str:
    (block,) = re.findall(r"```python\n(.*?)```", documentation(hook), re.DOTALL)
    return textwrap.dedent(block)


@pytest.fixture
def installed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The example of a hook, installed as the plugin zoo_birds without a manifest; gives the kind."""
    kind = request.param
    package = tmp_path / "zoo_birds"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(example(HOOKS[kind]))
    info = tmp_path / "zoo_birds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-birds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zoo.plugins]\nzoo_birds = zoo_birds.plugin\n")
    with plugin_site(tmp_path):
        yield kind
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_birds"]:
        del sys.modules[name]


def test_every_kind_has_a_hook_and_every_hook_a_kind() -> None:
    assert list(HOOKS) == list(KINDS)
    assert set(HOOKS.values()) == {name for name in dir(ZooSpecs) if name.startswith("zoo_")}


@pytest.mark.parametrize("hook", HOOKS.values())
def test_every_hook_says_since_when_and_what_it_returns(hook: str) -> None:
    text = documentation(hook)
    assert re.search(r"^Since \d+\.\d+\.$", text, re.MULTILINE)
    assert "Returns:" in text
    compile(example(hook), hook, "exec")


def use_backbones() -> None:
    model = zoo.build("finch-net", head=zoo.classifier(["a", "b"]), weights=None)
    assert model.keras_model.output_shape == (None, 2)


def use_heads() -> None:
    from zoo.testing import tiny_backbone

    head = zoo.head("birds200", labels=["a", "b"], units=4)
    assert zoo.build(tiny_backbone(), head=head, preprocessing=None).keras_model.output_shape == (None, 2)
    with pytest.raises(zoo.ZooError, match="units: Input should be greater than 0"):
        zoo.build(tiny_backbone(), head=zoo.head("birds200", labels=["a", "b"], units=0), preprocessing=None)


def use_augmentations() -> None:
    entry = registry().get("augmentations", "birds-dusk")
    picture = np.full((4, 4, 3), 200, np.uint8)
    assert 100 <= call_factory(entry, entry.spec.factory)(picture, 7).max() <= 200


def use_datasets() -> None:
    assert zoo.classifier("birds200").labels == ("dark", "light")


def use_label_sets() -> None:
    assert registry().get("label_sets", "owls").spec.labels == ("barn owl", "tawny owl")


def use_commands() -> None:
    from zoo.cli.main import cli

    assert CliRunner().invoke(cli, ["sing"]).output == "tsee-tsee\n"


def use_recipes() -> None:
    from zoo.training.recipes.choosing import choose

    assert [row["phases"] for row in zoo.recipes() if row["name"] == "birds-gentle"] == [["probe", "tune"]]
    assert choose("zoo_birds:birds-gentle", epochs=3).phases[-1].epochs == 3
    with pytest.raises(zoo.ZooError, match="birds-gentle"):
        choose("birds-gentel")


def evaluation(count: int = 12) -> Any:
    from zoo.evaluation import evaluate_scores

    truth = np.arange(count) % 3
    answers = np.eye(3)[(truth + (np.arange(count) < 3)) % 3]
    return evaluate_scores(answers, truth, labels=("a", "b", "c"))


def use_metrics() -> None:
    (figure,) = evaluation().plugin_figures
    assert (figure.name, figure.value, figure.higher_is_better) == ("error-rate", 0.25, False)
    assert "zoo-birds 1.0" in figure.provider
    assert "error-rate 0.25" in str(evaluation())
    assert evaluation().to_dict()["plugin_figures"][0]["value"] == 0.25


def use_engines() -> None:
    from zoo.features import extract
    from zoo.testing import tiny_backbone, tiny_dataset
    from zoo_vision.intake import ImageIntake

    data, model = tiny_dataset(), tiny_backbone()
    where = np.arange(len(data))
    settings = {"intake": ImageIntake(size=32), "cache": False}
    expected = extract(model, data, where, engine="keras", **settings)
    actual = extract(model, data, where, engine="one-by-one", **settings)
    assert np.abs(actual.values - expected.values).max() <= 1e-4 * np.abs(expected.values).max()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_ENGINE", "zoo_birds:one-by-one")
        assert len(extract(model, data, where, **settings).positions) == len(data)


def use_sources() -> None:
    entry = registry().get("sources", "nest")
    assert load_target(entry, entry.spec.source)().fetch


def use_formats() -> None:
    assert registry().get("formats", "copied").spec.extension == ".copied.keras"


def use_modalities() -> None:
    from zoo.modality import Modality

    entry = registry().get("modalities", "song")
    assert isinstance(load_target(entry, entry.spec.modality)(), Modality)


@pytest.mark.parametrize("installed", HOOKS, indirect=True)
def test_the_example_runs_and_what_it_provides_works(installed: str) -> None:
    entries = [entry for entry in registry().entries(installed) if entry.provider.plugin == "zoo_birds"]
    assert entries
    assert all(entry.spec.summary for entry in entries)
    (record,) = [record for record in manager().records() if record.id == "zoo_birds"]
    assert [problem for problem in record.problems if problem.broken] == []
    assert f'"{entries[0].name}"' in make_manifest("zoo_birds", "zoo_birds.plugin")
    globals()[f"use_{installed}"]()


@pytest.mark.slow
@pytest.mark.parametrize("installed", HOOKS, indirect=True)
def test_the_example_conforms(installed: str, tmp_path: Path) -> None:
    from zoo.testing import check_plugin

    (tmp_path / "zoo_birds" / "zoo-plugin.json").write_text(make_manifest("zoo_birds", "zoo_birds.plugin"))
    use_manager(None)
    report = check_plugin("zoo_birds")
    assert report.ok, report.render()


def test_the_figures_of_the_backbone_are_true(tmp_path: Path) -> None:
    from zoo.architectures.facts import facts

    space: dict[str, object] = {}
    exec(example("zoo_backbones"), space)
    (spec,) = space["zoo_backbones"]()  # type: ignore[operator]
    found = facts(space["build"](False, spec.input.default_size))  # type: ignore[operator]
    assert [stage.model_dump() for stage in spec.stages] == found["stages"]
    assert spec.layers.model_dump() == found["layers"]
    assert (spec.feature_dim, spec.params) == (found["feature_dim"], found["params"])
