"""`zoo compare`: runs and yardsticks on the same examples."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.output import notes, print_json, print_sentence, print_table
from zoo.cli.parameters import check_folder, json_option, quiet_option, verbosity
from zoo.cli.quiet import load_keras
from zoo.errors import OptionError

_EXPENDABLE = ("trained", "parameters", "95 % of difference", "ms", "seconds")
"""Columns that a narrow terminal does without, the least important first."""


@click.command("compare")
@click.argument("models", nargs=-1, required=True, metavar="RUN...")
@click.option("--data", metavar="DATA", help="Measure all of them on this, not on what the runs held out.")
@click.option("--answer", metavar="NAME", help="Which of several answers to compare.")
@click.option(
    "--class",
    "pairs",
    multiple=True,
    metavar="CLASS=NAMES",
    help="What a class means to the pretrained classifier, e.g. dogs=dog or cats=tabby,tiger_cat (repeatable).",
)
@click.option("--backbone", metavar="NAME", help="Whose pretrained classifier; default that of the first run.")
@click.option("--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Of the self-made network.")
@click.option("--seed", default=0, show_default=True, help="Of the self-made network.")
@click.option("--timings/--no-timings", default=True, help="Measure milliseconds per image.")
@click.option("--figure", metavar="FILE", help="Draw it too (.png, .svg or .pdf).")
@json_option
@quiet_option
def command(
    models: tuple[str, ...],
    data: str | None,
    answer: str | None,
    pairs: tuple[str, ...],
    backbone: str | None,
    epochs: int,
    seed: int,
    timings: bool,
    figure: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say which of several runs is better, and how sure that is.

    RUN is the folder of a run; or "pretrained", the untouched classifier that came with the backbone, limited to the
    classes; or "scratch", a small network trained on the same images from random weights.

    \b
    Example:
      zoo compare runs/probe runs/lp-ft
      zoo compare runs/probe pretrained scratch --class dogs=dog --class cats=cat
    """
    # What needs no Keras, which takes seconds to load, is checked before.
    check_folder("--figure", figure)
    if figure is not None and Path(figure).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OptionError(f"--figure {figure!r}: pictures are written as .png, .svg or .pdf")
    if len(models) < 2:
        raise click.UsageError("There is nothing to compare with: give two runs, or one and 'pretrained' or 'scratch'.")
    load_keras()
    from zoo.comparison import compare

    quiet = quiet or as_json
    comparison = compare(
        list(models),
        data=data,
        answer=answer,
        classes=_classes(pairs) or None,
        backbone=backbone,
        epochs=epochs,
        seed=seed,
        timings=timings,
        verbose=verbosity(quiet),
    )
    if figure is not None:
        comparison.figure().savefig(figure, dpi=150)
    if as_json:
        print_json(comparison.to_dict())
        return
    print_table(comparison.table(), expendable=_EXPENDABLE)
    click.echo()
    for line in comparison.sentences():
        print_sentence(line)
    for line in comparison.remarks():
        notes(line)


def _classes(pairs: tuple[str, ...]) -> dict[str, list[str]]:
    meanings: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        meant = [part.strip() for part in text.split(",") if part.strip()]
        if not equals or not meant:
            raise click.UsageError(f"--class takes CLASS=NAMES, e.g. dogs=dog; got {pair!r}.")
        meanings[name.strip()] = meant
    return meanings
