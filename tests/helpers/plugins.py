"""Installs plugins into a folder as pip would: a package and its metadata. For this process and those it starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

import numpy as np
import pytest

from zoo.plugin import use_manager
from zoo.plugin.discovery import GROUP
from zoo.plugin.manifest import make_manifest

GOOD = """
from zoo import hookimpl
from zoo.specs import HeadSpec

@hookimpl
def zoo_heads():
    return [HeadSpec(name="{name}", labels=("a", "b"), factory="zoo_vision.heads:linear")]
"""
"""The hooks of a plugin with one head; `.format(name=...)` names it."""


@contextmanager
def plugin_site(folder: Path) -> Iterator[Path]:
    """A folder of installed distributions; what was imported from it (packages `zoo_t_*`) is forgotten at the end."""
    folder.mkdir(exist_ok=True)
    before = use_manager(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", "")))))
        yield folder
    use_manager(before)
    forget()


def forget() -> None:
    """Drop the imported modules of all test plugins."""
    for name in [name for name in sys.modules if name.startswith("zoo_t_")]:
        del sys.modules[name]


def install(
    site: Path, plugin: str, code: str, *, manifest: bool = False, target: str | None = None, version: str = "1.0"
) -> str:
    """Write a package `zoo_t_<plugin>` and its metadata as pip would; returns the package's name."""
    package = f"zoo_t_{plugin}"
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("")
    (site / package / "plugin.py").write_text(code)
    info = site / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-t-{plugin}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{plugin} = {target or package + '.plugin'}\n")
    if manifest:
        (site / package / "zoo-plugin.json").write_text(make_manifest(plugin, f"{package}.plugin"))
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]
    return package


def points(site: Path) -> list[EntryPoint]:
    """The entry points of the plugins in the folder, and of zoo's own."""
    ours: list[Distribution] = list(distributions(path=[str(site)]))
    zoos = [d for d in distributions() if d.name == "zoo-sdk"][:1]
    return [point for dist in ours + zoos for point in dist.entry_points if point.group == GROUP]


EXAMPLE = Path(__file__).parent.parent.parent / "plugins" / "zoo-example"


@contextmanager
def example_installed(folder: Path) -> Iterator[Path]:
    """zoo-example as if installed: its metadata in a folder, its source on the path; for child processes too."""
    folder.mkdir(exist_ok=True)
    info = folder / "zoo_example-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-example\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nzoo_example = zoo_example.plugin\n")
    before = use_manager(None)
    with pytest.MonkeyPatch.context() as patch:
        for path in (folder, EXAMPLE / "src"):
            patch.syspath_prepend(path)
        paths = (str(folder), str(EXAMPLE / "src"), os.environ.get("PYTHONPATH", ""))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        yield folder
    use_manager(before)
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo_example"]:
        del sys.modules[name]


def write_signals(folder: Path, *, files: int = 4, lines: int = 8) -> Path:
    """Slow and fast waves around 50, two class folders of CSV files with one signal a line."""
    random = np.random.default_rng(0)
    for label, turns in (("fast", 9.0), ("slow", 1.5)):
        (folder / label).mkdir(parents=True)
        for number in range(files):
            rows = []
            for _ in range(lines):
                steps = np.arange(int(random.integers(60, 80)))
                wave = 50 + 8 * np.sin(2 * np.pi * turns * steps / 64 + random.uniform(0, 6))
                rows.append(",".join(f"{value:.3f}" for value in wave + random.normal(0, 2, len(steps))))
            (folder / label / f"{number}.csv").write_text("\n".join(rows) + "\n")
    return folder
