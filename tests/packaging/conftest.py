"""One second environment for all packaging tests: zoo's wheel, built here and installed with pip from the index."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parent.parent.parent


def run(*command: object, code: int = 0, **options: object) -> str:
    """Standard output of a command that ends with this code; nothing of this environment leaks into it."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in ("PYTHONPATH", "COLUMNS"):
        environment.pop(name, None)
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=900, **options
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment with zoo's wheel in it."""

    folder: Path

    def python(self, *arguments: object, **options: object) -> str:
        """Run its interpreter."""
        return run(self.folder / "bin" / "python", *arguments, **options)

    def pip(self, *arguments: object, **options: object) -> str:
        """Run its pip."""
        return self.python("-m", "pip", *arguments, **options)

    def zoo(self, *arguments: object, **options: object) -> str:
        """Run its `zoo` command."""
        return run(self.folder / "bin" / "zoo", *arguments, **options)


@pytest.fixture
def wheel_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment; made once for all workers, and for one test at a time."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "wheel_environment.lock"):
        folder = shared / "wheel_environment"
        done = folder / "complete"
        if not done.exists():
            run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT)
            (wheel,) = (folder / "dist").glob("zoo_sdk-*.whl")
            run(sys.executable, "-m", "venv", "--clear", folder / "venv")
            Environment(folder / "venv").pip("install", "-q", "-c", ROOT / "constraints.txt", wheel)
            done.touch()
        yield Environment(folder / "venv")
