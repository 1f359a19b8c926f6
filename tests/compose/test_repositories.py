"""`hf://owner/name` as a backbone: a row's own repository, or one of timm's of an architecture that a row builds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.fake_hub import FakeHub
from helpers.rows import NETWORKS, tiny_rows, write_weights

import zoo
from zoo.errors import OptionError, WeightsError

LISTED, OTHER = "timm/tiny_vit.listed", "someone/my_vit"
SIDE = NETWORKS["vit"]["size"]
MEAN, STD = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
CONFIG = {
    "architecture": "tiny_vit",
    "num_classes": 10,
    "pretrained_cfg": {
        "mean": MEAN, "std": STD, "interpolation": "bilinear", "crop_pct": 0.9, "input_size": [3, SIDE, SIDE],
    },
}  # fmt: skip
SOURCE = {
    "license": "MIT", "license_source": "here", "trained_on": "nothing", "id": "listed", "kind": "hub",
    "filename": "model.safetensors", "repository": LISTED, "timm": "tiny_vit.listed", "format": "safetensors",
    "includes_top": True,
}  # fmt: skip
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def config(**changes: Any) -> bytes:
    return json.dumps({**CONFIG, **changes}).encode()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    weights = write_weights("vit", tmp_path / "vit.safetensors").read_bytes()
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with FakeHub() as hub, tiny_rows(vit=[SOURCE]):
        hub.push(LISTED, "main", {"model.safetensors": weights})
        hub.push(OTHER, "main", {"model.safetensors": weights, "config.json": config()})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def expected(hub: FakeHub, tmp_path: Path) -> np.ndarray:
    """The same file through `weights=`, with the numbers of the configuration."""
    numbers = zoo.specs.Preprocessing(scale=1 / 255, mean=tuple(MEAN), std=tuple(STD))
    return zoo.embed(
        PIXELS, "tiny_vit", weights=tmp_path / "vit.safetensors", preprocessing=numbers, input_size=SIDE
    ).array


def test_a_repository_of_an_architecture_that_a_row_builds(hub: FakeHub, expected: np.ndarray) -> None:
    array = zoo.embed(PIXELS, f"hf://{OTHER}").array
    np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-6)
    by_row = zoo.embed(PIXELS, "tiny_vit", weights=f"hf://{OTHER}/model.safetensors", input_size=SIDE).array
    assert np.abs(array - by_row).max() > 1e-3  # mean and std are those of the repository, not of the row
    model = zoo.build(f"hf://{OTHER}", head=zoo.classifier(["a", "b"]))
    assert model.input_size == SIDE
    assert model.composition.identity.backbone.endswith("tiny_vit")


def test_the_repository_of_a_row_is_that_row(hub: FakeHub) -> None:
    listed = zoo.build(f"hf://{LISTED}", head=zoo.classifier(["a", "b"]))
    assert listed.composition.identity.weights == "listed"
    commit = hub.branches[LISTED, "main"]
    hub.push(LISTED, "main", {"model.safetensors": b"moved"})
    assert zoo.build(
        f"hf://{LISTED}@{commit}", head=zoo.classifier(["a", "b"])
    ).composition.identity.weights_sha256 == (listed.composition.identity.weights_sha256)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (config(architecture="tiny_vitt"), "no row of the catalog builds. Did you mean 'tiny_vit'"),
        (b'{"architectures": ["ViTModel"], "model_type": "vit"}', "no repository that timm wrote.*ViTModel"),
        (b"[]", "is no configuration"),
        (config(pretrained_cfg={"mean": [0.5]}), "says no mean and std"),
        (b"{", "config.json"),
    ],
)
def test_what_cannot_be_built_says_why(hub: FakeHub, content: bytes, message: str) -> None:
    hub.push(OTHER, "main", {"config.json": content})
    with pytest.raises(zoo.ZooError, match=message):
        zoo.build(f"hf://{OTHER}", head=zoo.classifier(["a", "b"]))
    assert not [path for _, path, _ in hub.requests if path.endswith("model.safetensors")]  # nothing large was fetched


def test_weights_beside_a_repository_and_addresses_that_are_none(hub: FakeHub) -> None:
    with pytest.raises(OptionError, match="brings its weights"):
        zoo.build(f"hf://{OTHER}", head=zoo.classifier(["a", "b"]), weights=None)
    with pytest.raises(OptionError, match="no repository of the hub"):
        zoo.build("hf://timm", head=zoo.classifier(["a", "b"]))
    with pytest.raises(WeightsError, match="nobody/here"):
        zoo.build("hf://nobody/here", head=zoo.classifier(["a", "b"]))
