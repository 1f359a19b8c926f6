"""What is looked at before any long work, and what is said."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from zoo.data import Arrays, check, load
from zoo.errors import DataError
from zoo.linting import inspect
from zoo.specs import BOX_LABELS, Output

X = np.full((6, 4, 7), 9, np.uint8)


def test_healthy_photos(shared_data):
    assert check(load(shared_data / "flowers5")) == [
        "1250 images in 5 classes: daisy 250, dandelion 250, roses 250, sunflowers 250, tulips 250"
    ]


def test_damaged_files_are_named_counted_and_can_be_left_out(few_flowers):
    (few_flowers / "daisy" / "aa_text.jpg").write_text("no picture")
    (few_flowers / "roses" / "aa_empty.jpg").touch()
    data = load(few_flowers)
    notices = check(data)
    assert notices[0].startswith(
        "2 of 62 files are not readable images and are skipped: daisy/aa_text.jpg (not an image in"
    )
    assert "roses/aa_empty.jpg (the file is empty)" in notices[0]
    assert notices[1] == "60 images in 5 classes: daisy 12, dandelion 12, roses 12, sunflowers 12, tulips 12"
    assert set(data.unreadable()) == {data.ids.index("daisy/aa_text.jpg"), data.ids.index("roses/aa_empty.jpg")}
    assert len(data.readable()) == 60
    assert data.readable().unreadable() == {}
    for path in (few_flowers / "tulips").iterdir():
        path.write_bytes(b"x")
    notices = check(load(few_flowers), training=False)
    assert "and 11 more" in notices[0]
    with pytest.raises(DataError, match="no readable image of 'tulips'"):
        check(load(few_flowers))


def test_nothing_readable(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"none of the 1 files of .* is a readable image: a/x\.jpg"):
        check(load(tmp_path), training=False)


def test_classes(few_flowers):
    for path in sorted((few_flowers / "daisy").iterdir())[2:]:
        path.unlink()
    notices = check(load(few_flowers))
    assert len(notices) == 1  # that the classes are uneven is said once, by lint
    (finding,) = [finding for finding in inspect(load(few_flowers), quick=True) if finding.kind == "uneven classes"]
    assert finding.message == "the classes are uneven: dandelion has 12 images, daisy 2"
    assert "class_weight" in finding.advice
    for path in (few_flowers / "daisy").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no readable image of 'daisy'"):
        check(load(few_flowers))
    assert check(load(few_flowers), training=False)[0].startswith("48 images in 5 classes: daisy 0")
    for name in ("daisy", "roses", "sunflowers", "tulips"):
        shutil.rmtree(few_flowers / name)
    with pytest.raises(DataError, match=r"one class only \(dandelion\)"):
        check(load(few_flowers))
    with pytest.raises(DataError, match=r"few_flowers.*|dandelion.* has no labels"):
        check(load(few_flowers / "dandelion"))
    assert check(load(few_flowers / "dandelion"), training=False) == ["12 images without labels"]


def test_labels_of_the_head(few_flowers):
    data = load(few_flowers)
    with pytest.raises(DataError, match="Not among the labels: 'tulips'"):
        check(data, labels=("daisy", "dandelion", "roses", "sunflowers"))
    with pytest.raises(DataError, match="no readable image of 'lily'"):
        check(data, labels=("lily", *data.labels))
    assert len(check(data, labels=("lily", *data.labels), training=False)) == 1


def test_arrays():
    with pytest.raises(DataError, match="no readable image of '2', '3', '4'; 6 of the other classes"):
        check(Arrays(X, [0, 1, 0, 1, 5, 6]))
    with pytest.raises(DataError, match="one class only"):
        check(Arrays(X, [0] * 6))
    many = check(Arrays(np.full((24, 4, 7), 9, np.uint8), list(range(12)) * 2))
    assert many == ["24 images in 12 classes: 0 2, 1 2, 2 2, 3 2, 4 2, 5 2, 6 2, 7 2, 8 2, 9 2, and 2 more classes"]
    assert check(Arrays(X, [0.5, 1, 2, 3, 4, 5])) == ["6 images, 1 value(s) each to predict, from 0.5 to 5"]
    several = Arrays(X, [[1, 1], [0, 1], [0, 0], [1, 1], [0, 0], [0, 0]], labels=("sun", "rain"))
    assert check(several) == ["6 images, 2 labels each yes or no: sun 33%, rain 50%"]


# -- several answers --------------------------------------------------------------------------------------------------


def of_kinds(kinds, labels=("red", "green")):
    outputs = (Output(name="kind", labels=labels), Output(name="box", task="box", labels=BOX_LABELS))
    boxes = np.tile([0, 0, 1, 1.0], (len(kinds), 1))
    return Arrays(np.full((len(kinds), 4, 7), 9, np.uint8), {"kind": kinds, "box": boxes}, outputs=outputs)


def test_classes_of_several_answers_are_looked_at_like_those_of_one():
    notices = check(of_kinds(["red"] * 10 + ["green"]))
    assert notices[0].startswith("11 images, several answers each: kind (classification of 2), box")
    assert notices[1] == "kind: 11 images in 2 classes: red 10, green 1"
    kinds = of_kinds(["red"] * 10 + ["green"])
    (finding,) = [finding for finding in inspect(kinds, quick=True) if finding.kind == "uneven classes"]
    assert finding.message == "the classes are uneven: red has 10 images, green 1"
    assert "class_weight" not in finding.advice  # a model with several answers has none
    with pytest.raises(DataError, match="kind: no readable image of 'blue'"):
        check(of_kinds(["red", "green"] * 3, ("red", "green", "blue")))
    with pytest.raises(DataError, match="kind has one class only"):
        check(of_kinds(["red"] * 3, ("red",)))
    lacking = check(of_kinds(["red", "green"] * 3, ("red", "green", "blue")), training=False)
    assert lacking[1] == "kind: 6 images in 3 classes: red 3, green 3, blue 0"
