"""What the tests of plugins share: a folder of installed distributions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.plugins import plugin_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with plugin_site(tmp_path) as folder:
        yield folder
