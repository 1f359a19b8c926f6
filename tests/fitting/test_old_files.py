"""Files of the schema before are refused with the version that wrote them and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import zoo
from zoo.errors import ResumeError, UnsafeFileError

OLD = Path(__file__).parent.parent / "fixtures" / "schema1"


@pytest.mark.parametrize("verb", [zoo.load_run, zoo.resume, zoo.report])
def test_a_run_of_the_schema_before(verb, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD, run)
    version = json.loads((OLD / "run.json").read_text())["config"]["environment"]["zoo"]
    with pytest.raises(
        ResumeError, match=rf"written by zoo {version}, in another schema .*pip install zoo-sdk=={version}"
    ):
        verb(run)


def test_a_model_of_the_schema_before(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match=r"(?s)schema|another version"):
        zoo.load(OLD / "model.keras")


def test_a_damaged_record_of_this_schema(tmp_path: Path) -> None:
    for text, words in (
        ("[1]", "holds no record"),
        ('{"schema_version": 2, "zoo": "0.1"}', "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"schema_version": 2', "damaged"),
    ):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(ResumeError, match=words):
            zoo.load_run(tmp_path)
