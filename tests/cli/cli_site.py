"""Installs a plugin into a folder, as pip would."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, plugin: str, code: str, manifest: str = "") -> str:
    """Write a package and its metadata as pip would; returns the package's name."""
    package = f"zoo_t_{plugin}"
    (site / package).mkdir()
    (site / package / "__init__.py").write_text("")
    (site / package / "plugin.py").write_text(code)
    if manifest:
        (site / package / "zoo-plugin.json").write_text(manifest)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: zoo-t-{plugin}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{plugin} = {package}.plugin\n")
    return package
