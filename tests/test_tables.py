"""From a CSV file to a measured model: values, several labels, a class with its box; groups and a test part.

The pictures are drawn, and honestly so: rectangles of two colors on noise, where everything is known.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.cli.main import main
from zoo.data import from_csv, load
from zoo.errors import DataError, OptionError

COLORS = {"red": (220, 40, 40), "green": (40, 200, 60)}
SIDE = 64
COUNT = 200


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred PNG files, and a table for each kind of answer."""
    root = tmp_path_factory.mktemp("drawn")
    (root / "img").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for number in range(COUNT):
        picture = random.integers(90, 130, (SIDE, SIDE, 3)).astype(np.uint8)
        color = str(random.choice(list(COLORS)))
        width, height = random.integers(16, 40, 2)
        left, top = random.integers(0, SIDE - width), random.integers(0, SIDE - height)
        picture[top : top + height, left : left + width] = COLORS[color]
        Image.fromarray(picture).save(root / "img" / f"{number:03}.png")
        area = 100 * width * height / SIDE**2
        labels = [color, *["high"] * int(top < 12), *["left"] * int(left < 12)]
        rows.append((f"img/{number:03}.png", color, area, ";".join(labels), left, top, left + width, top + height))
    for name, header, columns in (
        ("area", "file,area", (0, 2)),
        ("labels", "file,labels", (0, 3)),
        ("boxes", "file,label,left,top,right,bottom", (0, 1, 4, 5, 6, 7)),
        ("all", "file,color,area,where,left,top,right,bottom", range(8)),
    ):
        lines = [header, *(",".join(str(row[column]) for column in columns) for row in rows)]
        (root / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def base():
    """Fixed features that keep places: the picture at an eighth of its size, as a vector."""
    import keras

    pixels = keras.Input((SIDE, SIDE, 3))
    cells = keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.Flatten()(cells), name="cells")


def test_a_table_its_test_part_and_the_quick_look_are_in_the_record(base, drawn: Path, capsys) -> None:
    model = zoo.build(base, head=zoo.head_for(drawn / "boxes.csv"), preprocessing=None)
    assert [output.name for output in model.outputs] == ["label", "box"]
    run = model.fit(str(drawn / "boxes.csv"), test=0.2, verbose=2, recipe="probe")
    assert run.validation["label"].accuracy > 0.9
    assert run.test["box"].mean_iou > 0.4
    record = json.loads((run.directory / "run.json").read_text())
    assert record["results"]["test"]["answers"]["label"]["count"] == record["results"]["data"]["test"] == 40
    assert record["plan"]["test"] == 0.2
    assert record["results"]["lint"]["images"] == COUNT
    assert "leakage" in record["results"]["lint"]["checks"]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == run.lint.verdict() == "boxes.csv: 200 images, 15 checks, nothing found"


def test_what_is_in_the_test_part_changes_nothing_that_is_learned(base, drawn: Path, tmp_path: Path) -> None:
    """The same training and validation part, and a test part of other answers: bit for bit the same model."""
    lines = (drawn / "boxes.csv").read_text().splitlines()[1:]
    found = []
    for wrong in (False, True):
        rows = ["file,label,split"]
        for number, line in enumerate(lines):
            part = ("train", "train", "train", "validation", "test")[number % 5]
            color = line.split(",")[1]
            if wrong and part == "test":
                color = {"red": "green", "green": "red"}[color]
            rows.append(f"{line.split(',')[0]},{color},{part}")
        table = drawn / f"wrong_{wrong}.csv"
        table.write_text("\n".join(rows))
        model = zoo.build(base, head=zoo.head_for(table), preprocessing=None, seed=1)
        run = model.fit(table, recipe="probe", seed=1)
        found.append((model.composition.head_weights(), run.history, run.test.accuracy, run.validation.accuracy))
    for mine, other in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert found[0][1] == found[1][1]
    assert found[0][3] == found[1][3] > 0.9
    assert found[0][2] == pytest.approx(1 - found[1][2])


def test_held_out_data_of_its_own_for_both_parts(base, drawn: Path, tmp_path: Path) -> None:
    data = from_csv(drawn / "boxes.csv", answers="label")
    places = np.arange(COUNT)
    parts = [data.subset(places[places % 4 == number]) for number in range(4)]
    model = zoo.build(base, head=zoo.head_for(data), preprocessing=None)
    run = model.fit(parts[0], validation=parts[1], test=parts[2], recipe="probe")
    assert (run.validation.count, run.test.count) == (50, 50)
    assert run.test.ids == parts[2].ids
    assert run.lint.images == 150
    for held, words in (
        ({"validation": parts[1], "test": parts[1]}, "50 of 50 validation files are in the test data too"),
        ({"validation": 0.2, "test": parts[0]}, "50 test files are in the training data too"),
    ):
        with pytest.raises(DataError, match=words):
            model.fit(parts[0], recipe="probe", **held)
    shared = [part.grouped(lambda name: f"film{int(name[4:7]) % 8 // 2}") for part in parts[:2]]
    with pytest.raises(DataError, match="2 of 2 validation groups are in the training data too"):
        model.fit(shared[0], validation=shared[1], recipe="probe")
    with pytest.raises(OptionError, match="test must be a share"):
        model.fit(parts[0], test=1.5, recipe="probe")


def test_folders_that_stay_together(base, drawn: Path, tmp_path: Path) -> None:
    data = from_csv(drawn / "boxes.csv", answers="label")
    for number in range(80):
        target = tmp_path / "films" / data.labels[data.targets[number]] / f"film{number % 8}"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(data.path(number), target)
    model = zoo.build(base, head=zoo.head_for(tmp_path / "films"), preprocessing=None)
    run = model.fit(tmp_path / "films", group="folder", recipe="probe")
    held = {str(Path(name).parent) for name in run.validation.ids}
    everything = load(tmp_path / "films")
    assert sum(str(Path(name).parent) in held for name in everything.ids) == run.validation.count
    assert run.to_dict()["notices"][1] == "16 groups of images, each kept on one side"
    assert json.loads((run.directory / "run.json").read_text())["plan"]["group"] == "folder"
    with pytest.raises(OptionError, match="group='film' is neither 'folder' nor a column"):
        model.fit(tmp_path / "films", group="film", recipe="probe")


# -- on a real backbone, as a user types it ---------------------------------------------------------------------------


@pytest.mark.slow
def test_values_in_a_table(drawn: Path) -> None:
    model = zoo.build("efficientnet_lite0", head=zoo.regressor("area"), input_size=SIDE)
    run = model.fit(drawn / "all.csv")  # the head says which column
    assert run.validation.r2 > 0.6, run.validation
    assert model.evaluate(drawn / "area.csv").mae < 4


@pytest.mark.slow
def test_several_labels_in_a_cell(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["fit", str(drawn / "labels.csv"), "--input-size", "64", "--test", "0.2", "--out", "m.keras"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "labels.csv: 200 images, 15 checks, nothing found" in shown
    assert "multilabel of 4" in shown
    figures = zoo.load("m.keras").evaluate(drawn / "labels.csv")
    assert figures.mean_average_precision > 0.85, figures
    assert main(["evaluate", str(drawn / "labels.csv"), "--model", "m.keras", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["mean_average_precision"] == pytest.approx(figures.mean_average_precision)


@pytest.mark.slow
def test_a_class_with_its_box_and_more(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    answers = "color,area,left,top,right,bottom"
    assert main(["fit", str(drawn / "all.csv"), "--answers", answers, "--input-size", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]["validation"]["answers"]
    assert found["color"]["accuracy"] > 0.9
    assert found["area"]["r2"] > 0.5
    assert found["box"]["mean_iou"] > 0.4
    assert main(["fit", str(drawn / "all.csv")]) == 1
    told = capsys.readouterr().err
    assert "which columns are to be learned?" in told
    assert "--answers color" in told
    assert main(["lint", str(drawn / "area.csv"), "--no-features"]) == 0
