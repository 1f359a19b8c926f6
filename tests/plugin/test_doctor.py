"""`zoo plugins doctor`: names every way in which a plugin can be wrong, and imports none of them itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.plugins import GOOD, install

from zoo.plugin.records import find_record
from zoo.plugin.tools.doctor import Examination, examine
from zoo.registry import ZooNotice


def problems(found: Examination, plugin: str) -> list[tuple[str, str, bool]]:
    (finding,) = [finding for finding in found.findings if finding.record.id == plugin]
    return [(problem.stage, problem.what, problem.broken) for problem in finding.problems]


def test_a_good_plugin_has_no_problem_and_is_not_imported(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    found = examine("zoo-t-birds")
    assert found.ok
    assert problems(found, "birds") == []
    assert found.findings[0].fresh is None
    found = examine("zoo_t_birds", imports=True)
    assert found.ok
    assert found.findings[0].fresh is True
    assert found.findings[0].seconds is not None
    assert not [name for name in sys.modules if name.startswith("zoo_t_")]
    assert "1 plugins, 0 broken" in found.render()


WRONG = {
    "raises": ("raise RuntimeError('no wings')", "import", "RuntimeError: no wings", True),
    "exits": ("import sys; sys.exit(3)", "import", "it called sys.exit(3)", True),
    "dies": ("import os; os._exit(3)", "import", "(exit code 3)", True),
    "hangs": ("import time; time.sleep(60)", "import", "does not end its import within 2 s", True),
    "hook": ("import zoo\n@zoo.hookimpl\ndef zoo_heads(): raise ValueError('moult')", "hook", "moult", True),
    "loud": ("print('tweet')\n" + GOOD.format(name="owls"), "import", "prints at import: 'tweet'", False),
    "slow": ("import time; time.sleep(0.6)\n" + GOOD.format(name="owls"), "import", "s to import (more than", False),
    "heavy": ("import jax\n" + GOOD.format(name="owls"), "import", "imports jax at import time", False),
    "typo": (GOOD.format(name="owls").replace("zoo_heads", "zoo_haeds"), "hook", "no hook 'zoo_haeds'", True),
    "argument": (GOOD.format(name="owls").replace("heads()", "heads(models)"), "hook", "PluginValidationError", True),
}


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_every_fault_of_an_import_is_named(site: Path, kind: str) -> None:
    code, stage, words, broken = WRONG[kind]
    (site / "jax.py").write_text("")  # stands in for the real one, which may not be installed
    install(site, "wrong", code)
    found = examine("wrong")
    assert found.ok  # nothing is known without importing it
    assert problems(found, "wrong") == [
        ("manifest", "has no manifest, so it is imported whenever names are listed", False)
    ]
    found = examine("wrong", imports=True, timeout=2 if kind == "hangs" else 20)
    assert [one for one in problems(found, "wrong") if one[0] == stage and words in one[1] and one[2] == broken], found
    assert found.ok is not broken
    assert "zoo_t_wrong" not in sys.modules
    assert all(problem.advice for problem in found.findings[0].problems)


def test_a_manifest_that_lies_is_named(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / package / "plugin.py").write_text(GOOD.format(name="wrens"))
    found = examine("birds", imports=True)
    assert problems(found, "birds") == [("manifest", "its manifest does not say what its hooks say", True)]
    assert found.findings[0].fresh is False


def test_what_a_manifest_shows_is_found_without_an_import(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    data = json.loads(path.read_text())
    head = data["contributes"]["heads"][0]
    data["contributes"]["heads"] = [
        {**head, "name": "color", "color": "gray"},
        {**head, "name": "reaches", "factory": "os:system"},
        {**head, "name": "missing", "factory": f"{package}.nowhere:build"},
        {**head, "name": "needs", "requires": ["no-such-thing>=1"]},
        {**head, "name": "old", "deprecated": "never"},
    ]
    path.write_text(json.dumps(data))
    found = examine("birds")
    assert not found.ok
    texts = [what for _, what, _ in problems(found, "birds")]
    for text, words in zip(
        texts,
        ["color", "no such module", "not installed", "nobody", "'os:system'"],
        strict=True,
    ):
        assert words in text


def test_a_fault_of_the_discovery_or_of_whose_manifest_it_is_is_said_once(site: Path) -> None:
    install(site, "birds", "", target="zoo_t_birds.plugin:hooks")
    package = install(site, "cats", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    path.write_text(path.read_text().replace('"plugin": "cats"', '"plugin": "lions"'))
    with pytest.warns(ZooNotice):
        found = examine(imports=True)
    assert [(stage, broken) for stage, _, broken in problems(found, "birds")] == [("discovery", True)]
    assert [(stage, broken) for stage, _, broken in problems(found, "cats")] == [("manifest", False)]
    assert "of the plugin 'lions'" in problems(found, "cats")[0][1]


def test_it_works_in_strict_mode_and_lets_no_control_character_through(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "api": "\x1b[31m"}))
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    found = examine()
    assert not found.ok
    assert "\x1b" not in found.render()


def test_the_records_of_this_process_are_in_it_with_tracebacks(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / package / "zoo-plugin.json").write_text("{not json")
    with pytest.warns(ZooNotice):
        found = examine("birds")
    assert not found.ok
    assert "JSONDecodeError" in found.render()
    assert "    | Traceback" in found.render()
    assert "try: make it anew" in found.render()
    assert json.loads(json.dumps(found.to_dict()))["plugins"][0]["problems"][0]["stage"] == "manifest"


def test_an_entry_point_without_a_module(site: Path) -> None:
    install(site, "birds", "", target="zoo_t_nobody.plugin")
    assert "there is no file of it" in problems(examine("birds"), "birds")[-1][1]


def test_conflicts_shadowed_names_and_settings(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in ("birds", "cats"):
        install(site, plugin, GOOD.format(name="owls"), manifest=True)
    install(site, "mlps", GOOD.format(name="mlp"), manifest=True)
    found = examine()
    assert found.conflicts == [{"kind": "heads", "name": "owls", "ids": ["birds:owls", "cats:owls"], "meant": None}]
    assert found.shadowed == [{"kind": "heads", "name": "mlp", "winner": "zoo_vision:mlp", "ids": ["mlps:mlp"]}]
    assert "ambiguous" in found.render()
    monkeypatch.setenv("ZOO_PREFER", "cats,dogs")
    found = examine()
    assert found.conflicts[0]["meant"] == "cats:owls"
    assert found.settings == ["ZOO_PREFER names 'dogs', which is the id of no installed plugin"]


def test_disabled_plugins_are_left_alone(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "wrong", WRONG["raises"][0])
    monkeypatch.setenv("ZOO_PLUGINS", "")
    found = examine("wrong", imports=True)
    assert found.ok
    assert found.findings[0].state == "disabled"


def test_a_plugin_is_found_by_what_users_call_it(site: Path) -> None:
    from zoo.errors import UnknownNameError
    from zoo.plugin import manager

    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    for name in ("birds", "zoo-t-birds", "zoo_t_birds", "Zoo-T-Birds"):
        assert find_record(manager().records(), name).id == "birds"
    with pytest.raises(UnknownNameError, match="Did you mean 'birds'"):
        examine("brids")
