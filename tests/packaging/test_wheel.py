"""The wheel, installed with pip into an empty environment, does what the editable install does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_wheel_works_alone(wheel_environment, tmp_path: Path, shared_data: Path) -> None:
    zoo = wheel_environment.zoo
    rows = json.loads(zoo("list", "--json", cwd=tmp_path))
    assert len(rows) == 135
    assert "block5_pool" in zoo("show", "vgg16", "--layers", cwd=tmp_path)
    where = wheel_environment.python("-c", "import zoo; print(zoo.__file__)", cwd=tmp_path).strip()
    assert str(wheel_environment.folder) in where

    photo = sorted((shared_data / "flowers5" / "sunflowers").iterdir())[0]
    answer = json.loads(
        zoo("predict", photo, "--backbone", "efficientnet_lite0", "--head", "flowers5", "--json", cwd=tmp_path)
    )
    assert "sunflowers" in json.dumps(answer)
    zoo("fit", "digits", "--input-size", "64", "--out", "digits.keras", cwd=tmp_path)
    assert (tmp_path / "digits.keras").is_file()
