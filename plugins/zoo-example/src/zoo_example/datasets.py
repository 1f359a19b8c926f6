"""The datasets of zoo-example: synthetic pictures, drawn on the spot; the same ones every time, no download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field
from zoo.specs import BOX_LABELS, DatasetSpec

from zoo_example.label_sets import LABELS, OUTPUTS

if TYPE_CHECKING:
    import numpy as np
    from zoo import Dataset

SIDE = 64
"""Side of the pictures, in pixels."""

COUNT = 240
TRAIN = 180

SPECS = (
    DatasetSpec(
        modality="image",
        name="shapes",
        summary="synthetic: a bar, a disc or a square drawn on noise, with its box; no photos, no download",
        tags=("example", "synthetic"),
        task="multi-output",
        labels=(*LABELS, *BOX_LABELS),
        loader="zoo_example.datasets:load",
        options="zoo_example.datasets:ShapesOptions",
        splits={"train": TRAIN, "test": COUNT - TRAIN},
        license="CC0-1.0",
        source="drawn by the code of zoo-example; it shows that a model learns, not how well it does on photos",
    ),
)


class ShapesOptions(BaseModel):
    """Options of the dataset `shapes`."""

    model_config = ConfigDict(extra="forbid")

    noise: int = Field(default=80, ge=1, le=128, description="brightest level of the noise, of 0..255")


def load(noise: int = 80) -> Dataset:
    """240 pictures uint8 (64, 64, 3), the classes in turn: the first 180 to train on, the others to test.

    Args:
        noise: brightest level of the noise that is the ground.
    """
    import numpy as np
    import zoo

    drawn = [draw(LABELS[index % len(LABELS)], seed=index, noise=noise) for index in range(COUNT)]
    answers = {"shape": np.arange(COUNT) % len(LABELS), "where": np.array([box for _, box in drawn], np.float32)}
    splits = {"train": np.arange(TRAIN), "test": np.arange(TRAIN, COUNT)}
    return zoo.Arrays(
        np.stack([picture for picture, _ in drawn]), answers, outputs=OUTPUTS, name="shapes", splits=splits
    )


def draw(label: str, *, seed: int, noise: int = 80) -> tuple[np.ndarray, list[float]]:
    """One picture.

    Args:
        label: "bar", "disc" or "square".
        seed: of place, size, color and noise.
        noise: brightest level of the ground.

    Returns:
        uint8 (64, 64, 3), and the box of the shape: x_min, y_min, x_max, y_max as shares 0..1.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    picture = random.integers(0, noise, (SIDE, SIDE, 3), dtype=np.uint8)
    center, size = random.integers(20, SIDE - 20, 2), int(random.integers(10, 20))
    down, right = np.mgrid[:SIDE, :SIDE] - center[:, None, None]
    inside = {
        "bar": (abs(down) <= 3) & (abs(right) <= size),
        "disc": down**2 + right**2 <= size**2,
        "square": np.maximum(abs(down), abs(right)) <= size,
    }[label]
    picture[inside] = random.integers(150, 256, 3, dtype=np.uint8)
    rows, columns = np.nonzero(inside)
    pixels = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return picture, [float(value) / SIDE for value in pixels]
