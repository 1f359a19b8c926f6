"""`zoo list`: the backbones, filtered and sorted."""

from __future__ import annotations

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import BYTES, COUNT, json_option

_EXPENDABLE = (
    "provider", "size_top", "params_top", "top5", "ms", "macs", "input", "source", "family", "here", "license"
)  # fmt: skip
"""Columns that a narrow terminal does without, the least important first."""


@click.command("list")
@click.argument("pattern", required=False)
@click.option("--family", help="Architecture family, e.g. ResNetV2.")
@click.option("--max-params", type=COUNT, help="Most weights without the classifier, e.g. 10M.")
@click.option("--max-size", type=BYTES, help="Largest weight file, e.g. 50MB.")
@click.option("--max-macs", type=COUNT, help="Most multiply-adds of one image, e.g. 500M.")
@click.option("--min-top1", type=click.FloatRange(0, 1), help="Lowest published ImageNet top-1 accuracy, 0 to 1.")
@click.option("--license", multiple=True, help="License of the weights, e.g. Apache-2.0; may be given several times.")
@click.option("--source", help="How the weights arrive: url, wheel, file or hub.")
@click.option("--available", is_flag=True, help="Only those whose weights are on this machine.")
@click.option("--sort", default="name", show_default=True, help="Column to sort by; top1 from the best down.")
@json_option
def command(
    pattern: str | None,
    family: str | None,
    max_params: float | None,
    max_size: float | None,
    max_macs: float | None,
    min_top1: float | None,
    license: tuple[str, ...],
    source: str | None,
    available: bool,
    sort: str,
    as_json: bool,
) -> None:
    """List backbones, filtered and sorted.

    PATTERN is a part of the name, or a pattern such as "resnet*v2".

    \b
    Example:
      zoo list --max-params 10M --sort top1
      zoo list --license apache-2.0 --license mit --available
    """
    from zoo.plugin.listing import backbones

    if pattern is not None and not set(pattern) & set("*?["):
        pattern = f"*{pattern}*"
    table = backbones(
        pattern,
        family=family,
        max_params=max_params,
        max_size=max_size,
        max_macs=max_macs,
        min_top1=min_top1,
        license=license or None,
        source=source,
        available=available or None,
        sort=sort,
    )
    if as_json:
        print_json(list(table))
    elif len(table):
        print_table(table, expendable=_EXPENDABLE)
    else:
        notes("no backbone passes these filters; `zoo list` shows all")
