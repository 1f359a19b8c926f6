"""Every verb for sounds, texts, rows and clips, in Python and on the command line: it works, or a sentence says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import modal_runs

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError

pytestmark = pytest.mark.slow


class Case:
    """A modality, its data, a fitted model and the folder of its run."""

    def __init__(self, modality: str, folder: Path) -> None:
        self.modality, self.folder = modality, folder
        self.path = modal_runs.data(modality, folder / "data")
        self.run = modal_runs.fit(modality, self.path, folder / "run")
        self.model = self.run.model
        self.data = modal_runs.dataset(modality, self.path)
        self.file = folder / "run" / "model.keras"

    @property
    def reading(self) -> list[str]:
        """What the command line has to be told of the data."""
        return ["--answers", "cost"] if self.modality == "table" else []


@pytest.fixture(scope="module", params=modal_runs.MODALITIES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(request.param, tmp_path_factory.mktemp(request.param))


def answered(act: Callable[[], Any]) -> Any:
    """What it gives; None where one sentence says what is not for these examples."""
    try:
        return act()
    except ZooError as error:
        text = str(error)
        assert text.count("\n") == 0
        assert len(text) < 400, text
        return None


def test_in_python(case: Case, tmp_path: Path) -> None:
    scores = case.model.predict_scores(case.data)
    assert scores.shape == (len(case.data), 2)
    assert 0 <= case.model.evaluate(case.data, verbose=0).accuracy <= 1
    assert case.model.predict(case.data)[0].label in case.data.labels
    assert zoo.lint(case.data).to_html(tmp_path / "lint.html").stat().st_size > 1000
    assert case.model.embed(case.data).array.shape[0] == len(case.data)
    assert Path(zoo.report(case.run)).stat().st_size > 5000
    saved = case.model.save(tmp_path / "model.keras")
    assert np.array_equal(zoo.load(saved).predict_scores(case.data), scores)
    exported = answered(lambda: case.model.export(tmp_path / "model.onnx"))
    if exported is not None:
        assert np.abs(zoo.load(tmp_path / "model.onnx").predict_scores(case.data) - scores).max() < 1e-4
    name = case.model.composition.identity.backbone
    ranking = zoo.recommend(case.data, candidates=[name], folds=2, verbose=0)
    assert ranking.best.backbone in name
    refused = answered(lambda: zoo.recommend(case.data, input_sizes=[64]))
    assert refused is None


def test_on_the_command_line(case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: Any) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out if code == 0 else printed.err

    code, text = said("evaluate", case.path, "--model", case.file, "--json")
    assert code == 0
    assert json.loads(text)["count"] == len(case.data)
    example = case.path if case.modality == "table" else sorted(case.path.rglob("*.*"))[0]
    for arguments in (
        ("predict", example, "--model", case.file),
        ("lint", case.path, *case.reading),
        ("report", case.folder / "run", "--out", tmp_path / "report.html"),
        ("export", case.file, tmp_path / "model.onnx", "--examples", case.path),
    ):
        code, text = said(*arguments)
        assert code == 0, text
    backbone = case.model.composition.identity.backbone
    for arguments in (
        ("embed", case.path, *case.reading, "--backbone", backbone, "--out", tmp_path / "vectors.npz"),
        ("recommend", case.path, *case.reading, "--candidates", backbone, "--folds", "2"),
    ):
        code, text = said(*arguments)
        # What `embed` says where nothing in the network was trained before.
        untrained = arguments[0] == "embed" and "has random weights, and its vectors would be noise" in text
        assert code == 0 or untrained, text
