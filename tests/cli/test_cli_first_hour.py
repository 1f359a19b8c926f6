"""The first hour on the command line: next steps, completion, the list of runs, the doctor."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.cli import completion
from zoo.cli.main import FIRST_STEPS, VERBS, cli, main
from zoo.cli.verbs import doctor
from zoo.errors import OptionError
from zoo.training.runs.listing import listing


def test_zoo_alone_shows_five_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert printed.strip() == FIRST_STEPS
    steps = [line.partition("   ")[0].split() for line in printed.splitlines() if line.startswith("  zoo ")]
    assert len(steps) == 5
    verbs = {verb for section in VERBS.values() for verb in section}
    for _, verb, *arguments in steps:
        assert verb in verbs
        options = {part for part in arguments if part.startswith("--")}
        command = cli.get_command(None, verb)  # type: ignore[arg-type]
        assert options <= {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_is_installed_once(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    (tmp_path / ".bashrc").write_text("alias x=y\n")
    assert main(["--install-completion"]) == 0
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(["--install-completion", shell]) == 0
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (tmp_path / ".bashrc").read_text().startswith("alias x=y\n")
    assert any("_ZOO_COMPLETE" in text for text in before.values())


def test_completion_of_another_shell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="bash, zsh, fish"):
        completion.install("cmd", cli)


def test_a_shell_gets_verbs_and_options() -> None:
    def completed(words: str) -> list[str]:
        environment = {
            "_ZOO_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(shlex.split(words))),
        }
        code = "import sys; from zoo.cli.main import main; sys.exit(main([]))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert {"fit", "runs", "doctor"} <= set(completed("zoo"))


def _run(folder: Path, started: str, **changes: object) -> None:
    folder.mkdir(parents=True)
    record = {
        "state": "finished",
        "started": started,
        "plan": {"data": {"source": "/photos"}, "model": {"backbone": "zoo:net"}, "recipe": {"name": "probe"}},
        "results": {"validation": {"accuracy": 0.9, "interval": [0.8, 0.95], "count": 40}},
    }
    (folder / "run.json").write_text(json.dumps({**record, **changes}))


def test_runs_are_listed_newest_first_and_a_damaged_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(tmp_path / "old", "2026-01-01T00:00:00+00:00")
    results = {"validation": {"accuracy": 0.9}, "test": {"accuracy": 0.75, "interval": [0.6, 0.85], "count": 20}}
    _run(tmp_path / "new", "2026-02-01T00:00:00+00:00", results=results)
    _run(tmp_path / "killed", "2026-01-15T00:00:00+00:00", state="running", results=None)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text('{"state": "fin')
    (tmp_path / "no_run").mkdir()
    rows = listing(tmp_path)
    assert [row["run"] for row in rows] == ["new", "killed", "old", "torn"]
    assert [row["state"] for row in rows] == ["finished", "running", "finished", "damaged"]
    assert [row["figure"] for row in rows] == ["accuracy 0.750 (test)", None, "accuracy 0.900 (validation)", None]
    assert rows[0]["interval"] == "0.600 to 0.850"
    assert main(["runs", str(tmp_path)]) == 0
    assert "accuracy 0.750 (test)" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "none")]) == 0
    assert "zoo fit photos/" in capsys.readouterr().out
    assert main(["runs", str(tmp_path), "--open", "odl"]) == 1
    assert "old" in capsys.readouterr().err


def test_the_doctor_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["problems"] == []
    assert any(line.startswith("keras 3.") for line in facts["versions"])
    assert "tensorflow" in facts["backend"][0] or "jax" in facts["backend"][0]
    assert any("zoo_vision" in line for line in facts["plugins"])


def test_the_doctor_tells_a_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert main(["doctor"]) == 1
    assert "ZOO_CACHE_DIR" in capsys.readouterr().out
