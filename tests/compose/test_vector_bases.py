"""A small network of one's own with a vector input, as in the lecture: frozen, nested, trained, saved, loaded."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError
from zoo.specs import PhaseSpec, RecipeSpec


@pytest.fixture
def base():
    import keras

    keras.utils.set_random_seed(1)
    inner = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(6, activation="relu", name="deep1"),
            keras.layers.Dense(6, activation="relu", name="deep2"),
        ],
        name="inner",
    )
    start = keras.Input((3,))
    return keras.Model(start, keras.layers.Dense(4, activation="relu", name="outer")(inner(start)), name="own")


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


def weights_of(model) -> dict[str, list]:
    from zoo.keras_internals import layers_inside

    return {
        item.name: item.get_weights()
        for item in layers_inside(model.composition.backbone)
        if "deep" in item.name or item.name == "outer"
    }


def moved(model, before) -> set[str]:
    return {
        name
        for name, old in weights_of(model).items()
        if any(not np.array_equal(*pair) for pair in zip(old, before[name], strict=True))
    }


def test_it_is_frozen_trained_by_stages_and_layers_saved_and_loaded(base, points, tmp_path) -> None:
    model = zoo.build(base, zoo.classifier(["below", "above"]))
    assert model.composition.stage_names == ["stem", "stage1"]
    before = weights_of(model)
    model.fit(points, recipe="probe")
    assert not moved(model, before)
    model.fit(points, recipe=RecipeSpec([PhaseSpec(name="top", unfreeze=1, epochs=2, keep="last")]))
    assert moved(model, before) == {"outer"}
    deeper = RecipeSpec([PhaseSpec(name="deeper", unfreeze=["inner/deep2"], epochs=2, keep="last")])
    run = model.fit(points, recipe=deeper)
    assert moved(model, before) == {"outer", "deep2"}
    assert any(item.stage == "stem/inner/deep2" and item.says == "trained" for item in run.receipts)
    again = zoo.load(model.save(tmp_path / "own.keras"))
    assert again.composition.stage_names == ["stem", "stage1"]
    np.testing.assert_allclose(again.predict_scores(points[0]), model.predict_scores(points[0]), atol=1e-6)
    assert model.predict(points[0][0])[0].label in ("below", "above")
    before = weights_of(again)
    again.composition.backbone.get_layer("inner").layers[0].trainable = True
    again.fit(points, recipe=RecipeSpec([PhaseSpec(name="hand", unfreeze=1, epochs=1, keep="last")]))
    assert moved(again, before) == {"deep1"}
    assert [layer.trainable for layer in base.get_layer("inner").layers] == [
        True,
        True,
    ]  # the caller's own is as it was


@pytest.mark.slow
def test_from_random_weights_it_learns_as_a_whole(base, points) -> None:
    model = zoo.build(base, zoo.classifier(["below", "above"]), weights=None)
    before = weights_of(model)
    run = model.fit(points, epochs=40, learning_rate=0.02, batch_size=8)
    assert moved(model, before) == {"deep1", "deep2", "outer"}
    assert run.history["loss"][-1] < 0.6 * run.history["loss"][0]


def test_what_does_not_go_with_vectors_is_refused(base, points) -> None:
    model = zoo.build(base, zoo.classifier(["below", "above"]))
    with pytest.raises(
        DataError, match=r"skipping 60 \(the first: the network takes arrays of shape \(3,\); this example has \(2,\)"
    ):
        model.fit((points[0][:, :2], points[1]), recipe="probe")
    with pytest.raises(DataError, match="NaN or infinite"):
        model.fit((np.full_like(points[0], np.nan), points[1]), recipe="probe")
    with pytest.raises(OptionError, match="input_size= is not for a Keras model of your own that takes numbers"):
        zoo.build(base, zoo.classifier(["below", "above"]), input_size=3)
