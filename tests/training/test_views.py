"""Augmented views: computed once and kept, drawn by (seed, epoch, index), and the same as augmenting in the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.augment import resolve, transform
from zoo.data import Arrays, resize
from zoo.errors import OptionError
from zoo.features import extract
from zoo.features.extraction import Kept, View
from zoo.features.identity import augmentation_key
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.descent.sources import Rows
from zoo.training.freeze import freeze
from zoo.training.outcome import Outcome
from zoo.training.phases.examples import _prefix
from zoo.training.phases.work import Work
from zoo.training.settings import Settings
from zoo.training.suffix import cut, pays

OPS = ["flip", "noise"]
TRAIN = 12


def grain(image, seed):
    """A user's own augmentation."""
    return image // 2 + np.random.default_rng(seed).integers(0, 30, image.shape, np.uint8)


def small_base():
    """A network that is quick to trace, the same every time."""
    import keras

    pixels = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    for number in range(2):
        start = keras.initializers.GlorotUniform(seed=number)
        x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", kernel_initializer=start)(x)
    return keras.Model(pixels, x)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ZOO_CACHE_DIR", str(tmp_path / "cache"))

    def made(augment=OPS, real: bool = False, **options) -> zoo.TransferModel:
        head = options.pop("head", None) or zoo.classifier(["left", "right"])
        if real:
            return zoo.build("efficientnet_lite0", head=head, input_size=64, augment=augment)
        return zoo.build(small_base(), head=head, augment=augment, preprocessing=None)

    return made


def tune(epochs: int, views: int) -> RecipeSpec:
    phase = PhaseSpec(name="tune", unfreeze=1, epochs=epochs, batch_size=5, learning_rate=1e-4, warmup=0.0, views=views)
    return RecipeSpec([phase])


def test_each_image_shows_each_view_once_in_so_many_epochs() -> None:
    values = np.arange(3 * 40, dtype=np.float32)[:, None]  # row r: image r % 40 in view r // 40
    rows = Rows(values, np.arange(40), views=3, seed=5)
    assert len(rows) == 40
    shown = np.stack([rows.shown(epoch) for epoch in range(6)])
    for start in (0, 3):
        np.testing.assert_array_equal(np.sort(shown[start : start + 3], axis=0), np.arange(3)[:, None] * np.ones(40))
    assert (shown[:3] != shown[3:]).any()
    assert (shown[0] != Rows(values, np.arange(40), views=3, seed=6).shown(0)).any()
    chosen = np.array([7, 31, 0])
    for epoch in (4, 1, 4):  # whatever was asked before
        taken, targets = rows.take(chosen, epoch)
        np.testing.assert_array_equal(targets, chosen)
        np.testing.assert_array_equal(taken[:, 0], chosen + 40 * shown[epoch, chosen])


def test_kept_views_are_the_features_of_augmented_images(build, pictures) -> None:
    composition = build().composition
    data, train = Arrays(*pictures), np.array([1, 3, 4, 9, 15])
    view = View(transform(resolve(OPS), seed=3, epoch=2), augmentation_key(resolve(OPS), seed=3, view=2))
    options = {"intake": composition.intake, "cache": True}
    plain, changed = extract(composition.features, data, train, **options), None
    for computed in (5, 0):
        changed = extract(composition.features, data, train, view=view, **options)
        assert changed.computed == computed
    assert changed is not None
    expected = np.stack(
        [view.transform(resize(data.image(i), 64, composition.intake.rule), k, None)[0] for k, i in enumerate(train)]
    )
    direct = np.asarray(composition.features(expected.astype(np.float32), training=False))
    np.testing.assert_allclose(changed.values, direct, rtol=1e-4, atol=1e-5 * np.abs(direct).max())
    assert np.abs(changed.values - plain.values).max() > 0.01 * np.abs(direct).max()
    both = Kept([plain, changed], train[[4, 0]])
    assert both.shape == (4, plain.values.shape[1])
    np.testing.assert_array_equal(both[:], np.concatenate([plain.values[[4, 0]], changed.values[[4, 0]]]))
    np.testing.assert_array_equal(both[np.array([3, 0])], [changed.values[0], plain.values[4]])


def test_the_head_and_the_probe_train_on_them_and_compute_none_twice(build, pictures) -> None:
    model = build()
    first = model.fit(pictures, validation=0.25, recipe="head", epochs=3, views=3)
    assert (first.phases[0]["computed"], first.phases[0]["views"]) == (16 + 2 * TRAIN, 3)
    assert len(first.history["loss"]) == 3
    solved = build().fit(pictures, validation=0.25, recipe="probe", views=3)
    assert (solved.phases[0]["computed"], solved.phases[1]["views"]) == (0, 3)
    # Measured on plain images: what the saved model says of them.
    scores = model.predict_scores(pictures[0])
    assert first.validation.count == 4
    assert np.isfinite(scores).all()
    fewer = build().fit(pictures, validation=0.25, recipe="head", epochs=1, views=2)
    assert fewer.phases[0]["computed"] == 0
    more = build().fit(pictures, validation=0.25, recipe="probe", views=4)
    assert more.phases[0]["computed"] == TRAIN
    assert build(augment=None).fit(pictures, validation=0.25).phases[0]["computed"] == 0  # the plain ones are shared


def test_another_seed_or_augmentation_is_a_miss(build, pictures) -> None:
    fit = {"validation": np.array([0]), "recipe": "probe", "views": 2}
    data, held_out = (pictures[0][2:], pictures[1][2:]), (pictures[0][:2], pictures[1][:2])
    fit["validation"] = held_out  # the same images to train on, whatever the seed
    assert build().fit(data, **fit).phases[0]["computed"] == 16 + 14
    assert build().fit(data, **fit).phases[0]["computed"] == 0
    assert build().fit(data, seed=1, **fit).phases[0]["computed"] == 14
    assert build(augment=["noise", "flip"]).fit(data, **fit).phases[0]["computed"] == 14
    assert build(augment=["flip", {"rotation": {"degrees": 5}}]).fit(data, **fit).phases[0]["computed"] == 14
    assert build(augment=["flip", {"rotation": {"degrees": 6}}]).fit(data, **fit).phases[0]["computed"] == 14
    own = build(augment=grain)
    assert [own.fit(data, **fit).phases[0]["computed"] for _ in range(2)] == [14, 14]  # a user's function


def test_what_the_key_of_an_augmentation_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import keras

    def key(augment, seed: int = 0, view: int = 1):
        return augmentation_key(resolve(augment), seed=seed, view=view)

    assert key("flip") == key("flip")
    assert key("flip") not in (
        key("flip", seed=1),
        key("flip", view=2),
        key("noise"),
        key({"flip": {"mode": "vertical"}}),
    )
    assert key(grain) is None
    assert key(["flip", grain]) is None
    layers = [keras.layers.RandomFlip(), keras.layers.RandomFlip(seed=4)]
    assert key(layers[0]) == key(layers[1]) is not None  # its name and seed do not count
    assert key(keras.layers.RandomFlip("vertical")) != key(layers[0])

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    assert key(Own()) is None
    assert key(keras.Sequential([layers[0], Own()])) is None
    before = key("flip")
    monkeypatch.setattr("zoo.features.identity._source", lambda function: "another file")
    assert key("flip") != before


def test_what_does_not_go_together_is_said_before_any_work(build, pictures) -> None:
    with pytest.raises(OptionError, match=r"build the model with augment="):
        build(augment=None).fit(pictures, views=3)
    with pytest.raises(OptionError, match="2 or more"):
        build().fit(pictures, views=1)
    with pytest.raises(OptionError, match="2 or more"):
        build().fit(pictures, recipe=tune(2, 1))
    with pytest.raises(OptionError, match=r"cannot augment.*views="):
        build().fit(pictures, recipe="probe")
    boxes = np.tile(np.float32([0.1, 0.1, 0.6, 0.6]), (16, 1))
    with pytest.raises(OptionError, match="not where boxes have moved"):
        build(augment="flip", head=zoo.locator()).fit((pictures[0], boxes), recipe="head", views=2)


def test_the_prefix_counts_its_views(build, pictures) -> None:
    model = build(real=True)
    composition = model.composition
    training = freeze(composition.backbone, composition.stages, unfreeze=1, batchnorm="frozen")
    found = cut(composition, training)
    assert found is not None
    assert pays(found, images=1000, epochs=4, views=3) == ""
    assert "no more often than 3 views" in pays(found, images=1000, epochs=3, views=3)

    def reason(augment, views: int) -> str:
        ops = resolve(augment)
        work = Work(composition, None, Outcome(train=np.arange(16)), tune(5, views).phases[0], Settings(ops=ops))
        return _prefix(work, training)[1]

    assert reason(OPS, 3) == ""
    assert reason(OPS, 0) == "augmentation changes the examples in every epoch"
    assert "without a trace" in reason(grain, 3)


@pytest.mark.slow
def test_behind_kept_views_the_suffix_learns_what_the_whole_network_learns(
    build, pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = build(real=True)
    run = kept.fit(pictures, validation=0.25, recipe=tune(3, 3), cached_prefix=True, seed=2)
    assert run.phases[-1]["cached_prefix"] == "stage3"
    assert (run.phases[-1]["views"], run.phases[-1]["cached_prefix_computed"]) == (3, 16 + 2 * TRAIN)

    whole = build(real=True)
    split = zoo.data.split(Arrays(*pictures), validation=0.25, seed=2)
    train = np.sort(split.train)
    drawn = Rows(None, train, views=3, seed=2)
    made = [transform(resolve(OPS), seed=2, epoch=view) for view in range(3)]

    def augmentation(settings):
        def of_epoch(epoch):
            shown = drawn.shown(epoch)

            def change(image, index, boxes):
                place = int(np.searchsorted(train, index))
                return made[shown[place]](image, place, boxes) if shown[place] else (image, boxes)

            return change

        return of_epoch

    monkeypatch.setattr(Settings, "augment", augmentation)
    whole.fit(pictures, validation=0.25, recipe=tune(3, 0), cached_prefix=False, seed=2)
    fresh = build(real=True).keras_model.get_weights()
    moved = 0
    for one, two, start in zip(whole.keras_model.get_weights(), kept.keras_model.get_weights(), fresh, strict=True):
        step = np.linalg.norm(one - start)
        moved += step > 0
        assert np.linalg.norm(two - one) <= 0.05 * step + 1e-6 * np.linalg.norm(one)
    assert moved > 2
