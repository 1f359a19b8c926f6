"""`zoo recipes` and `zoo receipts`: what they say, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.records import a_record

NAMES = ["full", "gradual", "head", "lp-ft", "probe", "scratch", "surgical", "table"]


def test_recipes_are_listed_and_shown(zoo, tmp_path: Path) -> None:
    assert [row["name"] for row in zoo("recipes", "--json").json()] == NAMES
    assert zoo("recipes").out == zoo("recipes", "list").out
    shown = zoo("recipes", "show", "gradual").out
    assert "arXiv 1801.06146" in shown
    assert "stage_decay" in shown
    assert "zoo-sdk" in shown  # who provides it
    assert zoo("recipes", "show", "zoo_vision:gradual").out == shown
    (tmp_path / "mine.yaml").write_text("phases: [{name: probe, solver: convex}]")
    assert zoo("recipes", "show", str(tmp_path / "mine.yaml"), "--json").json()["name"] == "mine"
    (tmp_path / "bad.yaml").write_text("phases: [{name: probe, epoch: 1}]")
    zoo("recipes", "show", str(tmp_path / "bad.yaml")).fails("bad.yaml", "phases.0.epoch")
    zoo("recipes", "show", "lpft").fails("lpft", "Did you mean 'lp-ft'", "zoo recipes")


def test_receipts_are_shown_and_what_is_wrong_ends_with_1(zoo, tmp_path: Path) -> None:
    def write(**changed: object) -> None:
        one = {"stage": "stem", "part": "batchnorm", "trains": False, "before": "a" * 64, "after": "a" * 64}
        phase = {"name": "tune", "seconds": 1.0, "solver": "gradient", "receipts": [one | changed]}
        (tmp_path / "run.json").write_text(json.dumps(a_record(phases=[phase]).to_json()))

    write()
    assert "frozen" in zoo("receipts", str(tmp_path)).out
    assert zoo("receipts", str(tmp_path), "--json").json()["problems"] == []
    write(after="b" * 64)
    wrong = zoo("receipts", str(tmp_path))
    assert wrong.code == 1
    assert "MOVED" in wrong.out
    assert "tune: batchnorm of stem moved though frozen" in wrong.err
    (tmp_path / "run.json").write_text("{")
    zoo("receipts", str(tmp_path)).fails("damaged")
    (tmp_path / "run.json").write_text(json.dumps(a_record().to_json()))
    zoo("receipts", str(tmp_path)).fails("has no receipts")
