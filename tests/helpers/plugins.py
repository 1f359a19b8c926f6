"""Installs plugins into a folder as pip would: a package and its metadata. For this process and those it starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

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
