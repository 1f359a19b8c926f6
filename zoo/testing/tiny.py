"""A network and data so small that a test with them takes no time, and yet such that a mistake shows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.specs import BOX_LABELS

if TYPE_CHECKING:
    import keras

    from zoo.data import Dataset

SIDE = 32
"""Side of the tiny pictures, in px."""

COLORS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 210)}
"""The classes of the tiny pictures."""


def tiny_backbone(size: int = SIDE, *, seed: int = 0) -> keras.Model:
    """A convolutional base of three stages with BatchNorm: random, but calibrated on photos; no download.

    Args:
        size: side of its input, in px.
        seed: of its weights.

    Returns:
        A new model from float32 (n, size, size, 3) in -1..1 (`zoo.specs.Preprocessing(scale=2 / 255, mean=(1, 1, 1))`)
        to feature maps (n, size / 8, size / 8, 24).
    """
    import keras

    model = _network(size)
    model.set_weights(_weights(size, seed))
    assert isinstance(model, keras.Model)
    return model


def _network(size: int) -> Any:
    import keras

    image = keras.Input((size, size, 3), name="image")
    x = image
    for index, width in enumerate((8, 16, 24)):
        x = keras.layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = keras.layers.BatchNormalization(name=f"norm{index}")(x)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
    return keras.Model(image, x, name="tiny")


@cache
def _weights(size: int, seed: int) -> list[np.ndarray]:
    from zoo.testing.calibration import calibrated

    model, random = _network(size), np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            shape = tuple(layer.kernel.shape)
            layer.kernel.assign(random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
    weights: list[np.ndarray] = calibrated(model, seed=seed).get_weights()
    return weights


def tiny_dataset(task: str = "classification", *, count: int = 36, seed: int = 0) -> Dataset:
    """Pictures that can be learned from: a colored rectangle on a gray background, 32 x 32 pixels.

    Args:
        task: what the answers are. "classification": the color (red, green, blue). "multilabel": is it red, is it
            large, is it at the left. "regression": width and height of the rectangle in px. "box": where it is.
        count: number of pictures; the colors take turns.
        seed: of places, sizes and noise.

    Returns:
        A `zoo.Arrays` of `count` different pictures.

    Raises:
        OptionError: there is no tiny data for that task.
    """
    from zoo.data import Arrays
    from zoo.errors import OptionError

    random = np.random.default_rng(seed)
    pictures, boxes = [], []
    for index in range(count):
        picture = random.integers(90, 130, (SIDE, SIDE, 3), np.uint8)
        width, height = random.integers(8, 18, 2)
        left, top = random.integers(0, SIDE - width), random.integers(0, SIDE - height)
        color = np.array(list(COLORS.values())[index % len(COLORS)])
        picture[top : top + height, left : left + width] = color + random.integers(-20, 21, (height, width, 3))
        pictures.append(picture)
        boxes.append((left, top, left + width, top + height))
    x, box = np.stack(pictures), np.array(boxes, np.float32)
    sizes = box[:, 2:] - box[:, :2]
    name = f"tiny {task}"
    if task == "classification":
        return Arrays(x, np.arange(count) % len(COLORS), labels=tuple(COLORS), name=name)
    if task == "multilabel":
        flags = np.stack(
            [np.arange(count) % len(COLORS) == 0, sizes.prod(1) > 150, box[:, 0] + box[:, 2] < SIDE], axis=1
        )
        return Arrays(x, flags.astype(np.float32), labels=("red", "large", "left"), task="multilabel", name=name)
    if task == "regression":
        return Arrays(x, sizes, labels=("width", "height"), task="regression", name=name)
    if task == "box":
        return Arrays(x, box / SIDE, labels=BOX_LABELS, task="box", name=name)
    raise OptionError(f"there is no tiny data for {task!r}; take classification, multilabel, regression or box")
