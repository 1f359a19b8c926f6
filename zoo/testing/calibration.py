"""Random networks that behave like trained ones, for tests that must be able to fail.

With freshly drawn weights almost any preprocessing gives the same output: BatchNorm statistics of 0 and 1 fit no layer,
and signals die out. After calibration on real photos every layer has signals of ordinary size, and swapping two
color channels moves the output by a third and more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


def calibrated(base: keras.Model, photos: np.ndarray | None = None, seed: int = 0) -> keras.Model:
    """Fit the statistics of a random network to real photos, in place.

    BatchNorm statistics are set in one training-mode call with momentum 0. In a network without BatchNorm (VGG,
    ConvNeXt, SqueezeNet) each layer with a kernel or a layer scale is rescaled, so that every channel of its output
    has unit scale.

    Args:
        base: a network with random weights; changed in place.
        photos: float32 (n, side, side, 3), preprocessed for the network; default: 32 varied crops of
            scikit-learn's two sample photos, scaled to -1..1. A few similar photos are not enough: behind five
            halvings of a small picture statistics come from few values, and other photos then explode.
        seed: for the crops.

    Returns:
        `base`.
    """
    if photos is None:
        photos = sample_photos(int(base.input_shape[1]), seed=seed) / np.float32(127.5) - np.float32(1)
    norms = [layer for layer in _leaves(base) if isinstance(layer, keras.layers.BatchNormalization)]
    if norms:
        _set_statistics(base, norms, photos)
    else:
        _standardize(base, photos)
    return base


def sample_photos(size: int, *, count: int = 32, seed: int = 0) -> np.ndarray:
    """Varied crops of scikit-learn's two sample photos (a Chinese temple, a flower).

    Place, scale, order of the color channels, contrast and brightness vary from crop to crop.

    Args:
        size: side in px.
        count: number of crops.
        seed: decides the variations.

    Returns:
        float32 (count, size, size, 3), whole values 0..255.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    random = np.random.default_rng(seed)
    crops = []
    for index in range(count):
        photo = photos[index % len(photos)]
        side = int(random.integers(64, min(photo.shape[:2]) + 1))
        top, left = (int(random.integers(0, limit - side + 1)) for limit in photo.shape[:2])
        crop = Image.fromarray(photo[top : top + side, left : left + side])
        pixels = np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
        pixels = pixels[..., random.permutation(3)] * random.uniform(0.5, 1.5) + random.uniform(-60, 60)
        crops.append(np.rint(np.clip(pixels, 0, 255)))
    return np.stack(crops).astype(np.float32)


def swapped(photos: np.ndarray) -> np.ndarray:
    """The same photos with red and blue exchanged: what a wrong channel order looks like."""
    return np.ascontiguousarray(photos[..., ::-1])


def moved(before: np.ndarray, after: np.ndarray) -> float:
    """How far an output moved, relative to its size: |after - before| / |before|, 0 for no change."""
    before, after = (np.asarray(value, dtype=np.float64) for value in (before, after))
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from _leaves(layer)
        else:
            yield layer


def _set_statistics(base: keras.Model, norms: list[Any], photos: np.ndarray) -> None:
    settings = [(norm, {"momentum": 0.0, "trainable": True}) for norm in norms]
    # Dropout would distort the statistics of the layers behind it.
    settings += [(layer, {"rate": 0.0}) for layer in _leaves(base) if isinstance(layer, keras.layers.Dropout)]
    with _temporarily(settings):
        base(photos, training=True)
    for norm in norms:
        # A channel that hardly varies would blow up whatever it sees next, rounding errors included.
        variance = keras.ops.convert_to_numpy(norm.moving_variance)
        norm.moving_variance.assign(np.maximum(variance, 0.1 * variance.mean()))


@contextmanager
def _temporarily(settings: list[tuple[Any, dict[str, Any]]]) -> Iterator[None]:
    before = [(layer, {name: getattr(layer, name) for name in values}) for layer, values in settings]
    for layer, values in settings:
        for name, value in values.items():
            setattr(layer, name, value)
    try:
        yield
    finally:
        for layer, values in before:
            for name, value in values.items():
                setattr(layer, name, value)


def _standardize(base: keras.Model, photos: np.ndarray) -> None:
    """One eager pass in which each layer is rescaled as soon as its output is seen."""
    layers = [layer for layer in _leaves(base) if layer.weights and not _is_norm(layer)]
    for layer in layers:
        layer.call = _standardizing(layer, layer.call)
    try:
        base(photos, training=False)
    finally:
        for layer in layers:
            del layer.call


def _is_norm(layer: Any) -> bool:
    return isinstance(layer, (keras.layers.LayerNormalization, keras.layers.GroupNormalization))


def _standardizing(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """A `call` that first brings every channel in front of the activation to mean 0 and standard deviation 1."""

    def standardized_call(*inputs: Any, **options: Any) -> Any:
        linear = {"activation": None} if hasattr(layer, "activation") else {}
        with _temporarily([(layer, linear)]):
            output = keras.ops.convert_to_numpy(call(*inputs, **options))
        values = output.reshape(-1, output.shape[-1])
        mean, std = values.mean(0), values.std(0) + 1e-6
        weight, *bias = layer.weights
        shape = weight.shape[-2:] if isinstance(layer, keras.layers.DepthwiseConv2D) else std.shape
        weight.assign(keras.ops.convert_to_numpy(weight) / std.reshape(shape))
        for variable in bias:
            variable.assign((keras.ops.convert_to_numpy(variable) - mean) / std)
        # What the layer now gives, without a second call: an eager convolution in groups is compiled at each.
        scaled = keras.ops.convert_to_tensor((output - mean if bias else output) / std)
        return layer.activation(scaled) if linear else scaled

    return standardized_call
