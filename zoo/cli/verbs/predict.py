"""`zoo predict`: what is on images, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli import answers
from zoo.cli.models import model_options, open_model, takes_texts
from zoo.cli.output import one_line, print_json
from zoo.cli.parameters import json_option, quiet_option
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.tasks import Prediction


@click.command("predict")
@click.argument("images", nargs=-1, required=True)
@model_options
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many labels an image.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a table: .csv or .parquet.")
@json_option
@quiet_option
def command(
    images: tuple[str, ...],
    file: str | None,
    backbone: str | None,
    head: str | None,
    weights: str | None,
    top: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say what is on images, or in whatever files the model takes.

    IMAGES are files or folders, of a model of texts also texts. One line each: path, label, probability, then the
    runners-up. Without --model and --backbone the pretrained efficientnet_lite0 answers with ImageNet labels.

    \b
    Example:
      zoo predict cat.jpg
      zoo predict photos/ --model runs/my_run/model.keras --top 3
      zoo predict photos/ --model mine.keras --out answers.csv
    """
    _check_there(images, file)
    if out is not None:
        answers.check(out)
    model = open_model(file, backbone, head, weights, quiet=quiet or as_json)
    # The file of an export answers without anything else loaded.
    short = getattr(model, "predict_files", model.predict)
    predictions = short(list(images))
    if out is not None:
        answers.write(out, predictions)
    if as_json:
        print_json([prediction.to_dict(top) for prediction in predictions])
    elif out is not None:
        click.echo(f"{len(predictions)} answers in {out}")
    else:
        _print(predictions, top)
    answered = {prediction.source for prediction in predictions}
    if not all(_is_answered(path, answered) for path in images):
        click.get_current_context().exit(1)  # a notice has named the file that cannot be read


def _print(predictions: Sequence[Prediction], top: int) -> None:
    for prediction in predictions:
        click.echo(f"{one_line(prediction.source)}  {prediction.text(top)}")


def _check_there(images: tuple[str, ...], file: str | None) -> None:
    """Refuse what is neither a file nor a folder; texts are, for a model of texts.

    Raises:
        DataError: something is not there.
    """
    missing = [path for path in images if not Path(path).exists()]
    if missing and not takes_texts(file):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DataError(
            f"no such image or folder: {', '.join(map(repr, missing[:3]))}{more} (looked from {str(Path.cwd())!r})"
        )


def _is_answered(path: str, answered: set[str]) -> bool:
    """Whether a file was answered, itself or the examples in it; folders and texts always are."""
    return path in answered or not Path(path).is_file() or any(source.startswith(f"{path}#") for source in answered)
