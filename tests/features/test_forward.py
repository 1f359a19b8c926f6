"""The forward pass: an answer costs its own batch, what is kept is computed in batches of one size."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import backend

import zoo
from zoo.features import extract
from zoo.features.engines import BATCH, forward
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset

NUMBERS = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all batches that a Keras model is called with."""
    import keras

    sizes: list[int] = []
    real = keras.Model.predict_on_batch

    def counted(model, x):
        sizes.append(len(x))
        return real(model, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", counted)
    return sizes


@pytest.fixture(scope="module")
def model() -> zoo.TransferModel:
    model = zoo.build(tiny_backbone(), head=zoo.classifier(["red", "green", "blue"]), preprocessing=NUMBERS)
    model.fit(tiny_dataset(count=60), recipe="probe", verbose=0)
    return model


@pytest.mark.parametrize(("examples", "sizes"), [(1, [1]), (5, [5]), (32, [32]), (37, [32, 5])])
def test_predict_computes_as_many_examples_as_it_is_given(model, seen: list[int], examples: int, sizes) -> None:
    pixels = np.stack([tiny_dataset(count=60).image(index) for index in range(examples)])
    model.predict_scores(pixels)
    powers = [1, 2, 4, 8, 16, 32]
    assert seen == (
        sizes if backend.name() == "tensorflow" else [next(p for p in powers if p >= size) for size in sizes]
    )
    seen.clear()
    model.predict(pixels[0])
    assert seen == [1]


def test_an_answer_alone_is_that_in_a_batch(model) -> None:
    pixels = np.stack([tiny_dataset(count=60).image(index) for index in range(20)])
    together = model.predict_scores(pixels)
    alone = np.concatenate([model.predict_scores(image) for image in pixels])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert np.abs(together - together[::-1]).max() > 1e-3  # they differ, so that the comparison can fail


def test_what_is_kept_is_computed_in_batches_of_one_size(model, seen: list[int]) -> None:
    data = tiny_dataset(count=37)
    features = model.composition.features
    shape = {"intake": model.composition.intake, "engine": "keras", "cache": False}
    whole = extract(features, data, np.arange(37), **shape)
    part = extract(features, data, np.arange(3, 8), **shape)
    assert set(seen) == {BATCH}
    np.testing.assert_array_equal(whole.values[3:8], part.values)  # bit for bit, whatever the neighbors


def test_the_batch_size_is_an_upper_bound() -> None:
    class Doubled:
        def predict_on_batch(self, x):
            assert len(x) <= 3
            return 2 * x

    parts = list(forward(Doubled(), iter([np.ones((3, 2), np.uint8), np.ones((2, 2), np.uint8)]), 3))
    assert [len(part) for part in parts] == [3, 2]
    assert all(part.dtype == np.float32 and (part == 2).all() for part in parts)
