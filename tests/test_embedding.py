"""`zoo.embed`: one vector an image, in order, in bounded memory, in files that need no zoo."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_model
from PIL import Image

import zoo
from zoo import embedding
from zoo.embedding import of_composition
from zoo.errors import DataError, OptionError
from zoo.specs import Preprocessing
from zoo.testing.tiny import SIDE, tiny_backbone

NUMBERS = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE, 3), dtype=np.uint8)


def tiny(data: object, **options: object) -> zoo.Embeddings:
    return zoo.embed(data, tiny_backbone(), preprocessing=NUMBERS, **options)


@pytest.fixture(scope="module")
def maps(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(tiny_backbone()(pixels.astype(np.float32) * (2 / 255) - 1, training=False))


def test_vectors_are_those_of_the_network_in_the_order_of_the_data(pixels: np.ndarray, maps: np.ndarray) -> None:
    found = tiny(pixels)
    assert found.array.dtype == np.float32
    np.testing.assert_allclose(found.array, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    assert found.ids == tuple(map(str, range(6)))
    assert (found.labels, found.skipped, len(found)) == ((), (), 6)
    again = tiny(list(pixels[::-1]))
    np.testing.assert_allclose(again.array, found.array[::-1], rtol=1e-5, atol=1e-6)
    assert again.fingerprint == found.fingerprint != ""
    assert tiny(pixels, resize="pad").fingerprint != found.fingerprint


def test_poolings_and_the_map_itself(pixels: np.ndarray, maps: np.ndarray) -> None:
    np.testing.assert_allclose(tiny(pixels, features="max").array, maps.max((1, 2)), rtol=1e-4, atol=1e-5)
    found = tiny(pixels, features="map")
    assert found.features == "map"
    np.testing.assert_allclose(found.array, maps, rtol=1e-4, atol=1e-5)
    with pytest.raises(OptionError, match="has no features 'cls'"):
        tiny(pixels, features="cls")


def test_the_array_is_a_read_only_map_whose_file_goes_with_it(pixels: np.ndarray) -> None:
    found = tiny(pixels)
    assert isinstance(found.array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.array[0] = 0
    file = Path(found.array.filename)
    assert file.exists()
    row = found.array[2]
    del found
    gc.collect()
    assert file.exists()  # a view of it is still there
    del row
    gc.collect()
    assert not file.exists()


def test_what_predict_takes(pixels: np.ndarray, tmp_path: Path) -> None:
    expected = tiny(pixels).array
    for index, image in enumerate(pixels[:3]):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    files = [tmp_path / f"{index}.png" for index in range(3)]
    for data in (
        files,
        [str(file) for file in files],
        tmp_path,
        [Image.fromarray(image) for image in pixels[:3]],
        [pixels[0], str(files[1]), Image.fromarray(pixels[2])],
        zoo.from_files(files),
    ):
        np.testing.assert_allclose(tiny(data).array, expected[:3], rtol=1e-5, atol=1e-6)
    for one in (pixels[0], files[0], Image.fromarray(pixels[0])):
        np.testing.assert_allclose(tiny(one).array, expected[:1], rtol=1e-5, atol=1e-6)
    assert tiny(files).ids == tuple(map(str, files))


def test_labels_where_they_are_known_and_images_that_cannot_be_read(pixels: np.ndarray, tmp_path: Path) -> None:
    for index, name in enumerate(("cat", "cat", "dog", "dog")):
        (tmp_path / name).mkdir(exist_ok=True)
        Image.fromarray(pixels[index]).save(tmp_path / name / f"{index}.png")
    (tmp_path / "cat" / "0.png").write_bytes(b"\x89PNG damaged")
    found = tiny(tmp_path)
    assert found.labels == ("cat", "dog", "dog")
    assert len(found.array) == len(found.ids) == 3
    ((skipped, reason),) = found.skipped
    assert skipped.endswith("0.png")
    assert reason
    (tmp_path / "broken").mkdir()
    with pytest.raises(DataError, match="none of the 1 images"):
        tiny([tmp_path / "cat" / "0.png"])


def test_a_second_call_computes_nothing(pixels: np.ndarray) -> None:
    fresh = np.random.default_rng(9).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    assert [tiny(fresh).computed, tiny(fresh).computed, tiny(fresh, cache=False).computed] == [5, 0, 5]


def test_a_model_that_is_built_gives_what_its_head_reads(pixels: np.ndarray, maps: np.ndarray) -> None:
    composition = tiny_model().composition
    np.testing.assert_allclose(of_composition(composition, pixels).array, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        of_composition(composition, pixels, features="max").array, maps.max((1, 2)), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(of_composition(composition, pixels, features="map").array, maps, rtol=1e-4, atol=1e-5)
    with pytest.raises(OptionError, match="features='stage1': it has avg, max, concat, gem, map"):
        of_composition(composition, pixels, features="stage1")


def test_files_that_need_no_zoo(pixels: np.ndarray, tmp_path: Path) -> None:
    found = zoo.embed(zoo.Arrays(pixels, ["a", "b"] * 3), tiny_backbone(), preprocessing=NUMBERS)
    with np.load(found.save(tmp_path / "x.npz")) as file:
        np.testing.assert_array_equal(file["array"], found.array)
        assert (tuple(file["ids"]), tuple(file["labels"])) == (found.ids, ("a", "b") * 3)
        assert str(file["fingerprint"]) == found.fingerprint
    np.testing.assert_array_equal(np.load(found.save(tmp_path / "x.npy")), found.array)
    with pytest.raises(OptionError, match=r"endings are \.npz, \.npy, \.parquet"):
        found.save(tmp_path / "x.csv")
    with pytest.raises(OptionError, match="does not exist"):
        found.save(tmp_path / "nowhere" / "x.npy")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.npy", "x.npz"]


def test_parquet_or_how_to_install_it(pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install zoo-sdk[parquet]")
    found = zoo.embed(zoo.Arrays(pixels, ["a", "b"] * 3), tiny_backbone(), preprocessing=NUMBERS)
    monkeypatch.setattr(embedding, "_BLOCK", 4)  # more than one block
    table = parquet.read_table(found.save(tmp_path / "x.parquet"))
    assert table.column_names == ["id", "label", "vector"]
    assert tuple(table["id"].to_pylist()) == found.ids
    assert tuple(table["label"].to_pylist()) == found.labels
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), found.array)
    metadata = table.schema.metadata
    assert (metadata[b"fingerprint"].decode(), metadata[b"features"].decode()) == (found.fingerprint, "avg")
    plain = zoo.embed(pixels, tiny_backbone(), preprocessing=NUMBERS, features="map")
    table = parquet.read_table(plain.save(tmp_path / "map.parquet"))
    assert table.column_names == ["id", "vector"]
    np.testing.assert_array_equal(
        np.array(table["vector"].to_pylist(), np.float32).reshape(plain.array.shape), plain.array
    )
    before = sorted(tmp_path.iterdir())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OptionError, match="pip install pyarrow"):
        found.save(tmp_path / "y.parquet")
    assert sorted(tmp_path.iterdir()) == before


# -- rows with tokens, and with a pooling of their own -----------------------------------------------------------------


@pytest.mark.slow
def test_tokens_have_a_class_token_and_patches() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    given = {name: zoo.embed(pixels, "deit_tiny", weights=None, input_size=48, features=name).array
             for name in (None, "cls", "avg", "cls+avg", "map", "stage2:cls")}  # fmt: skip
    assert given["map"].shape == (2, 3, 3, 192)
    np.testing.assert_array_equal(given[None], given["cls"])
    np.testing.assert_allclose(given["avg"], given["map"].mean((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(given["cls+avg"], np.concatenate([given["cls"], given["avg"]], 1), rtol=1e-5, atol=1e-6)
    assert given["stage2:cls"].shape == (2, 192)
    assert np.abs(given["stage2:cls"] - given["cls"]).max() > 0.1
    with pytest.raises(OptionError, match="multiple of 16 px"):
        zoo.embed(pixels, "deit_tiny", weights=None, input_size=50)


@pytest.mark.slow
def test_a_network_that_pools_by_itself_shows_its_cells_too() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    name = "mobilenetv4_conv_small_050"
    own, avg, cells = (
        zoo.embed(pixels, name, weights=None, input_size=64, features=features).array
        for features in (None, "avg", "map")
    )
    assert (own.shape, avg.shape, cells.shape) == ((2, 1280), (2, 480), (2, 2, 2, 480))
    np.testing.assert_allclose(avg, cells.mean((1, 2)), rtol=1e-4, atol=1e-6)
