"""Free text wraps at the width of the terminal, commands never."""

from __future__ import annotations

import pytest

from zoo.cli.output import print_fields
from zoo.cli.wrapping import wrapped

TEXT = (
    "Cross-validated on 160 training images: linear probe 82.5 % (76 to 88). To fine-tune anyway: --recipe lp-ft. "
    "Then zoo fit photos/ --backbone efficientnet_lite0 --input-size 96 learns more."
)


def test_lines_fit_and_commands_stay_whole() -> None:
    for width in range(60, 100):
        lines = wrapped(TEXT, width).splitlines()
        assert " ".join(lines) == TEXT
        assert any("zoo fit photos/ --backbone efficientnet_lite0 --input-size 96" in line for line in lines)
        assert any("--recipe lp-ft" in line for line in lines)
        assert all(len(line) <= width or line.startswith("zoo fit") for line in lines)
    assert wrapped(TEXT, None) == wrapped(TEXT, 20) == TEXT


def test_fields_wrap_below_themselves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    print_fields([("recipe", TEXT), ("next", "a\nb")])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 70 for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:-2])
    assert lines[-2:] == ["next    a", "        b"]
