"""A folder for plugins of one's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import owls
import pytest


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on `sys.path`; what is imported from it is forgotten afterward."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    owls.forget()
    yield folder
    owls.forget()
