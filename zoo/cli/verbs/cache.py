"""`zoo cache`: the features that were kept, whether they are whole, and making room."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from zoo.cli.output import print_fields, print_json, print_table
from zoo.cli.parameters import json_option
from zoo.errors import OptionError

if TYPE_CHECKING:
    from zoo.features.cache import Listed


@click.group("cache")
def command() -> None:
    """Look after the features that were kept.

    \b
    Example:
      zoo cache ls
      zoo cache gc --limit 2GB
    """


@command.command("path")
def path_command() -> None:
    """Say where features are kept.

    \b
    Example:
      zoo cache path
    """
    from zoo.features.cache import features_root

    click.echo(str(features_root()))


@command.command("ls")
@json_option
def ls_command(as_json: bool) -> None:
    """List entries, the least recently used first.

    \b
    Example:
      zoo cache ls --json
    """
    from zoo.features.cache import entries
    from zoo.table import Table

    rows = [_row(entry) for entry in entries()]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(Table(rows, columns=("entry", "images", "size", "dtype", "side", "state", "used")))
    else:
        click.echo("nothing is kept yet")


def _row(entry: Listed) -> dict[str, object]:
    return {
        "entry": entry.name[:12],
        "images": entry.key.get("count"),
        "size": entry.bytes,
        "dtype": entry.key.get("dtype"),
        "side": entry.key.get("size"),
        "state": "whole" if entry.whole else "unfinished",
        "used": datetime.fromtimestamp(entry.used).isoformat(sep=" ", timespec="seconds"),
    }


@command.command("info")
@click.argument("entry")
@json_option
def info_command(entry: str, as_json: bool) -> None:
    """Say what an entry was computed from.

    ENTRY is its name, or the beginning of it.

    \b
    Example:
      zoo cache info 3b303aa333da
    """
    details = _find(entry)
    data = {"name": details.name, "folder": str(details.folder), **_row(details), "key": dict(details.key)}
    if as_json:
        print_json(data)
        return
    fields = [(str(name), str(value)) for name, value in data.items() if name not in ("key", "entry")]
    print_fields([*fields, *((f"key {name}", str(value)) for name, value in details.key.items())])


@command.command("verify")
@json_option
@click.pass_context
def verify_command(ctx: click.Context, as_json: bool) -> None:
    """Read every file and compare it with its digest; exit code 1 if one is damaged.

    A damaged shard is computed again when it is next needed.

    \b
    Example:
      zoo cache verify
    """
    from zoo.features.cache import damaged, entries

    listed = entries()
    bad = {entry.name: files for entry in listed if (files := damaged(entry))}
    if as_json:
        print_json({"entries": len(listed), "damaged": bad})
    else:
        for name, files in bad.items():
            click.echo(f"{name[:12]}  damaged: {', '.join(files)}")
        click.echo(f"{len(listed)} entries, {len(bad)} damaged")
    if bad:
        ctx.exit(1)


@command.command("gc")
@click.option("--limit", metavar="SIZE", help="Keep at most this much, e.g. 2GB; default ZOO_CACHE_LIMIT (20GB).")
@json_option
def gc_command(limit: str | None, as_json: bool) -> None:
    """Delete the least recently used entries until the rest is no larger than a limit.

    \b
    Example:
      zoo cache gc --limit 0
    """
    from zoo import settings
    from zoo.features.cache import evict

    gone = evict(settings.cache_limit(limit))
    freed = sum(entry.bytes for entry in gone)
    if as_json:
        print_json({"deleted": [entry.name for entry in gone], "bytes": freed})
    else:
        click.echo(f"{len(gone)} entries deleted, {freed / 1e6:,.0f} MB")


def _find(name: str) -> Listed:
    from zoo.features.cache import entries

    matches = [entry for entry in entries() if entry.name.startswith(name)]
    if len(matches) != 1:
        raise OptionError(f"{len(matches)} entries begin with {name!r}; `zoo cache ls` shows them")
    return matches[0]
