"""Datasets that name their files: fetched once from a server on this machine, checked, and usable offline."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.http_server import FileServer
from PIL import Image
from pydantic import ValidationError

from zoo.data.named import named
from zoo.errors import DataError, DigestError, OfflineError, OptionError
from zoo.specs import DataFile, DatasetSpec, Digest


def archive() -> bytes:
    """Class folders of a train and a test part, and a class that is none."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for split in ("train", "test"):
            for label, gray in (("dark", 10), ("light", 200), ("odd", 90)):
                for number in range(2):
                    picture = io.BytesIO()
                    level = gray + number + 2 * (split == "test")
                    Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(picture, "PNG")
                    file.writestr(f"pictures/{split}/{label}/{number}.png", picture.getvalue())
    return content.getvalue()


PICTURES = archive()
PRICES = b"month,area,price\n2015-01,50,100.5\n2015-02,60,120.5\n2015-03,70,140.25\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "ZOO_CACHE_DIR": str(tmp_path / "cache"),
        "ZOO_DATA_DIR": str(tmp_path / "data"),
        "ZOO_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1,localhost",
    }.items():
        monkeypatch.setenv(name, value)
    files = {
        "/pictures.zip": PICTURES,
        "/datasets/owner/pictures/resolve/main/all/pictures.zip": PICTURES,
        "/api/v1/datasets/download/owner/pictures": PICTURES,
        "/prices.csv": PRICES,
    }
    with FileServer(files) as running:
        monkeypatch.setenv("ZOO_MIRROR", running.url)
        yield running


def digest(content: bytes) -> Digest:
    return Digest(algorithm="sha256", value=hashlib.sha256(content).hexdigest())


PLACES: dict[str, dict[str, Any]] = {
    "url": {"url": "https://example.org/pictures.zip"},
    "hub": {"repository": "owner/pictures", "path": "all/pictures.zip"},
    "kaggle": {"repository": "owner/pictures"},
}


def pictures(*files: DataFile) -> Any:
    spec = DatasetSpec(modality="image", name="pictures", labels=("light", "dark"), files=files, license="CC0-1.0")
    return SimpleNamespace(spec=spec, id="test:pictures", provider="test")


def picture_file(kind: str, **more: Any) -> DataFile:
    fields = {"filename": "pictures.zip", "root": "pictures", "digest": digest(PICTURES), **PLACES.get(kind, {})}
    return DataFile.model_validate({"kind": kind, **fields, **more})


@pytest.mark.parametrize("kind", list(PLACES))
def test_a_dataset_is_fetched_once_and_there_offline(
    kind: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = pictures(picture_file(kind))
    dataset = named(entry)
    assert (len(dataset), dataset.labels, dataset.counts()) == (8, ("light", "dark"), {"light": 4, "dark": 4})
    assert {name: len(members) for name, members in dataset.splits.items()} == {"train": 4, "test": 4}
    assert server.transfers == 1
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert named(entry).fingerprint() == dataset.fingerprint()
    assert server.transfers == 1


def test_what_is_not_there_and_what_is_another_file_is_refused(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DigestError):
        named(pictures(picture_file("url", digest=digest(b"other"))))
    with pytest.raises(DataError, match="holds no 'photos'"):
        named(pictures(picture_file("url", root="photos")))
    with pytest.raises(OptionError, match="has no options; got 'path'"):
        named(pictures(picture_file("url")), {"path": "x"})
    monkeypatch.setenv("ZOO_CACHE_DIR", str(Path(server.url.replace(":", "")).absolute()))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(OfflineError, match=r"pictures\.zip"):
        named(pictures(picture_file("hub")))


def test_the_next_source_is_tried_and_the_user_can_bring_the_file(server: FileServer, tmp_path: Path) -> None:
    gone = picture_file("url", url="https://example.org/gone.zip")
    assert len(named(pictures(gone, picture_file("kaggle")))) == 8
    brought = picture_file("file", how="ask its author", filename="brought.zip")
    with pytest.raises(OfflineError, match=r"ask its author\. Put it at .*downloads.brought\.zip"):
        named(pictures(brought))
    (tmp_path / "data" / "downloads").mkdir(parents=True)
    (tmp_path / "data" / "downloads" / "brought.zip").write_bytes(PICTURES)
    assert len(named(pictures(brought))) == 8


def test_a_table_is_read_with_its_answers(server: FileServer) -> None:
    file = DataFile(kind="url", filename="prices.csv", url="https://example.org/prices.csv", digest=digest(PRICES))
    spec = DatasetSpec(
        name="prices", modality="table", task="regression", files=(file,), answers=("price",), license="CC0-1.0"
    )
    dataset = named(SimpleNamespace(spec=spec, id="test:prices", provider="test"))
    assert (dataset.modality, dataset.task, len(dataset)) == ("table", "regression", 3)
    assert dataset.example(1) == {"month": "2015-02", "area": "60"}
    assert dataset.columns()["month"] == ("2015-01", "2015-02", "2015-03")


def test_a_row_says_where_its_file_is() -> None:
    for fields in (
        {"kind": "url", "filename": "a.zip", "url": "http://example.org/a.zip"},
        {"kind": "hub", "filename": "a.zip", "repository": "owner/name"},
        {"kind": "kaggle", "filename": "a.zip", "repository": "name"},
        {"kind": "file", "filename": "a.zip"},
        {"kind": "file", "filename": "../a.zip", "how": "ask"},
    ):
        with pytest.raises(ValidationError):
            DataFile.model_validate(fields)
    with pytest.raises(ValidationError, match="either a loader or files"):
        DatasetSpec(modality="image", name="nothing", license="CC0-1.0")
