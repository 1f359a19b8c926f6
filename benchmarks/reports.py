"""A report of every kind of answer, to look at: pictures whose truth is known since we made it.

python benchmarks/reports.py FLOWERS UPRIGHT OUT        # two folders of pictures, FLOWERS with a folder a class

- turned: each picture of UPRIGHT turned by a random angle of -30 to 30 degrees, cut so that no corner shows;
- pairs: two pictures of FLOWERS side by side, with the labels of both;
- drawn: a rectangle on noise: its color, its area, its box.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import zoo
from zoo.pictures.reading import EXTENSIONS

SIDE = 256
_SHOWN = 180
"""A square of this side, cut out of the middle of one of `SIDE`, shows no corner at 30 degrees."""


def square(path: Path) -> Image.Image:
    """The middle of a picture."""
    picture = Image.open(path).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def write(folder: Path, names: str, pictures: Iterable[tuple[Image.Image, tuple[Any, ...]]]) -> Path:
    """Pictures and what is true of them, as a table."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", *names.split()))
        for number, (picture, true) in enumerate(pictures):
            picture.save(folder / f"{number:04}.png")
            table.writerow((f"{number:04}.png", *true))
    return folder / "table.csv"


def turned(paths: list[Path], random: np.random.Generator) -> Iterable[tuple[Image.Image, tuple[Any, ...]]]:
    edge = (SIDE - _SHOWN) // 2
    for path in paths:
        angle = float(random.uniform(-30, 30))
        picture = square(path).rotate(angle, Image.Resampling.BICUBIC)
        yield picture.crop((edge, edge, edge + _SHOWN, edge + _SHOWN)), (round(angle, 1),)


def pairs(paths: list[Path], random: np.random.Generator) -> Iterable[tuple[Image.Image, tuple[Any, ...]]]:
    for _ in range(400):
        both = [paths[index] for index in random.integers(0, len(paths), 2)]
        picture = Image.new("RGB", (SIDE, SIDE))
        for place, path in enumerate(both):
            picture.paste(square(path).crop((SIDE // 4, 0, 3 * SIDE // 4, SIDE)), (place * SIDE // 2, 0))
        yield picture, (";".join(sorted({path.parent.name for path in both})),)


def drawn(random: np.random.Generator) -> Iterable[tuple[Image.Image, tuple[Any, ...]]]:
    for _ in range(300):
        pixels = random.integers(90, 130, (64, 64, 3)).astype(np.uint8)
        color = str(random.choice(["red", "green"]))
        width, height = random.integers(16, 40, 2)
        x, y = random.integers(0, 65 - width), random.integers(0, 65 - height)
        pixels[y : y + height, x : x + width] = (220, 40, 40) if color == "red" else (40, 200, 60)
        yield Image.fromarray(pixels), (color, round(width * height / 40.96, 2), x, y, x + width, y + height)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("flowers", "upright", "out"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()

    def pictures(folder: Path) -> list[Path]:
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)

    random, out = np.random.default_rng(1), options.out
    angles = write(out / "turned", "angle", turned(pictures(options.upright), random))
    labels = write(out / "pairs", "labels", pairs(pictures(options.flowers), random))
    shapes = write(out / "drawn", "color area x_min y_min x_max y_max", drawn(random))
    box = ["x_min", "y_min", "x_max", "y_max"]
    tables: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
        "turned-avg": (lambda: zoo.from_csv(angles), {"input_size": 128}),
        "turned": (lambda: zoo.from_csv(angles), {"input_size": 128, "features": "stage2:gem"}),
        "labels": (lambda: zoo.from_csv(labels), {"input_size": 128}),
        "box": (lambda: zoo.from_csv(shapes, answers=box), {"input_size": 64}),
        "several": (lambda: zoo.from_csv(shapes, answers=["color", "area", *box]), {"input_size": 64}),
    }
    for name, (table, settings) in tables.items():
        data = table()
        model = zoo.build("efficientnet_lite0", zoo.head_for(data), **settings)
        run = model.fit(data, recipe="probe", test=0.2, directory=out / "runs" / name, verbose=0)
        print(name, run.test, run.report(data=data), sep="\n", flush=True)


if __name__ == "__main__":
    main()
