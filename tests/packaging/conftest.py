"""One second environment for all packaging tests: zoo's wheel, built here and installed with pip.

What the wheel requires is not installed a second time, which takes minutes: it is linked, file by file of each
distribution, and nothing else of this environment is seen there. `make quickstart` installs it all from the index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from filelock import FileLock
from packaging.requirements import Requirement

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


def required(wheel: Path) -> dict[str, Distribution]:
    """The distributions that a wheel requires, directly or by way of others, as they are installed here."""
    inside = zipfile.Path(wheel)
    (metadata,) = [path for path in inside.iterdir() if path.name.endswith(".dist-info")]
    found: dict[str, Distribution] = {}
    waiting = list(PathDistribution(metadata).requires or ())
    while waiting:
        one = Requirement(waiting.pop())
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        assert not one.extras, f"{one}: its extras are not followed here"
        if one.name.lower() not in found:
            found[one.name.lower()] = distribution(one.name)
            waiting += distribution(one.name).requires or ()
    return found


def link(needed: dict[str, Distribution], folder: Path) -> None:
    """Link the files of these distributions, and of no others, into a folder."""
    folder.mkdir()
    for dist in needed.values():
        for top in {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(dist.locate_file(top))))


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
            environment = Environment(folder / "venv")
            where = environment.python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
            shutil.rmtree(folder / "required", ignore_errors=True)
            link(required(wheel), folder / "required")  # outside the environment: pip alters nothing there
            Path(where, "required.pth").write_text(f"{folder / 'required'}\n")
            # Without an index: what is not declared, or not in the version declared, is an error.
            environment.pip("install", "-q", "--no-index", "-c", ROOT / "constraints.txt", wheel)
            done.touch()
        yield Environment(folder / "venv")
