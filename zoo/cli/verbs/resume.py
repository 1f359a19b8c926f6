"""`zoo resume`: a run that was killed or interrupted goes on from its last checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.finished import print_run
from zoo.cli.parameters import json_option, quiet_option, verbosity
from zoo.cli.quiet import load_keras


@click.command("resume")
@click.argument("run")
@click.option("--data", metavar="DATA", help="What it was trained on, if that is elsewhere now.")
@click.option("--validation", metavar="DATA", help="Likewise, where validation was data of its own.")
@click.option("--test", metavar="DATA", help="Likewise, where the test part was data of its own.")
@json_option
@quiet_option
def command(run: str, data: str | None, validation: str | None, test: str | None, as_json: bool, quiet: bool) -> None:
    """Go on with a run that was killed or interrupted.

    RUN is its folder. On a CPU the end is, bit for bit, that of a run that nothing interrupted.

    \b
    Example:
      zoo resume runs/20260801-101500-efficientnet_lite0-lp-ft
    """
    from zoo.training.runs.folder import RunFolder

    RunFolder.existing(Path(run))  # told before Keras, which takes seconds to load
    quiet = quiet or as_json
    load_keras()
    from zoo.resuming import resume

    done = resume(run, data, validation=validation, test=test, verbose=verbosity(quiet))
    print_run(done, Path(run) / "model.keras", as_json=as_json)
