"""The wheel, installed with pip into an empty environment, does what the editable install does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


def run(*command: object, **options: object) -> str:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment, timeout=900, **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_the_wheel_works_alone(tmp_path: Path, shared_data: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT)
    (wheel,) = (tmp_path / "dist").glob("zoo_sdk-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
    zoo = tmp_path / "venv" / "bin" / "zoo"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    rows = json.loads(run(zoo, "list", "--json", cwd=elsewhere))
    assert len(rows) == 45
    assert "block5_pool" in run(zoo, "show", "vgg16", "--layers", cwd=elsewhere)
    where = run(python, "-c", "import zoo; print(zoo.__file__)", cwd=elsewhere).strip()
    assert str(tmp_path / "venv") in where

    photo = sorted((shared_data / "flowers5" / "sunflowers").iterdir())[0]
    answer = json.loads(
        run(zoo, "predict", photo, "--backbone", "efficientnet_lite0", "--head", "flowers5", "--json", cwd=elsewhere)
    )
    assert "sunflowers" in json.dumps(answer)
    run(zoo, "fit", "digits", "--input-size", "64", "--out", "digits.keras", cwd=elsewhere)
    assert (elsewhere / "digits.keras").is_file()
