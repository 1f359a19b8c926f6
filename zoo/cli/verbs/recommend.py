"""`zoo recommend`: which backbone suits the user's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.cli.named_data import data_options
from zoo.cli.output import notes, print_json, print_sentence, print_table
from zoo.cli.parameters import BYTES, COUNT, check_folder, json_option, names, quiet_option, verbosity
from zoo.cli.quiet import load_keras
from zoo.cli.tables import open_data, table_options

if TYPE_CHECKING:
    from zoo.ranking import Choice, Recommendation

_EXPENDABLE = ("license", "size", "macs", "params", "top1", "knn 95 %", "knn", "95 % interval")
"""Columns that a narrow terminal does without, the least important first."""


@click.command("recommend")
@click.argument("data")
@data_options
@table_options
@click.option(
    "--candidates",
    multiple=True,
    metavar="NAMES",
    help='Backbones to compare, e.g. vgg16,resnet50; "all" fetches weights that are missing. '
    "Default: all whose weights are on this machine.",
)
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Time to spend.")
@click.option("--max-params", type=COUNT, help="Most weights without the classifier, e.g. 10M.")
@click.option("--max-size", type=BYTES, help="Largest weight file, e.g. 50MB.")
@click.option("--license", multiple=True, help="License of the weights, e.g. Apache-2.0; may be given several times.")
@click.option("--features", multiple=True, metavar="NAMES", help="What the probe reads: avg, max, a stage, or a layer.")
@click.option("--input-sizes", multiple=True, metavar="PX", help="Sides of the input to compare, e.g. 128,224.")
@click.option(
    "--scores",
    multiple=True,
    metavar="NAMES",
    default=("probe,knn",),
    show_default=True,
    help="What to measure: probe, knn, logme, hscore.",
)
@click.option("--folds", default=5, show_default=True, help="Of the cross-validation.")
@click.option("--seed", default=0, show_default=True, help="Of the folds and of the sample.")
@click.option("--explain", is_flag=True, help="Say how it was measured and judged, too.")
@click.option("--html", metavar="FILE", help="Write a page with the picture and the table.")
@json_option
@quiet_option
def command(
    data: str,
    answers: str | None,
    task: str | None,
    separator: str | None,
    candidates: tuple[str, ...],
    budget: float | None,
    max_params: float | None,
    max_size: float | None,
    license: tuple[str, ...],
    features: tuple[str, ...],
    input_sizes: tuple[str, ...],
    scores: tuple[str, ...],
    folds: int,
    seed: int,
    explain: bool,
    html: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say which backbone suits your data, measured on it.

    DATA is a folder of class folders, a CSV file or the name of a dataset. Nothing is trained but linear probes on
    features, which are kept: a second call, and a later `zoo fit`, do without the forward pass.

    \b
    Example:
      zoo recommend photos/ --max-params 10M --budget 120
      zoo recommend photos/ --license apache-2.0 --input-sizes 128,224 --html which.html
    """
    # What needs no Keras, which takes seconds to load, is checked before.
    sizes, chosen = names(input_sizes), names(candidates)
    _check(html, sizes, chosen)
    from zoo.data import check

    dataset = open_data(data, answers=answers, task=task, separator=separator)
    check(dataset)
    quiet = quiet or as_json
    load_keras()
    from zoo.ranking import recommend

    recommendation = recommend(
        dataset,
        "all" if chosen == ["all"] else chosen or None,
        budget=budget,
        max_params=max_params,
        max_size=max_size,
        license=license or None,
        features=names(features) or None,
        input_sizes=[int(size) for size in sizes] or None,
        scores=names(scores),
        folds=folds,
        seed=seed,
        verbose=verbosity(quiet),
    )
    if html is not None:
        recommendation.to_html(html)
    if as_json:
        print_json(recommendation.to_dict())
        return
    _print(recommendation, explain=explain)
    click.echo(f"next: {recommendation.next_command(data)}")


def _check(html: str | None, sizes: list[str], candidates: list[str]) -> None:
    """Raise where the options cannot work."""
    check_folder("--html", html)
    if not all(size.isdigit() for size in sizes):
        raise click.UsageError(f"--input-sizes takes sides such as 128,224; got {', '.join(sizes)}.")
    if candidates != ["all"]:
        from zoo.plugin import registry

        for name in candidates:
            registry().get("backbones", name)


def _print(recommendation: Recommendation | Choice, *, explain: bool) -> None:
    print_table(recommendation.table(), expendable=_EXPENDABLE)
    click.echo()
    for line in (*recommendation.sentences(), *(recommendation.details() if explain else ())):
        print_sentence(line)
    for line in (*recommendation.left_out(), *recommendation.notes):
        notes(line)
