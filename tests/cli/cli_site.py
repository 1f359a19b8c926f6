"""Installs plugins into a folder, as pip would, and lets this process and those it starts see them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zoo.plugin import use_manager


@contextmanager
def plugin_site(folder: Path) -> Iterator[Path]:
    """A folder of installed distributions; what was imported from it is forgotten at the end."""
    folder.mkdir()
    before, modules = use_manager(None), set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", "")))))
        yield folder
    use_manager(before)
    for name in set(sys.modules) - modules:
        if name.startswith("zoo_t_"):
            del sys.modules[name]


def install(site: Path, plugin: str, code: str) -> str:
    """Write a package and its metadata; returns the package's name."""
    package = f"zoo_t_{plugin}"
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("")
    (site / package / "plugin.py").write_text(code)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-t-{plugin}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{plugin} = {package}.plugin\n")
    return package
