"""`zoo plugins`: the installed plugins, and the manifest that lets one be listed without being imported."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from zoo.cli.output import print_json, print_table
from zoo.cli.parameters import json_goes_last, json_option
from zoo.errors import OptionError, PluginError, unknown


@click.group("plugins", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List plugins, or write the manifest of one.

    \b
    Example:
      zoo plugins
      zoo plugins manifest zoo_flowers --write
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)
    else:
        json_goes_last(ctx, as_json)


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List plugins with their state and what they provide.

    \b
    Example:
      zoo plugins list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    from zoo.plugin.listing import plugins

    table = plugins()
    if as_json:
        print_json(list(table))
    else:
        print_table(
            table, expendable=("error", "manifest", "distribution") if not any(row["error"] for row in table) else ()
        )


@command.command("manifest")
@click.argument("plugin")
@click.option("--write", is_flag=True, help="Write the file into the plugin's package instead of printing it.")
def manifest_command(plugin: str, write: bool) -> None:
    """Make zoo-plugin.json of a plugin from its hooks.

    With this file in its package a plugin is listed without being imported. Make it anew whenever the hooks change.

    \b
    Example:
      zoo plugins manifest zoo_flowers --write
    """
    from zoo.plugin import manager
    from zoo.plugin.manager import make_manifest, manifest_path

    modules = {record.id: record.module for record in manager().records()}
    if plugin not in modules:
        raise unknown("plugin", plugin, modules, command="zoo plugins")
    module = modules[plugin]
    try:
        text = make_manifest(plugin, module)
    except Exception as error:  # whatever the plugin's module or its hooks raise is news about the plugin
        raise PluginError(f"plugin {plugin!r}: {type(error).__name__}: {error}") from error
    if not write:
        click.echo(text, nl=False)
        return
    path = manifest_path(module)
    if path is None:
        raise OptionError(f"plugin {plugin!r} is the single module {module!r}: a manifest needs a package to lie in")
    _write(path, text)
    click.echo(str(path))


def _write(path: Path, text: str) -> None:
    """Whole or not at all: temporary name, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
