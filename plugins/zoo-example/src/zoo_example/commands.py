"""The commands of zoo-example: subcommands of `zoo`."""

from __future__ import annotations

from pathlib import Path

import click
from zoo.specs import CommandSpec

SPECS = (
    CommandSpec(
        name="draw-shapes",
        summary="Draw synthetic pictures into class folders, to try zoo on.",
        target="zoo_example.commands:command",
    ),
)


@click.command("draw-shapes")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", default=20, show_default=True, type=click.IntRange(min=1), help="Pictures of each class.")
def command(folder: Path, count: int) -> None:
    """Draw bars, discs and squares into FOLDER, one folder a class.

    \b
    Example:
      zoo draw-shapes shapes/ --count 30
    """
    from PIL import Image

    from zoo_example.datasets import draw
    from zoo_example.label_sets import LABELS

    for number, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture, _ = draw(label, seed=index * len(LABELS) + number)
            Image.fromarray(picture).save(folder / label / f"{index:03d}.png")
    click.echo(f"{count * len(LABELS)} pictures in {folder}")
