"""Plugins: found by entry point, listed from manifests, isolated when broken, imported only when used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.plugins import GOOD, install, points

from zoo.errors import AmbiguousNameError, OptionError, PluginError, UnknownNameError
from zoo.plugin import Manager, use_manager
from zoo.plugin.manifest import make_manifest
from zoo.registry import ZooNotice


def manager(site: Path) -> Manager:
    return Manager(points(site))


def test_a_plugin_with_a_manifest_is_listed_without_being_imported(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    found = manager(site)
    entry = found.registry().get("heads", "owls")
    assert entry.id == "birds:owls"
    assert f"{package}.plugin" not in sys.modules
    assert callable(found.target(entry, entry.spec.factory))
    assert f"{package}.plugin" in sys.modules
    assert {record.id: record.state for record in found.records()}["birds"] == "active"


def test_a_plugin_without_a_manifest_works_too(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"))
    found = manager(site)
    record = {r.id: r for r in found.records()}["birds"]
    assert (record.manifest, record.state, record.provides) == (False, "discovered", {})
    assert "zoo_t_birds" not in sys.modules  # who lists plugins imports none
    found.registry()
    assert record.state == "active"
    assert record.provides["heads"] == ["owls"]


BROKEN = {
    "raises": "raise RuntimeError('no wings')",
    "typo": "from zoo import hookimpl\n@hookimpl\ndef zoo_haeds():\n    return []\n",
    "hook": "from zoo import hookimpl\n@hookimpl\ndef zoo_heads():\n    raise ValueError('moult')\n",
    "wrong": "from zoo import hookimpl\n@hookimpl\ndef zoo_heads():\n    return ['not a spec']\n",
    "library": "raise ImportError('libbird.so')",
    "exits": "import sys; sys.exit(3)",
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_plugin_breaks_only_what_it_provides(site: Path, kind: str) -> None:
    install(site, "broken", BROKEN[kind])
    install(site, "birds", GOOD.format(name="owls"))
    found = manager(site)
    with pytest.warns(ZooNotice, match="plugin 'broken' of zoo-t-broken"):
        registry = found.registry()
    records = {record.id: record for record in found.records()}
    assert records["broken"].state == "broken"
    assert records["broken"].error
    assert records["broken"].traceback or kind in {"typo", "wrong"}  # nothing was raised there
    assert registry.get("heads", "owls").provider.plugin == "birds"
    assert registry.get("backbones", "vgg16").name == "vgg16"


PARTLY = """
import zoo
from zoo.specs import AugmentationSpec, DatasetSpec, HeadSpec

def head(name):
    return HeadSpec(name=name, labels=("a", "b"), factory="zoo_vision.heads:linear")

@zoo.hookimpl
def zoo_heads():
    yield head("owls")
    yield "not a spec"
    yield AugmentationSpec(modality="image", name="dim", factory="zoo_vision.augmentations:flip")
    yield head("wrens")
    yield head("owls")
    yield head("No Name")
    yield head("never")

@zoo.hookimpl
def zoo_datasets():
    raise ValueError("moult")

@zoo.hookimpl
def zoo_augmentation():
    return []

def zoo_commands():
    return []

@zoo.hookimpl(specname="zoo_augmentations")
def mine():
    return [AugmentationSpec(modality="image", name="dim", factory="zoo_vision.augmentations:flip")]

@zoo.hookimpl(optionalhook=True)
def zoo_of_a_later_zoo():
    return []
"""


def test_hooks_and_specs_are_guarded_one_by_one(site: Path) -> None:
    install(site, "birds", PARTLY)
    found = manager(site)
    with pytest.warns(ZooNotice, match="zoo plugins doctor"):
        registry = found.registry()
    record = {r.id: r for r in found.records()}["birds"]
    assert record.state == "active"
    assert record.provides == {"heads": ["owls", "wrens"], "datasets": [], "augmentations": ["dim"]}
    assert registry.get("heads", "wrens").id == "birds:wrens"
    expected = [
        "there is no hook 'zoo_augmentation', so it is never called. Did you mean 'zoo_augmentations'",
        "zoo_commands lacks the decorator @zoo.hookimpl",
        "zoo_heads must return HeadSpec objects; it returned 'not a spec'",
        "zoo_heads must return HeadSpec objects; it returned AugmentationSpec(",
        "zoo_heads returned 'owls' twice",
        "zoo_heads failed: ValidationError",
        "zoo_datasets failed: ValueError: moult",
    ]
    assert len(record.problems) == len(expected)
    for problem, start in zip(record.problems, expected, strict=True):
        assert problem.what.startswith(start), problem
    assert "moult" in record.problems[-1].traceback
    assert record.error.endswith("(and 6 more)")
    with pytest.raises(PluginError, match="not a spec"):
        make_manifest("birds", "zoo_t_birds.plugin")


@pytest.mark.parametrize("where", ["hook", "spec", "name"])
def test_strict_mode_raises_for_parts_too(site: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    code = {
        "hook": BROKEN["hook"],
        "spec": BROKEN["wrong"],
        "name": BROKEN["typo"],
    }[where]
    install(site, "broken", code)
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="zoo-t-broken"):
        manager(site).registry()


def test_a_spec_that_holds_an_object_is_left_out(site: Path) -> None:
    code = """
import zoo
from zoo.specs import BackboneSpec, InputSpec, LayerSummary, Preprocessing

@zoo.hookimpl
def zoo_backbones():
    for name, option in (("finch", object()), ("wren", 3)):
        layers = LayerSummary(by_type={}, total=1, depth=1, batchnorm=0, dropout=0)
        yield BackboneSpec(
            modality="image",
            name=name, family="f", paper="p", builder="zoo_t_birds.plugin:build", builder_options={"o": option},
            input=InputSpec(default_size=8, min_size=8), preprocessing=Preprocessing(), layers=layers,
            feature_dim=1, params=1, portable=True,
        )
"""
    install(site, "birds", code)
    found = manager(site)
    with pytest.warns(ZooNotice, match="backbone 'finch' is not data"):
        registry = found.registry()
    assert [e.name for e in registry.entries("backbones") if e.provider.plugin == "birds"] == ["wren"]


def test_a_row_of_a_manifest_that_cannot_be_listed_is_left_out(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    data = json.loads(path.read_text())
    data["contributes"]["heads"] += [{"name": 3}, "wrens", {"name": "owls"}]
    data["contributes"] |= {"datasets": 7, "songs": [{"name": "of a later zoo"}]}
    path.write_text(json.dumps(data))
    found = manager(site)
    with pytest.warns(ZooNotice, match="left out"):
        registry = found.registry()
    assert [entry.id for entry in registry.entries("heads") if not entry.provider.first_party] == ["birds:owls"]
    record = {r.id: r for r in found.records()}["birds"]
    assert record.state == "indexed"
    assert [problem.stage for problem in record.problems] == ["spec"] * 4


BAD_ROWS = {
    "escape": {"name": "\x1b[31mred\x1b[0m"},
    "newline": {"name": "a\nb"},
    "empty": {"name": ""},
    "path": {"name": "../x"},
    "upper case": {"name": "UPPER"},
    "alias": {"name": "wrens", "aliases": ["Wren"]},
    "summary": {"name": "wrens", "summary": {"a": 1}},
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_names_and_summaries_of_a_manifest_are_checked_when_it_is_listed(site: Path, row: dict[str, object]) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    data = json.loads(path.read_text())
    data["contributes"]["heads"].append({"factory": "zoo_vision.heads:linear", **row})
    path.write_text(json.dumps(data))
    found = manager(site)
    with pytest.warns(ZooNotice, match="a head is left out"):
        registry = found.registry()
    assert [entry.id for entry in registry.entries("heads") if not entry.provider.first_party] == ["birds:owls"]
    record = {r.id: r for r in found.records()}["birds"]
    assert record.provides == {"heads": ["owls"]}
    assert len(record.problems) == 1
    assert record.error.isprintable()


def test_names_are_checked_as_specs_check_them() -> None:
    from zoo.registry import SLUG
    from zoo.specs import Slug

    assert Slug.__metadata__[0].pattern == f"^{SLUG.pattern}$"


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("Birds = zoo_t_birds.plugin", "the plugin id 'Birds' can never be written"),
        ("birds = zoo_t_birds.plugin:hooks", "name the module only, birds = 'zoo_t_birds.plugin'"),
    ],
)
def test_an_entry_point_that_cannot_be_a_plugins_is_one_clear_problem(site: Path, entry_point: str, words: str) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / "zoo_t_birds-1.0.dist-info" / "entry_points.txt").write_text(f"[zoo.plugins]\n{entry_point}\n")
    found = manager(site)
    with pytest.warns(ZooNotice, match="is skipped") as said:
        registry = found.registry()
    assert len(said) == 1
    record = {r.id.lower(): r for r in found.records()}["birds"]
    assert record.state == "broken"
    assert [(problem.stage, words in problem.what) for problem in record.problems] == [("discovery", True)]
    with pytest.raises(UnknownNameError, match="failed, so its names are not known"):
        registry.get("heads", "owls")


def test_a_manifest_of_another_plugin_counts_as_none(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / "zoo_t_birds" / "more.py").write_text(GOOD.format(name="wrens"))
    (site / "zoo_t_birds-1.0.dist-info" / "entry_points.txt").write_text(
        "[zoo.plugins]\nbirds = zoo_t_birds.plugin\nmore = zoo_t_birds.more\n"
    )
    found = manager(site)
    registry = found.registry()
    ids = [entry.id for entry in registry.entries("heads") if not entry.provider.first_party]
    assert ids == ["birds:owls", "more:wrens"]
    record = {r.id: r for r in found.records()}["more"]
    assert (record.manifest, record.state, record.error) == (False, "active", "")
    assert "is of the plugin 'birds', so it counts as none" in record.problems[0].what


def test_what_a_plugin_prints_at_import_goes_to_stderr_and_is_recorded(site: Path, capsys) -> None:
    install(site, "loud", "print('tweet')\n" + GOOD.format(name="owls"))
    found = manager(site)
    assert found.registry().get("heads", "owls").id == "loud:owls"
    assert capsys.readouterr() == ("", "tweet\n")
    record = {r.id: r for r in found.records()}["loud"]
    assert [(p.what, p.broken) for p in record.problems] == [("prints at import: 'tweet'", False)]
    assert record.error == ""


def test_an_unknown_name_may_be_one_of_a_plugin_that_failed(site: Path) -> None:
    install(site, "broken", BROKEN["raises"])
    found = manager(site)
    with pytest.warns(ZooNotice):
        registry = found.registry()
    with pytest.raises(UnknownNameError, match=r"no head named 'owls'.*'broken' failed, so its names are not known"):
        registry.get("heads", "owls")


def test_damaged_metadata_breaks_nothing(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / "zoo_t_birds-1.0.dist-info" / "METADATA").unlink()
    record = {r.id: r for r in manager(site).records()}["birds"]
    assert record.state == "indexed"


def test_the_same_distribution_seen_twice_is_one(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    found = Manager([*points(site), *points(site)])
    assert found.registry().get("heads", "owls").id == "birds:owls"
    assert not [record for record in found.records() if record.problems]


def rename_id(site: Path, plugin: str, new: str) -> None:
    entry = site / f"zoo_t_{plugin}-1.0.dist-info" / "entry_points.txt"
    entry.write_text(entry.read_text().replace(f"{plugin} =", f"{new} ="))


def test_of_two_distributions_with_one_plugin_id_neither_has_it_and_both_are_named(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    install(site, "cats", GOOD.format(name="lions"), manifest=True)
    rename_id(site, "cats", "birds")
    for order in (1, -1):
        plugins = Manager(points(site)[::order])
        with pytest.warns(ZooNotice, match="zoo-t-birds 1.0 .* and by zoo-t-cats 1.0"):
            registry = plugins.registry()
        assert [entry.id for entry in registry.entries("heads") if not entry.provider.first_party] == []
        records = {record.id: record for record in plugins.records()}
        for name in ("birds", "cats"):
            record = records[f"birds of zoo-t-{name}"]
            assert record.state == "broken"
            assert "ZOO_PLUGINS=-zoo-t-birds" in record.problems[0].advice


@pytest.mark.parametrize("out", ["zoo-t-cats", "zoo_t_cats", "Zoo.T-cats"])
def test_a_distribution_that_is_left_out_takes_no_id(site: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    install(site, "cats", GOOD.format(name="lions"), manifest=True)
    rename_id(site, "cats", "birds")
    monkeypatch.setenv("ZOO_PLUGINS", f"-{out}")
    plugins = manager(site)
    assert plugins.registry().get("heads", "owls").provider.distribution == "zoo-t-birds"
    states = {record.id: record.state for record in plugins.records()}
    assert (states["birds"], states["birds of zoo-t-cats"]) == ("indexed", "disabled")


@pytest.mark.parametrize("spelling", ["zoo_vision", "zoo-vision", "zoo.vision", "zoo"])
@pytest.mark.parametrize("left_out", [False, True])
def test_the_ids_of_zoos_own_plugins_cannot_be_taken(
    site: Path, monkeypatch: pytest.MonkeyPatch, spelling: str, left_out: bool
) -> None:
    install(site, "cats", GOOD.format(name="lions"))
    rename_id(site, "cats", spelling)
    if left_out:
        monkeypatch.setenv("ZOO_PLUGINS", "")
    plugins = manager(site)
    if left_out:
        registry = plugins.registry()
    else:
        with pytest.warns(ZooNotice, match="is zoo's own"):
            registry = plugins.registry()
    assert registry.get("heads", "linear").id == "zoo_vision:linear"
    assert registry.get("recipes", "probe").provider.first_party
    assert "zoo_t_cats.plugin" not in sys.modules
    (record,) = [record for record in plugins.records() if record.provider.distribution == "zoo-t-cats"]
    assert record.id == f"{spelling} of zoo-t-cats"
    assert record.state == ("disabled" if left_out else "broken")


def test_a_preference_resolves_what_two_provide(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in ("birds", "cats"):
        install(site, plugin, GOOD.format(name="owls"), manifest=True)
    for order in (1, -1):
        registry = Manager(points(site)[::order]).registry()
        monkeypatch.delenv("ZOO_PREFER", raising=False)
        with pytest.raises(AmbiguousNameError, match="ZOO_PREFER=birds"):
            registry.get("heads", "owls")
        monkeypatch.setenv("ZOO_PREFER", "nobody, cats,birds")
        assert registry.get("heads", "owls").id == "cats:owls"


def test_strict_mode_raises(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "broken", BROKEN["raises"])
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    found = manager(site)
    for _ in range(2):  # not only the first time
        with pytest.raises(
            PluginError, match=r"'broken' of zoo-t-broken 1\.0 failed: RuntimeError: no wings"
        ) as caught:
            found.registry()
    assert "plugin.py" in caught.value.__notes__[0]  # the traceback of the plugin's code


@pytest.mark.parametrize("manifest", ["{not json", "[" * 100_000, "[]"])
def test_strict_mode_leaves_the_list_of_plugins_alone(
    site: Path, monkeypatch: pytest.MonkeyPatch, manifest: str
) -> None:
    package = install(site, "birds", GOOD.format(name="owls"))
    (site / package / "zoo-plugin.json").write_text(manifest)
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    found = manager(site)
    assert {record.id: record.state for record in found.records()}["birds"] == "broken"
    with pytest.raises(PluginError, match=r"plugin 'birds' of zoo-t-birds 1\.0 failed"):
        found.registry()


def test_a_name_of_a_plugin_that_breaks_at_activation_says_which_and_what_to_try(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    (site / package / "plugin.py").write_text("raise RuntimeError('no wings')")
    found = manager(site)
    entry = found.registry().get("heads", "owls")  # the manifest still names it
    with (
        pytest.warns(ZooNotice),
        pytest.raises(PluginError, match=r"zoo-t-birds 1\.0 failed.*no wings.*pip install -U"),
    ):
        found.target(entry, entry.spec.factory)


def test_an_unreadable_manifest_breaks_its_plugin_only(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"))
    (site / package / "zoo-plugin.json").write_text("{not json")
    with pytest.warns(ZooNotice, match="JSONDecodeError"):
        records = {record.id: record for record in manager(site).records()}
    assert records["birds"].state == "broken"


def test_a_manifest_for_another_zoo_is_refused_before_import(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "api": ">=99"}))
    found = manager(site)
    with pytest.warns(ZooNotice, match=">=99"):
        registry = found.registry()
    assert f"{package}.plugin" not in sys.modules
    with pytest.raises(PluginError, match="works with zoo >=99"):
        registry.get("heads", "owls")


def test_a_manifest_cannot_reach_into_code_of_others(site: Path) -> None:
    package = install(site, "birds", GOOD.format(name="owls"), manifest=True)
    path = site / package / "zoo-plugin.json"
    path.write_text(path.read_text().replace("zoo_vision.heads:linear", "os:system"))
    found = manager(site)
    entry = found.registry().get("heads", "owls")
    with pytest.raises(PluginError, match="outside its own packages"):
        found.target(entry, entry.spec.factory)


@pytest.mark.parametrize(
    ("value", "states"),
    [
        (None, "indexed indexed"),
        ("", "disabled disabled"),
        ("birds", "indexed disabled"),
        ("-birds", "disabled indexed"),
    ],
)
def test_allow_and_deny_lists(site: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, states: str) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    install(site, "cats", GOOD.format(name="lions"), manifest=True)
    if value is not None:
        monkeypatch.setenv("ZOO_PLUGINS", value)
    records = {record.id: record.state for record in manager(site).records()}
    assert f"{records['birds']} {records['cats']}" == states
    assert records["zoo_vision"] == "indexed"  # what comes with zoo stays


def test_the_order_of_entry_points_does_not_matter(site: Path) -> None:
    install(site, "birds", GOOD.format(name="owls"), manifest=True)
    install(site, "cats", GOOD.format(name="lions"), manifest=True)
    there, back = Manager(points(site)), Manager(list(reversed(points(site))))
    assert [r.row() for r in there.records()] == [r.row() for r in back.records()]


FACTORY = """
from pydantic import BaseModel, ConfigDict, Field
from zoo import hookimpl
from zoo.specs import HeadSpec

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = Field(default=8, gt=0)

def build(features, *, outputs, seed, width):
    raise KeyError(f"feathers {width}")

@hookimpl
def zoo_heads():
    here = "zoo_t_birds.plugin"
    return [HeadSpec(name="owls", labels=("a", "b"), factory=f"{here}:build", options=f"{here}:Options")]
"""


def test_options_are_checked_and_failures_of_a_factory_say_whose_it_is(site: Path) -> None:
    install(site, "birds", FACTORY)
    found = manager(site)
    entry = found.registry().get("heads", "owls")
    with pytest.raises(OptionError, match="'birds:owls': width: Input should be greater than 0"):
        found.call(entry, entry.spec.factory, None, outputs=2, seed=0, options={"width": 0})
    with pytest.raises(OptionError, match="wdith"):
        found.call(entry, entry.spec.factory, None, outputs=2, seed=0, options={"wdith": 3})
    with pytest.raises(PluginError, match=r"'birds:owls' of zoo-t-birds.*'width': 8.*feathers 8") as caught:
        found.call(entry, entry.spec.factory, None, outputs=2, seed=0)
    assert isinstance(caught.value.__cause__, KeyError)


def test_manifests_of_the_first_party_plugins_are_what_their_hooks_say() -> None:
    root = Path(__file__).parent.parent.parent / "plugins"
    for plugin in ("zoo_vision", "zoo_flowers", "zoo_classics", "zoo_tables", "zoo_video"):
        written = (root / plugin / "zoo-plugin.json").read_text(encoding="utf-8")
        assert written == make_manifest(plugin, f"{plugin}.plugin"), f"run: zoo plugins manifest {plugin} --write"


def test_use_manager_replaces_and_gives_back(site: Path) -> None:
    mine = manager(site)
    before = use_manager(mine)
    try:
        import zoo.plugin

        assert zoo.plugin.manager() is mine
    finally:
        assert use_manager(before) is mine
