"""Predictions as a table: columns by task, both formats, and what is refused before anything is predicted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from zoo.cli import answers
from zoo.cli.main import main
from zoo.errors import OptionError
from zoo.tasks import Prediction

SURE = Prediction("a,b.jpg", np.array([0.25, 0.75], np.float32), "dog", 0.75, (("dog", 0.75),), names=("cat", "dog"))
BOTH = Prediction("b.jpg", np.array([0.875, 0.75], np.float32), given=("cat", "dog"), names=("cat", "dog"))
PRICE = Prediction("c.jpg", np.array([2.5], np.float32), values={"price": 2.5})
BOX = Prediction("d.jpg", np.zeros(4, np.float32), box=(0.0, 0.25, 0.5, 1.0))


def test_columns_follow_the_task() -> None:
    assert answers.row(SURE) == {
        "source": "a,b.jpg", "label": "dog", "probability": 0.75, "probability:cat": 0.25, "probability:dog": 0.75,
    }  # fmt: skip
    assert answers.row(BOTH)["labels"] == "cat;dog"
    assert answers.row(PRICE) == {"source": "c.jpg", "price": 2.5}
    assert answers.row(BOX) == {"source": "d.jpg", "x_min": 0.0, "y_min": 0.25, "x_max": 0.5, "y_max": 1.0}
    several = Prediction("e.jpg", np.zeros(3, np.float32), answers={"kind": SURE, "cost": PRICE})
    assert answers.row(several)["kind.label"] == "dog"
    assert answers.row(several)["cost.price"] == 2.5
    many = Prediction("f.jpg", np.full(60, 1 / 60, np.float32), "n0", 1 / 60, names=tuple(f"n{i}" for i in range(60)))
    assert list(answers.row(many)) == ["source", "label", "probability"]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_both_formats_hold_the_same(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"answers{ending}"
    odd = Prediction("\udcff.jpg", SURE.scores, "cat", 0.25, names=SURE.names)  # a name that is no text
    answers.write(path, [SURE, odd])
    if ending == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{**row, "probability": float(row["probability"])} for row in csv.DictReader(file)]
    else:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    assert [row["source"] for row in rows] == ["a,b.jpg", "\\udcff.jpg"]
    assert [(row["label"], row["probability"]) for row in rows] == [("dog", 0.75), ("cat", 0.25)]


@pytest.mark.parametrize(("name", "words"), [("answers.xls", r"\.csv and \.parquet"), ("no/answers.csv", "not exist")])
def test_a_file_that_cannot_be_written_is_said_before(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OptionError, match=words):
        answers.check(tmp_path / name)
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    assert main(["predict", str(tmp_path / "x.jpg"), "--out", str(tmp_path / name)]) == 1
    assert "--out" in capsys.readouterr().err
