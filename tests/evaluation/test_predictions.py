"""A run read back from its folder, with every single answer, and no network built for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import OptionError, ResumeError, UnsafeFileError
from zoo.evaluation import evaluate_outputs, read_predictions, write_predictions
from zoo.specs import Output, Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.Run:
    data = tiny_dataset(count=60)
    model = zoo.build(tiny_backbone(), zoo.classifier(data), preprocessing=Preprocessing(scale=2 / 255, mean=(1, 1, 1)))
    return model.fit(data, test=0.2, recipe="probe", directory=tmp_path_factory.mktemp("runs") / "run", cache=False)


def test_a_run_comes_back_whole(run: zoo.Run) -> None:
    again = zoo.load_run(run.directory)
    assert again.model is None
    for name in ("validation", "test"):
        before, after = getattr(run, name), getattr(again, name)
        assert after.to_dict() == before.to_dict()
        assert (after.ids, after.hashes) == (before.ids, before.hashes)
        np.testing.assert_array_equal(after.scores, before.scores)
        np.testing.assert_array_equal(after.targets, before.targets)
        assert after.scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (again.history, again.phases, again.recipe) == (run.history, run.phases, run.recipe)
    assert again.receipts == run.receipts
    assert json.loads(json.dumps(again.to_dict()))["results"] == json.loads(json.dumps(run.to_dict()))["results"]
    assert str(again.test) in repr(again)


def test_the_answers_are_those_of_the_saved_model_on_the_same_pictures(run: zoo.Run) -> None:
    model = zoo.load(run.directory / "model.keras")
    data = tiny_dataset(count=60)
    digests = [digest[:16] for digest in data.hashes()]
    where = [digests.index(digest) for digest in run.test.hashes]
    again = model.evaluate(data.subset(where))
    assert again.hashes == run.test.hashes
    np.testing.assert_allclose(again.scores, run.test.scores, atol=1e-5)
    cooler = model.evaluate(data.subset(where), temperature=2.0)
    assert cooler.accuracy == again.accuracy
    assert cooler.scores.max() < again.scores.max()


def test_parameters_that_were_trained_are_counted(run: zoo.Run) -> None:
    counted = run.record.results.parameters
    assert counted.total == run.model.keras_model.count_params()
    assert counted.trained == 24 * 3 + 3  # the linear head alone


def test_what_is_not_there_or_damaged_is_told(run: zoo.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.directory, copy)
    whole = (copy / "predictions.npz").read_bytes()
    (copy / "predictions.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnsafeFileError, match="is damaged"):
        zoo.load_run(copy)
    (copy / "predictions.npz").unlink()
    assert zoo.load_run(copy).test is None
    assert "predictions.npz is missing" in zoo.load_run(copy).notices[-1]
    with pytest.raises(ResumeError, match="not the folder of a run"):
        zoo.load_run(tmp_path)
    with pytest.raises(ResumeError, match="not the folder of a run"):
        zoo.load_run(copy / "run.json")
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    with pytest.raises(OptionError, match=r"is interrupted, not finished: zoo\.resume"):
        zoo.load_run(copy)


def test_several_answers_and_strange_names_are_kept(tmp_path: Path) -> None:
    outputs = (
        Output(name="kind", labels=("a", "b")),
        Output(name="size", task="regression", labels=("cm",)),
    )
    scores = np.array([[0.9, 0.1, 3.0], [0.2, 0.8, 5.0]], np.float32)
    before = evaluate_outputs(
        scores, np.array([[0, 3.5], [1, 5.0]]), outputs, ids=["Größe.jpg", "\udcff.jpg"], skipped=[("x", "torn")]
    )
    write_predictions(tmp_path / "p.npz", {"test": before}, outputs)
    after = read_predictions(tmp_path / "p.npz")["test"]
    assert after.to_dict() == before.to_dict()
    assert after.ids == before.ids
    assert after["size"].mae == 0.25
    with pytest.raises(OptionError, match="take one of kind, size"):
        _ = after.headline
