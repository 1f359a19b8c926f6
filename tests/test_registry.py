"""Names: resolved, suggested, ambiguous, deprecated; the catalog filtered and printed."""

from __future__ import annotations

import warnings
from itertools import permutations

import pytest

import zoo
from zoo.errors import AmbiguousNameError, OptionError, PluginError, UnknownNameError
from zoo.registry import Provider, Registry, ZooNotice
from zoo.table import Table

ZOO = Provider("zoo_vision", "zoo-sdk", "0.1.0")
BIRDS = Provider("birds", "zoo-birds", "1.0")
WINGS = Provider("wings", "zoo-wings", "2.0")


def head(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "factory": "zoo_vision.heads:linear", **more}


def test_names_of_zoo_win_with_a_notice() -> None:
    for order in permutations([(ZOO, "linear"), (BIRDS, "linear")]):
        registry = Registry()
        for provider, name in order:
            registry.add(provider, {"heads": [head(name)]})
        with pytest.warns(ZooNotice, match="birds:linear"):
            assert registry.get("heads", "linear").provider is ZOO
        assert registry.get("heads", "birds:linear").provider is BIRDS


def test_two_third_parties_are_an_error_that_names_both() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("owls")]})
    registry.add(WINGS, {"heads": [head("owls")]})
    with pytest.raises(AmbiguousNameError, match=r"zoo-birds 1\.0 .*'birds:owls'.*zoo-wings 2\.0 .*'wings:owls'"):
        registry.get("heads", "owls")
    assert registry.get("heads", "wings:owls").provider is WINGS


def test_an_alias_never_beats_a_name() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("owls", aliases=["tits"])]})
    registry.add(WINGS, {"heads": [head("tits")]})
    assert registry.get("heads", "tits").provider is WINGS


def test_deprecated_names_lead_to_their_replacement() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("old", deprecated="new"), head("new")]})
    with pytest.warns(ZooNotice, match="use 'new'"):
        assert registry.get("heads", "old").name == "new"


def test_a_deprecated_name_stays_within_its_plugin() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("old", deprecated="new"), head("new")]})
    registry.add(ZOO, {"heads": [head("new")]})
    with pytest.warns(ZooNotice, match="use 'new'"):
        assert registry.get("heads", "old").id == "birds:new"


def test_a_deprecated_name_without_a_replacement_is_used_itself() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("old", deprecated="nowhere")]})
    with pytest.warns(ZooNotice, match=r"'birds:old' is deprecated, and is used: .*'nowhere'"):
        assert registry.get("heads", "old").id == "birds:old"


def test_a_table_lets_no_control_character_through() -> None:
    table = Table([{"name": "a", "summary": "\x1b[31mred\x1b[0m\nthing"}], columns=("name", "summary"))
    for text in (table.render(), table.render(width=12), repr(table)):
        assert all(line.isprintable() for line in text.splitlines())
    assert len(table.render().splitlines()) == 2


def test_names_that_replace_each_other_end() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("a", deprecated="b"), head("b", deprecated="a")]})
    with pytest.warns(ZooNotice):
        assert registry.get("heads", "a").name in "ab"


def test_a_preference_never_beats_a_name_of_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PREFER", "birds")
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("linear")]})
    registry.add(ZOO, {"heads": [head("linear")]})
    with pytest.warns(ZooNotice, match="birds:linear"):
        assert registry.get("heads", "linear").provider is ZOO


def test_a_preference_never_lets_an_alias_beat_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_PREFER", "birds")
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("owls", aliases=["tits"])]})
    registry.add(WINGS, {"heads": [head("tits")]})
    assert registry.get("heads", "tits").provider is WINGS


def test_near_misses_are_suggested() -> None:
    registry = Registry()
    registry.add(ZOO, {"heads": [head("flowers5"), head("linear")]})
    with pytest.raises(UnknownNameError, match=r"no head named 'flower5'\. Did you mean 'flowers5'\?"):
        registry.get("heads", "flower5")
    with pytest.raises(UnknownNameError, match="no plugin named 'nobody'"):
        registry.get("heads", "nobody:linear")


def test_names_of_a_broken_plugin_say_so() -> None:
    registry = Registry()
    registry.add_broken({"heads": ["owls"]}, "plugin 'birds' of zoo-birds 1.0 failed: ImportError: no wings")
    with pytest.raises(PluginError, match="no wings"):
        registry.get("heads", "owls")


def test_a_row_that_does_not_fit_names_its_provider() -> None:
    registry = Registry()
    registry.add(BIRDS, {"heads": [head("owls", color="gray")]})
    with pytest.raises(PluginError, match=r"zoo-birds 1\.0.*color"):
        _ = registry.get("heads", "owls").spec


def test_backbones_are_filtered_and_sorted() -> None:
    rows = zoo.backbones(max_params=6e6, sort="top1")
    assert len(rows) >= 10
    assert all(row["params"] <= 6e6 for row in rows)
    known = [row["top1"] for row in rows if row["top1"] is not None]
    assert known == sorted(known, reverse=True)
    assert [row["top1"] for row in rows][: len(known)] == known  # those without a figure come last
    assert {row["name"] for row in zoo.backbones("resnet*")} >= {"resnet50", "resnet152_v2"}
    assert {row["license"] for row in zoo.backbones(license="apache-2.0")} == {"Apache-2.0"}
    assert "efficientnet_lite0" in str(rows)
    assert "<table>" in rows._repr_html_()


def test_sort_by_an_unknown_column_suggests() -> None:
    with pytest.raises(OptionError, match="Did you mean 'top1'"):
        zoo.backbones(sort="top11")


def test_all_forty_applications_are_there() -> None:
    import json
    from pathlib import Path

    rows = {row["name"] for row in zoo.backbones()}
    assert len(rows) == 135
    assert {"efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet_025", "squeezenet"} <= rows
    root = Path(__file__).parent.parent
    assert json.loads((root / "registry.json").read_text())["plugin"] == "zoo"


def test_describe_says_what_a_user_needs() -> None:
    described = zoo.describe("VGG16")
    text = str(described)
    for part in ("BGR", "103.939", "imagenet", "stage4", "fc2", "md5 6d6bbae", "CC-BY", "0.713"):
        assert part.lower() in text.lower(), part
    layers = described.layers
    assert [row["name"] for row in layers][-3:] == ["fc1", "fc2", "predictions"]
    assert sum(row["params"] for row in layers) == described.spec.params_top
    assert sum(row["params"] > 0 for row in layers) == 16
    assert sum(row["macs"] for row in layers) == 15_470_264_320
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert described.to_dict()["name"] == "vgg16"


def test_unknown_backbone_suggests() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vgg16'"):
        zoo.describe("vgg-16")
