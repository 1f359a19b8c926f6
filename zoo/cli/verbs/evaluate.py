"""`zoo evaluate`: a model measured on labeled data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from zoo.cli.models import may_be_pictures, model_options, open_model
from zoo.cli.named_data import data_options
from zoo.cli.output import notes, print_json
from zoo.cli.parameters import json_option, quiet_option, verbosity
from zoo.cli.tables import open_data


@click.command("evaluate")
@click.argument("data")
@data_options
@click.option("--separator", metavar="TEXT", help="Of a CSV file: what stands between the labels in a cell.")
@model_options
@json_option
@quiet_option
def command(
    data: str,
    separator: str | None,
    file: str | None,
    backbone: str | None,
    head: str | None,
    weights: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure a model on labeled data.

    DATA is a folder of class folders, a CSV file or the name of a dataset.

    \b
    Example:
      zoo evaluate other_photos/ --model runs/my_run/model.keras
    """
    if file is None and backbone is None:
        raise click.UsageError("Say what to measure: --model FILE, or --backbone NAME.")
    from zoo.data import from_csv, is_table

    # What is wrong with data is told before Keras is loaded; what else than images it is, and which columns of a table
    # count, only the model knows.
    dataset: Any = data
    if not is_table(data) and may_be_pictures(data):
        dataset = open_data(data, separator=separator)
    quiet = quiet or as_json
    model = open_model(file, backbone, head, weights, quiet=quiet)
    if separator is not None:
        several = len(model.outputs) > 1
        kind: Any = {"outputs": model.outputs} if several else {"labels": model.labels, "task": model.outputs[0].task}
        dataset = from_csv(data, separator=separator, **kind)
    evaluation = model.evaluate(dataset, verbose=verbosity(quiet))
    if as_json:
        print_json(evaluation.to_dict())
        return
    click.echo(str(replace(evaluation, notes=())))
    for note in evaluation.notes:
        notes(note)
