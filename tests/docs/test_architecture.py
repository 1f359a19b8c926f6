"""The paths that docs/architecture.md and CONTRIBUTING.md name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`([\w./-]+)`", text) if "/" in path or path.endswith((".py", ".json"))}
    assert len(paths) > 3
    missing = sorted(path for path in paths if not any((base / path).exists() for base in _bases(path)))
    assert not missing, f"{page} names what is not there: {missing}"


def _bases(path: str) -> list[Path]:
    """A folder of a room, such as `phases/`, is named beside the room that it is in."""
    rooms = ("training", "features", "data", "weights", "plugin", "specs")
    return [ROOT, *(ROOT / "zoo" / room for room in rooms)]


def test_every_room_has_its_line() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "zoo").iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    missing = sorted(room for room in rooms if f"`zoo/{room}/`" not in text and f"`zoo/{room}/" not in text)
    assert not missing, f"no line for {missing}"
