"""`zoo lint`: what is wrong with the user's data, before anything is trained on it."""

from __future__ import annotations

import click

from zoo.cli.models import DEFAULT_BACKBONE
from zoo.cli.named_data import data_options
from zoo.cli.output import print_json
from zoo.cli.parameters import check_folder, json_option, quiet_option, verbosity
from zoo.cli.quiet import load_keras
from zoo.cli.tables import open_data, table_options


@click.command("lint")
@click.argument("data")
@data_options
@table_options
@click.option("--validation", metavar="DATA", help="Data of its own to be measured on: looked through, and for copies.")
@click.option("--features/--no-features", default=True, help="Look for wrong labels too, with a frozen backbone.")
@click.option("--backbone", default=DEFAULT_BACKBONE, show_default=True, metavar="NAME", help="Whose features.")
@click.option("--html", metavar="FILE", help="Write a page with thumbnails.")
@click.option("--strict", is_flag=True, help="Exit with 1 where there is an error or a warning.")
@json_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    data: str,
    answers: str | None,
    task: str | None,
    separator: str | None,
    validation: str | None,
    features: bool,
    backbone: str,
    html: str | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what is wrong with your data, before anything is trained on it.

    Damaged and odd files, copies, leaks between splits, labels that look wrong.

    DATA is a folder of class folders, a CSV file or the name of a dataset. Nothing is trained or changed.

    \b
    Example:
      zoo lint photos/ --html findings.html
      zoo lint photos/ --no-features --strict
    """
    # What can be told without Keras, which takes seconds to load, is told before.
    from zoo.data.modalities import has_pictures

    check_folder("--html", html)
    dataset = open_data(data, answers=answers, task=task, separator=separator)
    if features and has_pictures(dataset.modality):
        from zoo.plugin import registry

        registry().get("backbones", backbone)
        load_keras()
    from zoo.linting import lint

    verbose = verbosity(quiet or as_json)
    findings = lint(dataset, validation=validation, features=features, backbone=backbone, verbose=verbose)
    if html is not None:
        findings.to_html(html)
    if as_json:
        print_json(findings.to_dict())
    else:
        click.echo(str(findings))
    if strict and not findings.ok:
        ctx.exit(1)
