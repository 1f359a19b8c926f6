"""`zoo predict`: what is on images, one line each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.models import model_options, open_model
from zoo.cli.output import one_line, print_json
from zoo.cli.parameters import json_option, quiet_option
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.model import Prediction


@click.command("predict")
@click.argument("images", nargs=-1, required=True)
@model_options
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many labels an image.")
@json_option
@quiet_option
def command(
    images: tuple[str, ...],
    file: str | None,
    backbone: str | None,
    head: str | None,
    weights: str | None,
    top: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Name what is on images.

    IMAGES are files or folders. One line each: path, label, probability, then the runners-up. Without --model and
    --backbone the pretrained efficientnet_lite0 answers with ImageNet labels.

    \b
    Example:
      zoo predict cat.jpg
      zoo predict photos/ --model runs/my_run/model.keras --top 3
    """
    missing = [path for path in images if not Path(path).exists()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DataError(
            f"no such image or folder: {', '.join(map(repr, missing[:3]))}{more} (looked from {str(Path.cwd())!r})"
        )
    model = open_model(file, backbone, head, weights, quiet=quiet or as_json)
    predictions = model.predict(list(images))
    best = [_best(prediction, model.labels, top) for prediction in predictions]
    if as_json:
        print_json(
            [
                {
                    "source": prediction.source,
                    "label": prediction.label,
                    "score": prediction.score,
                    "top": [{"label": label, "score": score} for label, score in first],
                }
                for prediction, first in zip(predictions, best, strict=True)
            ]
        )
        return
    for prediction, first in zip(predictions, best, strict=True):
        answers = "  ".join(f"{label} {score:.3f}" for label, score in first)
        click.echo(f"{one_line(prediction.source)}  {answers}")


def _best(prediction: Prediction, labels: tuple[str, ...], count: int) -> list[tuple[str, float]]:
    """The most likely labels with their probabilities, best first."""
    scores: Any = prediction.scores
    order = (-scores).argsort(kind="stable")[:count]
    return [(labels[index] if labels else str(index), float(scores[index])) for index in order]
