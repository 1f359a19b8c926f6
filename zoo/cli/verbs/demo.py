"""`zoo demo`: the whole of zoo in a few minutes, on photos named and on real digits learned."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.quiet import load_keras

if TYPE_CHECKING:
    from zoo.data import Dataset

SEED = 0

_ROW = tuple[str, float, float]


@click.command("demo")
@click.argument("photos", nargs=-1, metavar="[PHOTO]...")
def command(photos: tuple[str, ...]) -> None:
    """Show what zoo does: name photos, then learn real digits.

    Takes one to five minutes, and needs no download: weights and data come with the installation. PHOTO: a photo of
    yours to be named, in place of the two that come with scikit-learn.

    \b
    Example:
      zoo demo
      zoo demo rose.jpg
    """
    began = time.perf_counter()
    load_keras()
    _name(list(photos) or _shipped_photos())
    with tempfile.TemporaryDirectory() as folder:
        model, images, rows = _learn_digits(Path(folder))
        _show(rows)
        _save_and_reload(model, images, Path(folder) / "digits.keras")
    click.echo(f"Done in {time.perf_counter() - began:.0f} s.")
    click.echo("With photos of yours, one folder per class:  zoo fit photos/")


def _shipped_photos() -> list[str]:
    """The two photos that come with scikit-learn, under CC BY: a temple and a flower."""
    import sklearn.datasets

    folder = Path(str(sklearn.datasets.__file__)).parent / "images"
    return [str(folder / name) for name in ("china.jpg", "flower.jpg") if (folder / name).is_file()]


def _name(photos: list[str]) -> None:
    """Name photos by the pretrained classifier (ImageNet) and by the shipped flower head."""
    import zoo

    imagenet, flowers = (zoo.build("efficientnet_lite0", head) for head in (None, "flowers5"))
    for photo in photos:
        answer, flower = imagenet.predict(photo)[0], flowers.predict(photo)[0]
        click.echo(f"\n{os.path.basename(photo)}")
        click.echo(f"  ImageNet says: {answer.text(3)}")
        click.echo(f"  of five flowers it is most like: {flower.text()}")


def _learn_digits(folder: Path) -> tuple[Any, Dataset, list[_ROW]]:
    """Learn digits by pixels alone, by the frozen network, and by fine-tuning it."""
    import zoo
    from zoo import data
    from zoo.evaluation import raw_baseline

    click.echo("\nDigits: 1,797 real handwritten digits of 8x8 pixels (scikit-learn), one in five held out.")
    rows: list[_ROW] = []

    def noted(what: str, accuracy: float, start: float) -> None:
        rows.append((what, accuracy, time.perf_counter() - start))

    start = time.perf_counter()
    images = data.load("digits")
    parts = data.split(images, validation=0.2, seed=SEED)  # the split that fit makes with this seed
    noted("logistic regression on raw pixels", raw_baseline(images, parts.train, parts.validation, seed=SEED), start)

    model = zoo.build("efficientnet_lite0", head=zoo.classifier("digits"), input_size=96)
    start = time.perf_counter()
    probe = model.fit("digits", recipe="probe", seed=SEED, directory=folder / "probe")
    noted("frozen efficientnet_lite0, probe", probe.validation.accuracy, start)

    model.reset()
    start = time.perf_counter()
    stages = ["stage3", "stage4"]
    tuned = model.fit(
        "digits", recipe="lp-ft", stages=stages, epochs=4, seed=SEED, directory=folder / "lp-ft", verbose=2
    )
    noted("the same, fine-tuned (BatchNorm frozen)", tuned.validation.accuracy, start)
    click.echo(f"\n{tuned.validation}")
    return model, images, rows


def _show(rows: list[_ROW]) -> None:
    click.echo(f"\n  {'':44}accuracy   seconds")
    for what, accuracy, seconds in rows:
        click.echo(f"  {what:44}{accuracy:8.3f}{seconds:10.1f}")
    click.echo(
        "\n  Why: digits are far from the photos that the network was trained on, so its frozen features give less than"
        "\n  raw pixels do. The further the data from the source, the less frozen features give, and the more"
        "\n  fine-tuning does. On photos the probe alone mostly wins."
    )


def _save_and_reload(model: Any, images: Dataset, path: Path) -> None:
    """Save the model, and compare what plain Keras and `zoo.load` say with it.

    Raises:
        ZooError: they differ.
    """
    import keras
    import numpy as np

    import zoo
    from zoo.errors import ZooError

    model.save(path)
    shown = np.stack([model.composition.intake.shape(images.image(number)) for number in range(8)])
    plain = keras.models.load_model(path).predict(shown, verbose=0)
    same = np.allclose(plain, zoo.load(path).predict_scores(shown), rtol=1e-5, atol=1e-7)
    click.echo(f"\nSaved {path.stat().st_size / 1e6:.0f} MB; plain Keras and zoo.load predict the same: {same}")
    if not same:
        raise ZooError("plain Keras and zoo.load should predict the same from one file")
