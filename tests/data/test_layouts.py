"""Folders are read as classes or splits where that is certain, else refused; nothing is left out without a word."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import zoo
from zoo.data import check, load
from zoo.data.layouts import split_of
from zoo.errors import DataError


def fill(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ""):
            Image.new("RGB", (6, 5), (len(name),) * 3).save(path, format="PNG")
        else:
            path.write_text("no picture")
    return root


def parts(data: Any) -> dict[str, list[str]]:
    return {name: [data.ids[index] for index in members] for name, members in data.splits.items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "training_set", "seg_train", "train2017", "trainset")),
        *((name, "validation") for name in ("val", "valid", "Validation Set", "dev", "val_images")),
        *((name, "test") for name in ("test", "testing", "test_set", "seg_test", "test1")),
        *((name, "unlabeled") for name in ("seg_pred", "unlabeled")),
        *((name, "") for name in ("trains", "station", "daisy", "set", "train_test", "testa", "dataset", "1")),
    ],
)
def test_names_of_splits(name: str, split: str) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png"), {"train": 2}),
        (("train/cat/1.png", "train/dog/1.png", "test/unknown/1.png"), {"train": 2}),
        (("train/cat/1.png", "train/dog/1.png", "test/test/1.png"), {"train": 2}),
        (("training_set/cat/1.png", "training_set/dog/1.png", "test_set/cat/2.png", "test_set/dog/2.png"),
         {"train": 2, "test": 2}),
        (("seg_train/seg_train/cat/1.png", "seg_train/seg_train/dog/1.png", "seg_test/seg_test/cat/1.png",
          "seg_test/seg_test/dog/1.png", "seg_pred/seg_pred/1.png"), {"train": 2, "test": 2}),
        (("archive/train/cat/1.png", "archive/train/dog/1.png", "archive/val/cat/1.png", "archive/val/dog/1.png"),
         {"train": 2, "validation": 2}),
        (("cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/train/2.png"), {"train": 3, "test": 1}),
        (("train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png", "annotations/a.xml"),
         {"train": 2, "validation": 2}),
        (("images/cat/1.png", "images/dog/1.png"), {}),
        (("pets/cat/1.png", "pets/dog/1.png"), {}),
        (("train/cat/1.png", "train/dog/1.png"), {"train": 2}),
        (("test/cat/1.png", "test/dog/1.png"), {"test": 2}),
    ],
)  # fmt: skip
def test_layouts_that_are_certain(tmp_path: Path, files: tuple[str, ...], splits: dict[str, int]) -> None:
    data = load(fill(tmp_path / "pets", *files))
    assert data.labels == ("cat", "dog")
    assert {name: len(members) for name, members in data.splits.items()} == splits
    assert all(data.labels[target] in name for name, target in zip(data.ids, data.targets, strict=True))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("train/1.png", "test/1.png"), "test without any; train without any. If they are splits"),
        (("train/1.png", "test/cat/1.png", "test/dog/1.png"), "test with 2 class folders; train without any"),
        (("val/cat/1.png", "test/cat/1.png"), "one of them must be called train"),
        (("train/cat/1.png", "training/cat/1.png"), "If they are classes, rename them"),
        (
            ("fold1/cat/1.png", "fold2/cat/1.png"),
            "folds of a cross-validation, .* with class folders|with class folders",
        ),
        (("fold_1/1.png", "fold_2/1.png"), "If they are classes, rename them"),
        (("train/cat/1.png", "test/cat/1.png", "extra/1.png"), "'extra': is that a split or a class"),
        (("train/cat/1.png", "train/dog/1.png", "train/stray.png", "test/1.png"), "next to 2 class folders"),
    ],
)
def test_layouts_with_two_readings_are_refused(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(fill(tmp_path / "pets", *files))


def test_folders_of_a_system_are_no_classes(tmp_path: Path) -> None:
    strays = ("@eaDir", "$RECYCLE.BIN", "__MACOSX", "#recycle", "System Volume Information", ".git", "lost+found")
    root = fill(tmp_path / "pets", "cat/1.png", "dog/1.png", "dog/@eaDir/2.png", "cat/Thumbs.db", "cat/.DS_Store")
    fill(root, *(f"{name}/x.png" for name in strays))
    data = load(root)
    assert (data.labels, len(data), data.reading) == (("cat", "dog"), 2, ())
    assert load(fill(tmp_path / "money", "$1/a.png", "#5/b.png", "@home/c.png")).labels == ("#5", "$1", "@home")


def test_what_is_left_out_is_counted_and_said(tmp_path: Path) -> None:
    root = fill(tmp_path / "pets", *(f"{name}/{number}.png" for name in ("cat", "dog") for number in range(10)))
    fill(root, "cat/notes.txt", "dog/deep/b.gpx", "readme.md")
    (finding,) = load(root).reading
    assert (finding.severity, finding.count) == ("info", 2)
    assert finding.message == "2 files do not have the ending of an image and are left out (1 .gpx, 1 .txt)"
    (root / "cat" / "0.png").rename(root / "cat" / "0")
    (root / "cat" / "1.png").rename(root / "cat" / "1.jpg_large")
    found = zoo.lint(root, features=False).of("left out")
    assert (found.severity, found.count) == ("warning", 4)
    assert "1 .jpg_large" in found.message
    assert "1 without an ending" in found.message
    assert "some are images by their content (cat/" in found.message
    assert load(root).left_out["cat"] == {".txt": 1, "no ending": 1, ".jpg_large": 1}
    flat = load(fill(tmp_path / "kaggle", "train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"))
    (finding,) = flat.reading
    assert finding.message == "test holds 2 images without class folders: they are left out"


def test_accents_in_either_form_are_the_same_class(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Café") for form in ("NFC", "NFD"))
    data = load(fill(tmp_path / "x", f"train/{one}/1.png", "train/bar/1.png", f"test/{other}/1.png", "test/Bar/1.png"))
    assert data.labels == (one, "bar") or data.labels == ("bar", one)
    assert [data.labels[data.targets[index]] for index in data.splits["test"]] == ["bar", one]


def test_what_cannot_be_learned_from_says_what_was_meant(tmp_path: Path) -> None:
    photos = fill(tmp_path / "photos", "daisy/1.png", "roses/1.png", "roses/2.png")
    texts = fill(tmp_path / "texts", "a/1.doc", "b/2.doc", "b/3.doc")
    for data, message in (
        (
            photos / "roses",
            rf"photos/roses holds images but no class folders. Did you mean {photos}/ \(2 class folders\)",
        ),
        (
            photos / "roses" / "1.png",
            r"1\.png is one image\. Training needs .* To name what is on it: zoo predict 1\.png",
        ),
        (
            fill(tmp_path / "alone", "1.png"),
            "alone holds images but no class folders. Training needs one folder per class",
        ),
    ):
        with pytest.raises(DataError, match=message):
            check(load(data))
    with pytest.raises(DataError, match=r"the 2 folders \(a, b\) hold 3 files \(3 \.doc\) and no images \("):
        load(texts)
    with pytest.raises(
        DataError, match=r"no readable image of 'cats' \(1 file there: 1 \.doc\); 1 of the other classes"
    ):
        check(load(fill(tmp_path / "pets", "cats/1.doc", "dogs/1.png")))
