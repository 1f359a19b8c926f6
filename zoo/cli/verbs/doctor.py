"""`zoo doctor`: what this installation consists of and whether it works, for oneself and for a bug report."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from zoo import settings
from zoo.cli.output import print_fields, print_json
from zoo.cli.parameters import json_option

_PACKAGES = ("zoo-sdk", "keras", "tensorflow", "jax", "numpy", "pillow", "scikit-learn", "onnxruntime")
"""What decides the numbers; those that are absent are left out."""


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Say what this installation consists of, and what is wrong with it.

    Versions, backend, devices, folders, weights, plugins. The exit code is 1 where something is broken.
    `zoo plugins doctor` says more of plugins.

    \b
    Example:
      zoo doctor
      zoo doctor --json
    """
    facts, problems = examine()
    if as_json:
        print_json({**facts, "problems": problems})
    else:
        print_fields([(name, _text(value)) for name, value in facts.items()])
        for problem in problems:
            click.echo(f"problem: {problem}")
        if not problems:
            click.echo("nothing is wrong")
    if problems:
        click.get_current_context().exit(1)


def examine() -> tuple[dict[str, Any], list[str]]:
    """Return the facts, and a line for everything that is wrong."""
    problems: list[str] = []
    facts: dict[str, Any] = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors",
        "versions": _versions(),
        "backend": _backend(problems),
        "folders": _folders(problems),
        "weights": _weights(),
        "plugins": _plugins(problems),
    }
    return facts, problems


def _versions() -> list[str]:
    lines = []
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return lines


def _backend(problems: list[str]) -> list[str]:
    from zoo.cli.quiet import load_keras

    try:
        load_keras()
        import keras

        devices = list(map(str, keras.distribution.list_devices()))
        return [f"{keras.backend.backend()}: {', '.join(devices) or 'no devices'}"]
    except Exception as error:  # whatever keeps Keras from starting is what this command is there to tell
        problems.append(f"Keras does not start: {type(error).__name__}: {error}. Try: pip install -U keras tensorflow")
        return [os.environ.get("KERAS_BACKEND", "tensorflow") + ": does not start"]


def _folders(problems: list[str]) -> list[str]:
    folders = (("cache", settings.cache_dir()), ("data", settings.data_dir()), ("runs", settings.runs_dir()))
    lines = []
    for name, folder in folders:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        lines.append(f"{name}  {folder}, {shutil.disk_usage(there).free / 1e9:.0f} GB free")
        if not os.access(there, os.W_OK):
            variable = f"ZOO_{name.upper()}_DIR"
            problems.append(f"{there} cannot be written ({name}): change its permissions, or set {variable}")
    return lines


def _weights() -> list[str]:
    from zoo.weights import Store
    from zoo.weights.upkeep import listing

    rows = listing(Store())
    mode = "; ZOO_OFFLINE=1: nothing is downloaded" if settings.offline() else ""
    return [f"{len(rows)} files fetched, {sum(row.bytes for row in rows) / 1e6:.0f} MB{mode}"]


def _plugins(problems: list[str]) -> list[str]:
    from zoo.plugin.listing import plugins

    lines = []
    for row in plugins():
        lines.append(f"{row['plugin']} ({row['distribution']} {row['version']}): {row['state']}")
        if row["error"]:
            problems.append(f"plugin {row['plugin']}: {row['error']}. Try: zoo plugins doctor {row['plugin']}")
    return lines


def _text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)
