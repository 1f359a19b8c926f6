"""`zoo resume` in processes of its own: SIGTERM ends with 143, Ctrl-C with 130, and the run goes on after both."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.resumable import write_photos


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def wait_for(process: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    begins = time.monotonic()
    while not seen():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() - begins < 120
        time.sleep(0.05)


@pytest.mark.slow
def test_a_run_goes_on_after_sigterm_and_ctrl_c(tmp_path: Path) -> None:
    photos, run = write_photos(tmp_path / "photos", 30), tmp_path / "run"

    def state() -> dict:
        return json.loads((run / "run.json").read_text())

    words = ["--recipe", "lp-ft", "--epochs", "2", "--input-size", "32", "--batch-size", "8", "--directory", str(run)]
    process = start("fit", str(photos), *words)
    wait_for(process, lambda: (run / "start.keras").exists())
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 143, told
    assert f"zoo resume {run}" in told
    assert state()["state"] == "interrupted"

    process = start("resume", str(run))
    wait_for(process, lambda: state()["state"] == "running")
    process.send_signal(signal.SIGINT)
    assert (process.communicate(timeout=120)[1], process.returncode)[1] == 130

    process = start("resume", str(run), "--json")
    out, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    assert json.loads(out)["history"] == state()["history"]
    assert len(state()["history"]["loss"]) == 3
    assert state()["state"] == "finished"


def test_resume_says_what_is_no_run(zoo, tmp_path: Path) -> None:
    result = zoo("resume", str(tmp_path))
    assert result.code == 1
    assert "is not the folder of a run" in result.err
