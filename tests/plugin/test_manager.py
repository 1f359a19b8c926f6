"""Plugins: found by entry point, listed from manifests, isolated when broken, imported only when used."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

import pytest

from zoo.errors import OptionError, PluginError
from zoo.plugin import Manager, use_manager
from zoo.plugin.manager import GROUP, make_manifest
from zoo.registry import ZooNotice

GOOD = """
from zoo import hookimpl
from zoo.specs import HeadSpec

@hookimpl
def zoo_heads():
    return [HeadSpec(name="{name}", labels=("a", "b"), factory="zoo_vision.heads:linear")]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions of one's own; its modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("zoo_t_"):
            del sys.modules[name]


def install(site: Path, plugin: str, code: str, *, manifest: bool = False, target: str | None = None) -> str:
    """Write a package and its metadata as pip would; returns the package name."""
    package = f"zoo_t_{plugin}"
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("")
    (site / package / "plugin.py").write_text(code)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-t-{plugin}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{plugin} = {target or package + '.plugin'}\n")
    if manifest:
        (site / package / "zoo-plugin.json").write_text(make_manifest(plugin, f"{package}.plugin"))
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]
    return package


def points(site: Path) -> list[EntryPoint]:
    ours: list[Distribution] = list(distributions(path=[str(site)]))
    zoos = [d for d in distributions() if d.name == "zoo-sdk"][:1]
    return [point for dist in ours + zoos for point in dist.entry_points if point.group == GROUP]


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
    record = {r.id: r for r in manager(site).records()}["birds"]
    assert not record.manifest
    assert record.provides["heads"] == ["owls"]


BROKEN = {
    "raises": "raise RuntimeError('no wings')",
    "typo": "from zoo import hookimpl\n@hookimpl\ndef zoo_haeds():\n    return []\n",
    "hook": "from zoo import hookimpl\n@hookimpl\ndef zoo_heads():\n    raise ValueError('moult')\n",
    "wrong": "from zoo import hookimpl\n@hookimpl\ndef zoo_heads():\n    return ['not a spec']\n",
    "exits": "raise ImportError('libbird.so')",
}


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_plugin_breaks_only_what_it_provides(site: Path, kind: str) -> None:
    install(site, "broken", BROKEN[kind])
    install(site, "birds", GOOD.format(name="owls"))
    found = manager(site)
    with pytest.warns(ZooNotice, match="'broken' of zoo-t-broken is skipped"):
        registry = found.registry()
    records = {record.id: record for record in found.records()}
    assert records["broken"].state == "broken"
    assert records["broken"].traceback
    assert registry.get("heads", "owls").provider.plugin == "birds"
    assert registry.get("backbones", "vgg16").name == "vgg16"


def test_strict_mode_raises(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "broken", BROKEN["raises"])
    monkeypatch.setenv("ZOO_STRICT_PLUGINS", "1")
    with pytest.raises(RuntimeError, match="no wings"):
        manager(site).registry()


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
    for plugin in ("zoo_vision", "zoo_flowers", "zoo_classics"):
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
