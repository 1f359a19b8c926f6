"""fit, evaluate and predict end to end on real photos with real weights, as text and as JSON; and their errors."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FLOWERS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]


@pytest.fixture(scope="session")
def flowers(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos of each flower, the eleventh and twelfth beside them to measure on, and one damaged file."""
    target = tmp_path_factory.mktemp("cli") / "my flowers"
    for label in FLOWERS:
        files = sorted((shared_data / "flowers5" / label).iterdir())
        for folder, chosen in (("train", files[:10]), ("other", files[10:12])):
            (target / folder / label).mkdir(parents=True)
            for file in chosen:
                shutil.copy(file, target / folder / label / file.name)
    whole = next((target / "train" / "roses").iterdir()).read_bytes()
    (target / "train" / "roses" / "zz_torn.jpg").write_bytes(whole[: len(whole) // 2])
    (target / "no_image.jpg").write_text("not an image")
    return target


@pytest.fixture(scope="session")
def fitted(zoo, flowers: Path) -> dict:
    """`zoo fit` once, as a user types it in an empty folder."""
    before = Path.cwd()
    workplace = flowers.parent / "work"
    workplace.mkdir()
    os.chdir(workplace)
    patch = pytest.MonkeyPatch()
    patch.setenv("ZOO_RUNS_DIR", "runs")
    try:
        result = zoo("fit", str(flowers / "train"), "--validation", "0.2", "--seed", "3", "--out", "mine.keras")
    finally:
        os.chdir(before)
        patch.undo()
    assert result.code == 0, result.err
    return {"result": result, "model": str(workplace / "mine.keras"), "folder": workplace}


def test_fit_says_what_it_did_and_what_to_type_next(fitted: dict, zoo, flowers: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in fitted["result"].out.splitlines() if line.split(maxsplit=1)[1:])
    assert "efficientnet_lite0" in lines["model"]
    assert "linear" in lines["model"]
    assert "5 classes" in lines["model"]
    assert lines["recipe"].startswith("probe: ")
    assert lines["validation"].startswith("accuracy 0.") or lines["validation"].startswith("accuracy 1.")
    folder = fitted["folder"] / lines["run"].split()[-1]
    assert {path.name for path in folder.iterdir()} == {"model.keras", "predictions.npz", "run.json"}
    record = json.loads((folder / "run.json").read_text())
    assert record["plan"]["seed"] == 3
    accuracy = record["results"]["validation"]["accuracy"]
    assert accuracy >= 0.7
    assert f"accuracy {accuracy:.3f}" in lines["validation"]
    words = shlex.split(lines["next"])
    assert words == ["zoo", "predict", "FILE", "--model", "mine.keras"]
    photo = next((flowers / "other" / "roses").iterdir())
    assert zoo("predict", str(photo), "--model", str(fitted["folder"] / words[-1])).code == 0


def test_fit_keeps_stderr_to_notes_and_names_the_damaged_file_once(fitted: dict) -> None:
    lines = fitted["result"].err.splitlines()
    assert [line for line in lines if not line.startswith("note: ")] == []
    assert len(lines) == len(set(lines))
    assert sum("zz_torn.jpg" in line for line in lines) == 1


def test_evaluate(fitted: dict, zoo, flowers: Path) -> None:
    data = zoo("evaluate", str(flowers / "other"), "--model", fitted["model"], "--json").json()
    assert (data["count"], data["labels"], data["task"]) == (10, FLOWERS, "classification")
    assert data["accuracy"] >= 0.7
    assert "10 images in 5 classes: daisy 2, dandelion 2, roses 2, sunflowers 2, tulips 2" in data["notes"]


def test_evaluate_on_what_was_trained_on_says_so_once(fitted: dict, zoo, flowers: Path) -> None:
    result = zoo("evaluate", str(flowers / "train"), "--model", fitted["model"])
    assert result.code == 0
    assert result.out.startswith("accuracy ")
    assert "sunflowers" in result.out
    assert (result.out + result.err).count("were trained on") == 1
    assert any("were trained on" in line for line in result.err.splitlines() if line.startswith("note: "))


def test_predict_with_a_model(fitted: dict, zoo, flowers: Path) -> None:
    photos = sorted((flowers / "other").rglob("*.jpg"))
    data = zoo("predict", *map(str, photos), "--model", fitted["model"], "--json", "--top", "2").json()
    assert [row["source"] for row in data] == [str(photo) for photo in photos]
    assert sum(row["label"] == photo.parent.name for row, photo in zip(data, photos, strict=True)) >= 7
    assert all(len(row["top"]) == 2 and row["top"][0] == {"label": row["label"], "score": row["score"]} for row in data)


def test_predict_prints_a_line_for_every_image_of_a_folder_that_can_be_read(
    zoo, fitted: dict, flowers: Path, tmp_path: Path
) -> None:
    for file in (flowers / "train" / "roses").iterdir():
        shutil.copy(file, tmp_path)
    Image.fromarray(np.full((40, 60), 200, np.uint8)).save(tmp_path / "gray.png")
    Image.fromarray(np.full((40, 60, 4), 200, np.uint8)).save(tmp_path / "transparent.png")
    (tmp_path / "gray.png").rename(tmp_path / "a\x1b[31m\nb.png")  # must neither paint the terminal nor break the line
    result = zoo("predict", str(tmp_path), "--model", fitted["model"], "--top", "3")
    lines = result.out.splitlines()
    assert (result.code, len(lines)) == (0, 12)
    assert result.err.startswith("note: ")
    assert "zz_torn.jpg" in result.err
    for line in lines:
        path, *answers = line.split("  ")
        assert path.startswith(str(tmp_path))
        assert {answer.split()[0] for answer in answers} < set(FLOWERS)
        assert [answer.split()[1] for answer in answers] == sorted((a.split()[1] for a in answers), reverse=True)
    assert "\x1b" not in result.out


def test_predict_answers_the_others_where_a_file_is_bad(zoo, fitted: dict, flowers: Path, tmp_path: Path) -> None:
    photo = next((flowers / "other").rglob("*.jpg"))
    (tmp_path / "empty.jpg").write_bytes(b"")
    result = zoo("predict", str(photo), str(tmp_path / "empty.jpg"), "--model", fitted["model"])
    assert (result.code, len(result.out.splitlines())) == (1, 1)
    assert "empty.jpg: the file is empty" in result.err


def test_predict_without_a_model_gives_imagenet_labels_and_more_than_five_when_asked(zoo, shared_data: Path) -> None:
    photo = shared_data / "imagenet_samples" / "n02123394_Persian_cat.JPEG"
    (row,) = zoo("predict", str(photo), "--top", "7", "--json").json()
    assert row["label"].replace("_", " ") == "Persian cat"
    scores = [best["score"] for best in row["top"]]
    assert len(scores) == 7
    assert scores == sorted(scores, reverse=True)


def test_fit_with_everything_said(zoo, flowers: Path, tmp_path: Path) -> None:
    data = zoo(
        *("fit", str(flowers / "train"), "--backbone", "efficientnet_lite0", "--head", "mlp", "--seed", "1"),
        *("--head-option", "units=16", "--head-option", "dropout=0", "--recipe", "head", "--epochs", "3"),
        *("--batch-size", "8", "--learning-rate", "0.01", "--validation", str(flowers / "other"), "--test", "0.1"),
        *("--input-size", "96", "--resize", "stretch", "--features", "max", "--class-weight", "balanced"),
        *("--devices", "CPU:0", "--directory", str(tmp_path / "run"), "--json"),
    ).json()
    plan, results = data["plan"], data["results"]
    assert plan["devices"] == ["CPU:0"]
    assert plan["recipe"]["phases"][0]["epochs"] == 3
    assert len(data["history"]["loss"]) == 3
    assert plan["model"]["head_options"] == {"units": [16], "dropout": 0}
    assert (plan["model"]["features"], results["intake"]["size"], results["intake"]["rule"]["mode"]) == (
        "max",
        96,
        "stretch",
    )
    assert results["data"]["validation"] == 10
    assert results["test"]["count"] >= 3
    assert data["directory"] == str(tmp_path / "run")
    assert Path(data["model_file"]) == tmp_path / "run" / "model.keras"
    assert Path(data["model_file"]).is_file()


def test_fit_augments_and_takes_the_labels_of_the_head(zoo, flowers: Path, tmp_path: Path) -> None:
    data = zoo(
        *("fit", str(flowers / "other"), "--stages", "stage3,stage4", "--epochs", "1", "--input-size", "64"),
        *("--batchnorm", "adapt", "--augment-in", "graph", "--validation", "0"),
        *("--head", "flowers5", "--augment", "flip,zoom", "--augment", "contrast"),
        *("--directory", str(tmp_path / "run"), "--json"),
    ).json()
    assert data["plan"]["recipe"]["name"] == "lp-ft"
    tuning = data["phases"][-1]
    assert (tuning["stages"], tuning["batchnorm"], tuning["augment_in"]) == (["stage3", "stage4"], "adapt", "graph")
    assert any("BATCHNORM MOVED" in notice and "of stage3, stage4 are" in notice for notice in data["notices"])
    assert data["plan"]["model"]["head"] == "zoo_flowers:flowers5"
    assert data["results"]["labels"] == FLOWERS
    assert [operation["name"] for operation in data["plan"]["augmentation"]] == ["flip", "zoom", "contrast"]
    assert data["results"]["validation"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backbone", "efficientnet_lite"], ["no backbone named", "'efficientnet_lite0'"]),
        (["--head", "liner"], ["no head named", "'linear'"]),
        (["--augment", "flip,rotatoin"], ["no augmentation named", "'rotation'"]),
        (["--recipe", "prob"], ["no recipe named", "'probe'"]),
        (["--recipe", "probe", "--epochs", "3"], ["recipe 'probe'", "no use for epochs"]),
        (["--recipe", "probe", "--batchnorm", "adapt"], ["recipe 'probe' trains no stage", "--batchnorm adapt"]),
        (["--augment-in", "graph"], ["--augment-in graph", "no augmentation"]),
        (["--head-option", "dropout=high"], ["'zoo_vision:linear'", "dropout", "number"]),
        (["--head-option", "units=3"], ["'zoo_vision:linear'", "units", "Known options: dropout"]),
        (["--out", "mine.h5"], ["--out 'mine.h5'", ".keras"]),
        (["--out", "/no/such/folder/mine.keras"], ["/no/such/folder", "does not exist"]),
        (["--weights", "imagenot"], ["imagenot"]),
        (["--devices", "CPU:0,GPU:7"], ["no device GPU:7 here", "there are CPU:0"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_fit_errors(zoo, flowers: Path, tmp_path: Path, monkeypatch, arguments: list[str], words: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_RUNS_DIR", str(tmp_path / "runs"))
    zoo("fit", str(flowers / "other"), *arguments, "--json").fails(*words)
    assert list(tmp_path.rglob("*.keras")) == []


def test_a_model_that_cannot_be_written_is_no_success(zoo, flowers: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.fitting.files.save", full)
    arguments = ("fit", str(flowers / "other"), "--recipe", "probe", "--input-size", "32", "--directory")
    zoo(*arguments, str(tmp_path / "json"), "--json").fails("No space left on device", "or fit again")
    told = zoo(*arguments, str(tmp_path / "run"))
    assert told.code == 1
    assert "accuracy" in told.out
    assert "next" not in told.out


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_data_that_is_not_there(zoo, fitted: dict, verb: str) -> None:
    model = ["--model", fitted["model"]] if verb == "evaluate" else []
    zoo(verb, "no/such/folder", *model).fails("no/such/folder")
    zoo(verb, "digit", *model).fails("'digit'", "'digits'")


def test_model_and_image_errors(zoo, fitted: dict, flowers: Path, tmp_path: Path) -> None:
    photo = str(next((flowers / "other" / "roses").iterdir()))
    zoo("predict", photo, "--model", "gone.keras").fails("no model file 'gone.keras'")
    zoo("predict", str(flowers / "gone.jpg")).fails("no such image or folder", "gone.jpg")
    zoo("predict", str(flowers / "no_image.jpg"), "--model", fitted["model"]).fails("no_image.jpg")
    not_a_model = str(flowers / "no_image.jpg")
    zoo("predict", photo, "--model", not_a_model).fails("no_image.jpg", "is damaged or not a zip archive")
    zoo("predict", photo, "--model", fitted["model"], "--head", "flowers5").fails("--model and --head", code=2)
    zoo("predict", photo, "--backbone", "efficientnet_lite").fails("'efficientnet_lite0'")
    zoo("predict", photo, "--head", "linear").fails("linear")
    zoo("predict").fails("IMAGES", "`zoo predict --help`", code=2)
    zoo("predict", photo, "--top", "0").fails("--top", code=2)
    zoo("evaluate", str(flowers / "other")).fails("--model FILE", code=2)
    zoo("evaluate", str(flowers / "other" / "roses"), "--model", fitted["model"]).fails("labels")


def test_nothing_but_json_on_stdout_and_no_chatter_of_tensorflow(zoo_process, fitted: dict, flowers: Path) -> None:
    photo = str(next((flowers / "other" / "roses").iterdir()))
    result = zoo_process("predict", photo, "--model", fitted["model"], "--json")
    assert result.json()[0]["source"] == photo
    assert result.err == ""


def test_a_reader_that_goes_away_is_no_error(fitted: dict) -> None:
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()  # before anything is written
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() != 0


def test_lint_says_what_is_wrong_and_strict_is_an_exit_code(zoo, flowers: Path, tmp_path: Path) -> None:
    page = tmp_path / "found.html"
    result = zoo("lint", str(flowers / "train"), "--no-features", "--html", str(page))
    assert result.code == 0
    assert "roses/zz_torn.jpg" in result.out
    assert page.read_text().startswith("<!doctype html>")
    assert zoo("lint", str(flowers / "train"), "--no-features", "--strict").code == 1
    assert zoo("lint", "digits", "--no-features", "--strict").code == 0
    assert not zoo("lint", str(flowers / "train"), "--no-features", "--json").json()["ok"]
    zoo("lint", str(flowers / "train"), "--html", "no/such/place.html").fails("no/such")
