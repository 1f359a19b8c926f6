"""`zoo report`: what a run came to, as one page that opens with the verdict in words."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.parameters import check_folder, quiet_option, verbosity
from zoo.cli.quiet import load_keras
from zoo.progress import Display


@click.command("report")
@click.argument("run", metavar="RUN")
@click.option("--out", metavar="FILE", help="Where to write it; default report.html in the folder of the run.")
@click.option("--data", metavar="DATA", help="What it was trained on, if that is elsewhere now.")
@click.option("--validation", metavar="DATA", help="Likewise, where validation was data of its own.")
@quiet_option
def command(run: str, out: str | None, data: str | None, validation: str | None, quiet: bool) -> None:
    """Write what a run came to as one page, with pictures.

    Verdict in words, curves, tables, mistakes with Grad-CAM, data, recipe with reasons, receipts, environment.

    RUN is the folder of a finished run. The page needs nothing else and asks the network for nothing.

    \b
    Example:
      zoo report runs/20260801-101500-efficientnet_lite0-lp-ft --out flowers.html
    """
    # What can be told without Keras, which takes seconds to load, is told before.
    from zoo.training.runs.folder import RunFolder

    RunFolder.existing(Path(run))
    check_folder("--out", out)
    load_keras()
    from zoo.reporting.reports import report

    with Display(verbosity(quiet)) as shown:
        written = report(run, out, data=data, validation=validation, progress=shown.counter("images"))
    click.echo(str(written))
