"""`zoo which`: who provides a name, and where its code stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import json_option

if TYPE_CHECKING:
    from zoo.table import Table


@click.command("which")
@click.argument("name")
@click.option("--kind", help="Only this kind: backbone, head, augmentation, dataset, label set, command or recipe.")
@json_option
def command(name: str, kind: str | None, as_json: bool) -> None:
    """Say who provides a name, and where its code stands.

    A star marks what the name means where it is used; without one it is ambiguous, or its plugin is broken.

    \b
    Example:
      zoo which linear
      zoo which zoo_vision:linear --json
    """
    from zoo.cli.main import BUILT_IN
    from zoo.plugin.locate import which
    from zoo.table import Table

    table = which(name, kind, built_in={verb: f"zoo.cli.verbs.{verb}:command" for verb in BUILT_IN})
    if as_json:
        print_json(list(table))
        return
    rows = [{**row, "meant": "*" if row["meant"] else "", "kind": row["kind"].replace("_", " ")} for row in table]
    print_table(Table(rows, columns=table.columns), expendable=("state", "version"))
    _note_what_is_unclear(name, table)


def _note_what_is_unclear(name: str, table: Table) -> None:
    unclear = {row["kind"] for row in table} - {row["kind"] for row in table if row["meant"]}
    for group in sorted(unclear):
        names = ", ".join(row["id"] for row in table if row["kind"] == group)
        notes(f"{name!r} alone means none of {names}: write the full name, or set ZOO_PREFER to a plugin")
