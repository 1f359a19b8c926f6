"""`zoo runs`: the runs in a folder with their figures; and the report of one, opened."""

from __future__ import annotations

from pathlib import Path

import click

from zoo import settings
from zoo.cli.output import print_json, print_table
from zoo.cli.parameters import json_option
from zoo.errors import OptionError, did_you_mean


@click.command("runs")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--open", "opened", metavar="RUN", help='Write the report of a run and open it; "last": of the newest.')
@json_option
def command(folder: Path | None, opened: str | None, as_json: bool) -> None:
    """List runs with their figures, or open the report of one.

    The newest comes first. FOLDER is runs/ unless given (or what ZOO_RUNS_DIR says).

    \b
    Example:
      zoo runs
      zoo runs --open last
    """
    from zoo.table import Table
    from zoo.training.runs.listing import COLUMNS, listing

    where = folder or settings.runs_dir()
    rows = listing(where)
    if opened is not None:
        _open(where, [str(row["run"]) for row in rows], opened)
    elif as_json:
        print_json(rows)
    elif rows:
        print_table(Table(rows, columns=COLUMNS), expendable=("started", "examples", "interval", "data"))
    else:
        click.echo(f"no runs in {where} yet: zoo fit photos/ makes one")


def _open(where: Path, names: list[str], name: str) -> None:
    """Write the report of a run and hand it to the browser.

    Raises:
        OptionError: there is no such run.
    """
    if name == "last" and names:
        name = names[0]
    if name not in names:
        raise OptionError(f"--open {name!r}: there is no such run in {str(where)!r}.{did_you_mean(name, names)}")
    import webbrowser

    from zoo.cli.quiet import load_keras

    load_keras()
    from zoo.reporting.reports import report

    page = report(str(where / name))
    click.echo(str(page))
    webbrowser.open(page.resolve().as_uri())
