"""The command `zoo draw-shapes`: it does what its help says, and zoo reads what it draws."""

from __future__ import annotations

from pathlib import Path

import zoo
from click.testing import CliRunner

from zoo_example.commands import command


def test_zoo_reads_what_it_draws(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "shapes"), "--count", "4"])
    assert (result.exit_code, result.output) == (0, f"12 pictures in {tmp_path / 'shapes'}\n")
    found = zoo.ImageFiles.from_folder(tmp_path / "shapes")
    assert found.counts() == {"bar": 4, "disc": 4, "square": 4}
    assert len(set(found.hashes())) == 12


def test_its_help_shows_an_example() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output
