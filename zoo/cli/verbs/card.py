"""`zoo card`: the model card of a run, from what is on record."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.output import notes
from zoo.errors import OptionError


@click.command("card")
@click.argument("run")
@click.option("--license", "license_name", metavar="ID", help='Of the model, as the Hub calls it, e.g. "apache-2.0".')
@click.option("--name", metavar="TEXT", help="What the model is called.")
@click.option("--out", metavar="FILE", help="Where to write it; default: on stdout.")
def command(run: str, license_name: str | None, name: str | None, out: str | None) -> None:
    """Write the model card of a run.

    RUN is the folder of a run. Everything on the card stands in its records; the intended use is left to you.

    \b
    Example:
      zoo card runs/my_run --license apache-2.0 --out README.md
    """
    from zoo.export.keras_file import read_record_of
    from zoo.reporting.card import card, conflicts
    from zoo.run import load_run

    folder = Path(run)
    if not (folder / "run.json").is_file():
        raise OptionError(f"{run!r} is not the folder of a run: it holds no run.json")
    record, done = read_record_of(folder / "model.keras"), load_run(folder).record
    for sentence in conflicts(record, done, license_name):
        notes(sentence)
    text = card(record, done, license=license_name, name=name)
    if out is None:
        click.echo(text)
        return
    from zoo.page import write

    click.echo(str(write(out, text)))
