"""`zoo evaluate`: a model measured on labeled data."""

from __future__ import annotations

from dataclasses import replace

import click

from zoo.cli.models import model_options, of_images, open_model
from zoo.cli.named_data import data_options
from zoo.cli.output import notes, print_json
from zoo.cli.parameters import json_option, quiet_option


@click.command("evaluate")
@click.argument("data")
@data_options
@model_options
@json_option
@quiet_option
def command(
    data: str,
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
    from zoo.data import is_table, load

    # What is wrong with data is told before Keras is loaded; what else than images it is, and which columns of a table
    # count, only the model knows.
    dataset = data if is_table(data) or not of_images(data) else load(data)
    quiet = quiet or as_json
    model = open_model(file, backbone, head, weights, quiet=quiet)
    evaluation = model.evaluate(dataset, verbose=0 if quiet else "auto")
    if as_json:
        print_json(evaluation.to_dict())
        return
    click.echo(str(replace(evaluation, notes=())))
    for note in evaluation.notes:
        notes(note)
