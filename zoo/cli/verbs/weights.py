"""`zoo weights`: the weight files on this machine, their checks, and how they travel to machines without a network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.output import print_json, print_table
from zoo.cli.parameters import json_option

if TYPE_CHECKING:
    from zoo.specs import BackboneSpec, WeightSource

_lock_option = click.option(
    "--lock",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Hold files without a published digest to the first uses in this lock, from another machine.",
)


@click.group("weights")
def command() -> None:
    """Look after the weight files on this machine.

    \b
    Example:
      zoo weights ls
      zoo weights fetch vgg16 --to usb/
    """


@command.command("ls")
@json_option
def ls_command(as_json: bool) -> None:
    """List the weight files that were fetched.

    \b
    Example:
      zoo weights ls --json
    """
    from zoo.table import Table
    from zoo.weights import Store
    from zoo.weights.upkeep import listing

    rows = [
        {
            "file": row.filename or "(used by no source)",
            "size": row.bytes,
            "sha256": row.sha256,
            "source": row.source,
            "fetched": datetime.fromtimestamp(row.used).isoformat(sep=" ", timespec="seconds"),
        }
        for row in listing(Store())
    ]
    if as_json:
        print_json(rows)
    elif rows:
        shown = [{**row, "sha256": str(row["sha256"])[:12]} for row in rows]
        print_table(Table(shown, columns=("file", "size", "sha256", "source", "fetched")), expendable=("source",))
    else:
        click.echo("no weights were fetched yet")


@command.command("fetch")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Copy them there."
)
@_lock_option
@json_option
def fetch_command(names: tuple[str, ...], folder: Path | None, lock: Path | None, as_json: bool) -> None:
    """Fetch the weights of backbones, and check them.

    With --to they are copied to a folder that `zoo weights import` takes in on another machine.

    \b
    Example:
      zoo weights fetch vgg16 resnet50 --to usb/
    """
    from zoo.weights import Store
    from zoo.weights.choice import best
    from zoo.weights.upkeep import fetch_to, pins_in

    store = Store()
    if lock is not None:
        store.pins.merge(pins_in(lock))
    sources = [best(spec, False, store) for spec in _backbones(names)]
    if folder is not None:
        paths = fetch_to(store, sources, folder)
    else:
        paths = [store.fetch(source).path for source in sources]
    rows = [{"name": name, "path": str(path)} for name, path in zip(names, paths, strict=True)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']}: {row['path']}")


@command.command("import")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_lock_option
@json_option
@click.pass_context
def import_command(ctx: click.Context, folder: Path, lock: Path | None, as_json: bool) -> None:
    """Take weight files in that were fetched on another machine; exit code 1 if one is not what it should be.

    \b
    Example:
      zoo weights import usb/
    """
    from zoo.weights import Store
    from zoo.weights.upkeep import pins_in, take_in

    store = Store()
    if lock is not None:
        store.pins.merge(pins_in(lock))
    taken, problems = take_in(store, _all_sources(), folder)
    if as_json:
        print_json({"imported": taken, "problems": problems})
    else:
        for name in taken:
            click.echo(f"{name}: taken in")
        for problem in problems:
            click.echo(problem, err=True)
        if not taken and not problems:
            click.echo(f"{folder} holds no file that a backbone of the registry calls its weights")
    if problems:
        ctx.exit(1)


@command.command("verify")
@json_option
@click.pass_context
def verify_command(ctx: click.Context, as_json: bool) -> None:
    """Read every file and compare it with its sha256; exit code 1 if one is damaged.

    A damaged file is fetched again when it is next needed.

    \b
    Example:
      zoo weights verify
    """
    from zoo.weights import Store
    from zoo.weights.upkeep import listing

    store = Store()
    damaged, count = store.verify(), len(listing(store))
    if as_json:
        print_json({"files": count, "damaged": damaged})
    else:
        for line in damaged:
            click.echo(line)
        click.echo(f"{count} files, {len(damaged)} damaged")
    if damaged:
        ctx.exit(1)


@command.command("gc")
@json_option
def gc_command(as_json: bool) -> None:
    """Delete files that no source refers to, and what killed downloads left.

    \b
    Example:
      zoo weights gc
    """
    from zoo.weights import Store
    from zoo.weights.upkeep import collect

    gone = collect(Store())
    freed = sum(row.bytes for row in gone)
    if as_json:
        print_json({"deleted": [row.sha256 for row in gone], "bytes": freed})
    else:
        click.echo(f"{len(gone)} files deleted, {freed / 1e6:,.0f} MB")


@command.command("lock")
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@json_option
def lock_command(target: Path | None, as_json: bool) -> None:
    """Show or write what the first verified use of each file without a published digest was.

    `zoo weights fetch --lock FILE` and `zoo weights import --lock FILE` hold another machine to it.

    \b
    Example:
      zoo weights lock --to weights.lock.json
    """
    from zoo.weights import Store
    from zoo.weights.pins import Pins

    pins = Store().pins.all()
    if target is not None:
        Pins(target).merge(pins)
    if as_json:
        print_json(pins)
    elif target is not None:
        click.echo(f"{len(pins)} files written to {target}")
    else:
        for name, pin in sorted(pins.items()):
            click.echo(f"{pin['sha256'][:12]}  {name}" + (f" at {pin['commit']}" if "commit" in pin else ""))
        click.echo(f"{len(pins)} files are held to their first use")


def _backbones(names: tuple[str, ...]) -> list[BackboneSpec]:
    from zoo.plugin import registry

    return [registry().get("backbones", name).spec for name in names]


def _all_sources() -> list[WeightSource]:
    from zoo.plugin import registry

    return [source for entry in registry().entries("backbones") for source in entry.spec.weights]
