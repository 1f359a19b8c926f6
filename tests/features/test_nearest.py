"""Neighbors, near-duplicates, suspected labels and the map: on planted arrays, and on real photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.errors import DataError, OptionError
from zoo.features.nearest import (
    doubted_labels,
    feature_map,
    near_duplicates,
    principal_map,
    similar_pairs,
    suspected_labels,
)

SMALL = {"input_size": 96}


@pytest.fixture(scope="module")
def photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty photos of three flowers; a sunflower among the daisies, a daisy twice, another saved again."""
    folder = tmp_path_factory.mktemp("nearest")
    for label in ("daisy", "roses", "sunflowers"):
        (folder / label).mkdir()
        for file in sorted((shared_data / "flowers5" / label).iterdir())[:20]:
            shutil.copy(file, folder / label / file.name)
    daisies = sorted((folder / "daisy").iterdir())
    shutil.copy(daisies[0], folder / "daisy" / "copy.jpg")
    Image.open(daisies[1]).save(folder / "daisy" / "again.jpg", quality=80)
    sunflower = sorted((shared_data / "flowers5" / "sunflowers").iterdir())[25]
    shutil.copy(sunflower, folder / "daisy" / "wrong.jpg")
    return folder


def test_neighbors_on_photos(photos: Path) -> None:
    path = sorted((photos / "sunflowers").iterdir())[3]
    found = zoo.neighbors(path, photos, k=5, **SMALL)
    assert [row["rank"] for row in found] == [1, 2, 3, 4, 5]
    assert found[0]["id"] == f"sunflowers/{path.name}"
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-3)
    assert found[0]["label"] == "sunflowers"
    assert [row["similarity"] for row in found] == sorted((row["similarity"] for row in found), reverse=True)
    array = zoo.neighbors(np.asarray(Image.open(path).convert("RGB")), photos, k=5, **SMALL)
    assert [row["id"] for row in array] == [row["id"] for row in found]
    flat = zoo.neighbors(path, photos / "roses", k=99, **SMALL)
    assert (len(flat), flat[0]["label"]) == (20, None)
    with pytest.raises(DataError, match="takes one image"):
        zoo.neighbors(photos / "roses", photos)
    with pytest.raises(OptionError, match="from 1"):
        zoo.neighbors(path, photos, k=0)


def test_duplicates_and_suspects_on_photos(photos: Path) -> None:
    pairs = near_duplicates(photos, threshold=0.9, **SMALL)
    first, second = sorted(path.name for path in (photos / "daisy").iterdir() if path.name[0].isdigit())[:2]
    assert {pairs[0]["first"], pairs[0]["second"]} == {f"daisy/{first}", "daisy/copy.jpg"}
    assert [row["same_file"] for row in pairs[:2]] == [True, False]
    assert {pairs[1]["first"], pairs[1]["second"]} == {f"daisy/{second}", "daisy/again.jpg"}
    assert pairs[0]["same_label"] is True
    suspects = suspected_labels(photos, **SMALL)
    assert "daisy/wrong.jpg" in [row["id"] for row in suspects[:3]]
    row = next(row for row in suspects if row["id"] == "daisy/wrong.jpg")
    assert (row["label"], row["looks_like"]) == ("daisy", "sunflowers")
    assert row["p_label"] < row["p_looks_like"]
    places, positions = feature_map(photos, **SMALL)
    assert places.shape == (63, 2)
    np.testing.assert_array_equal(positions, np.arange(63))
    with pytest.raises(DataError, match="no class folders"):
        suspected_labels(photos / "roses", **SMALL)


def test_similar_pairs_are_all_pairs_across_blocks(monkeypatch) -> None:
    monkeypatch.setattr("zoo.features.nearest._BLOCK", 7)
    values = np.random.default_rng(0).normal(size=(30, 3))
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    cosine = unit @ unit.T
    expected = {(a, b) for a in range(30) for b in range(a + 1, 30) if cosine[a, b] >= 0.8}
    found = similar_pairs(values, threshold=0.8)
    assert {(a, b) for a, b, _ in found} == expected
    assert [round(s, 5) for *_, s in found] == sorted((round(s, 5) for *_, s in found), reverse=True)
    assert similar_pairs(values, threshold=0.8, most=3) == found[:3]
    assert similar_pairs(np.ones((2, 3)), threshold=1.0)[0][:2] == (0, 1)
    with pytest.raises(OptionError, match="cosine"):
        similar_pairs(values, threshold=2)


def test_planted_label_errors_are_found() -> None:
    probabilities = np.tile([[0.9, 0.1, 0.0]], (6, 1))
    probabilities[3:] = [0.1, 0.9, 0.0]
    targets = np.array([0, 0, 1, 1, 1, 0])
    assert doubted_labels(probabilities, targets) == [(2, 0), (5, 1)]
    assert doubted_labels(probabilities, np.array([0, 0, 0, 1, 1, 1])) == []


def test_the_map_holds_the_plane_and_is_the_same_again() -> None:
    angles = np.linspace(0, 1, 20)
    values = np.zeros((20, 5))
    values[:, 1], values[:, 3] = np.cos(angles), np.sin(angles)
    places = principal_map(values)
    spread = np.linalg.norm(values[:, None] - values[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), spread, atol=1e-6)
    np.testing.assert_allclose(principal_map(values[::-1])[::-1], places, atol=1e-6)
    assert not principal_map(np.ones((4, 3))).any()
    assert principal_map(np.ones((1, 1))).shape == (1, 2)
