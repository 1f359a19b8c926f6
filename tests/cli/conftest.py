"""Runs the command line: in this process, where TensorFlow is loaded once, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from zoo.cli.main import main


@dataclass
class Result:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def fails(self, *words: str, code: int = 1) -> None:
        """Assert that it failed with one line `zoo: ...` that holds the words, and printed nothing else."""
        assert (self.code, self.out) == (code, ""), self
        lines = [line for line in self.err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("zoo: "), self.err
        assert [word for word in words if word not in lines[0]] == [], lines[0]


def run_here(*arguments: str) -> Result:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    return Result(code, out.getvalue(), err.getvalue())


def run_process(*arguments: str, **environment: str) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "zoo.cli", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def zoo() -> Callable[..., Result]:
    """Runs the command line in this process."""
    return run_here


@pytest.fixture(scope="session")
def zoo_process() -> Callable[..., Result]:
    """Runs the command line in a process of its own; keywords are environment variables."""
    return run_process
