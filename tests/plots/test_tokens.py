"""Grad-CAM and top patches of a vision transformer: its tokens are a map of patches."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import OptionError
from zoo.plots import gradient, patches

SIZE, PATCH = 64, 16


@pytest.fixture(scope="module")
def model() -> zoo.TransferModel:
    return zoo.build("deit_tiny", zoo.classifier(["a", "b"]), weights=None, input_size=SIZE)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)


def test_heat_is_of_the_patches_and_is_what_gradients_say(model: zoo.TransferModel, pixels: np.ndarray) -> None:
    composition = model.composition
    heat = gradient.grad_cam(composition, pixels, 1)
    assert heat.shape == (3, SIZE // PATCH, SIZE // PATCH)
    assert heat.max() == 1.0
    # The same by hand: tokens behind the last stage but one, and differences of the answer for small steps of them.
    boundary = gradient.map_of(composition, None)
    stages = [stage for stage in composition.stages if stage.cut is not None]
    assert boundary is stages[-2].cut.output
    from zoo.training.suffix import halves

    parts = halves(composition, boundary)
    tokens = np.asarray(parts.prefix(pixels[:1].astype(np.float32), training=False))
    slopes = np.zeros(tokens.shape[1:], np.float32)
    random, step = np.random.default_rng(1), 1e-2
    exact = gradient.gradient(parts.suffix, keras.ops.convert_to_tensor(tokens), np.array([1]))[0]
    for _ in range(5):
        way = random.normal(0, 1, tokens.shape).astype(np.float32)
        up, down = (np.asarray(parts.suffix(tokens + sign * step * way, training=False))[0, 1] for sign in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * step), (exact * way).sum(), rtol=0.05, atol=1e-3)
    slopes = exact[1:].reshape(4, 4, -1)
    maps = tokens[0, 1:].reshape(4, 4, -1)
    expected = np.maximum((slopes.mean((0, 1)) * maps).sum(-1), 0)
    np.testing.assert_allclose(heat[0], expected / expected.max(), rtol=1e-4, atol=1e-5)


def test_top_patches_are_the_patches_of_the_strongest_tokens(model: zoo.TransferModel, pixels: np.ndarray) -> None:
    composition = model.composition
    best = patches.top_patches(composition, zoo.Arrays(list(pixels)), "stage1", [5], k=2)[5]
    _, network = patches.up_to(composition, "stage1")
    tokens = np.asarray(network(pixels.astype(np.float32), training=False))[:, 1:, 5]  # without the class token
    strongest = tokens.max(axis=1)
    for patch, picture in zip(best, np.argsort(-strongest, kind="stable"), strict=False):
        row, column = divmod(int(tokens[picture].argmax()), SIZE // PATCH)
        assert (patch.index, patch.cell) == (picture, (row, column))
        assert patch.value == pytest.approx(strongest[picture], rel=1e-4)
        part = pixels[picture, PATCH * row : PATCH * (row + 1), PATCH * column : PATCH * (column + 1)]
        np.testing.assert_array_equal(patch.array, part)


def test_vectors_are_no_map(model: zoo.TransferModel) -> None:
    with pytest.raises(OptionError, match="no feature map behind stage 'nowhere'; stages with one: stem"):
        gradient.map_of(model.composition, "nowhere")
