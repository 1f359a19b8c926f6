"""What BatchNorm layers say of the numbers that a network was trained on: statistics seen beside statistics stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

PUBLISHED = {
    "pixels 0..255": (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "0..1": (1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "-1..1": (2 / 255, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "mean and std of ImageNet": (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "pixels less the mean of ImageNet": (1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
}
"""The preprocessings that networks are published with: scale, mean, std."""


def preprocessed(pixels: np.ndarray, numbers: Any) -> np.ndarray:
    """Return `Preprocessing` applied in NumPy: what zoo does in the graph."""
    x = pixels.astype(np.float32)
    if numbers.channel_order == "BGR":
        x = x[..., ::-1]
    return (x * np.float32(numbers.scale) - np.float32(numbers.mean)) / np.float32(numbers.std)


def first_norms(base: Any) -> Iterator[Any]:
    """Yield the first few BatchNorm layers from the pixels upward: those whose statistics depend most on the scale."""
    import keras

    actual = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    yield from actual[:3]


def misfit(base: Any, norms: list[Any], inputs: np.ndarray) -> float:
    """Return how far the statistics of what BatchNorm layers see are from those they have stored, in stored units.

    0: the same; about 1 and less for photos other than those trained on; 3 to 100 for a wrong scale.
    """
    import keras

    taps = keras.Model(base.input, [norm.input for norm in norms])
    seen = taps(inputs, training=False)
    distances = []
    for norm, values in zip(norms, seen if isinstance(seen, list | tuple) else [seen], strict=True):
        x = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        mean, variance = (np.asarray(value, np.float64) for value in (norm.moving_mean, norm.moving_variance))
        kept = variance > 1e-3 * variance.mean()  # channels that are dead tell nothing
        shift = np.abs(x.mean(0) - mean)[kept] / np.sqrt(variance[kept])
        ratio = np.abs(np.log((x.var(0)[kept] + 1e-12) / variance[kept]))
        distances.append(np.median(shift) + np.median(ratio))
    return float(np.mean(distances))
