"""Users of the command line read flags, not Python."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from zoo.cli.flags import Wording
from zoo.cli.main import main


@pytest.mark.parametrize(
    ("verb", "text", "typed"),
    [
        (
            "recommend",
            "All 3 need about 6 min: budget=400, or smaller input_sizes=.",
            "--budget 400, or smaller --input-sizes.",
        ),
        ("recommend", 'weights are not downloaded; candidates="all" downloads them', "--candidates all downloads them"),
        ("fit", 'Try again later, or pass weights="path/to/file".', "or pass --weights path/to/file."),
        ("fit", "To fine-tune anyway: recipe='lp-ft'", "anyway: --recipe lp-ft"),
        ("fit", "hold out a test part: fit(test=0.2)", "hold out a test part: --test 0.2"),
        ("fit", "Train with validation=0.2 or class_weight='balanced'", "--validation 0.2 or --class-weight balanced"),
        ("fit", "batch_size=0 must be positive", "--batch-size 0 must be positive"),
    ],
)
def test_keywords_that_are_options_become_flags(verb: str, text: str, typed: str) -> None:
    wording = Wording()
    wording.command = import_module(f"zoo.cli.verbs.{verb}").command
    assert typed in wording(text)


@pytest.mark.parametrize(
    "text", ["ZOO_OFFLINE=1 forbids it", "a == b", "unknown=3", "http://a/?budget=3x[1]", "budget=[1, 2]", "json=1"]
)
def test_everything_else_stays(text: str) -> None:
    wording = Wording()
    assert wording(text) == text  # before a command is known
    wording.command = import_module("zoo.cli.verbs.recommend").command
    assert wording(text) == text


def test_an_error_of_the_library_names_the_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    assert main(["fit", str(tmp_path / "photos"), "--epochs", "0"]) == 1
    said = capsys.readouterr().err
    assert "--epochs" in said
    assert "epochs=" not in said
