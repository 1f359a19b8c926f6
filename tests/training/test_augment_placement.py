"""`fit(augment_in=...)`: the same training in pipeline and graph; in no file and no answer; resumable; refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import resumable
from helpers.resumable import Cut, cut_at

import zoo
from zoo.errors import OptionError
from zoo.specs import PhaseSpec, RecipeSpec

TUNE = RecipeSpec([PhaseSpec(name="tune", unfreeze=1, epochs=2, batch_size=8, learning_rate=1e-3)])


def build(augment, **options):
    from zoo.specs import Preprocessing
    from zoo.testing.tiny import tiny_backbone

    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    head = options.pop("head", None) or zoo.classifier(["red", "green", "blue"])
    return zoo.build(tiny_backbone(), head, preprocessing=numbers, augment=augment, **options)


def exact():
    """Ops whose pixels are bit for bit the same both ways."""
    import keras

    return ["flip", keras.layers.RandomRotation(0.1, seed=4)]


@pytest.fixture(scope="module")
def data():
    from zoo.testing.tiny import tiny_dataset

    return tiny_dataset(count=36)


def test_both_places_train_the_same_model(data) -> None:
    runs = {}
    for place in ("pipeline", "graph", "none"):
        runs[place] = build(exact()).fit(data, recipe=TUNE, validation=0.25, augment_in=place)
        (phase,) = [phase for phase in runs[place].phases if phase["name"] == "tune"]
        assert phase.get("augment_in") == (None if place == "none" else place)
    assert runs["graph"].history == runs["pipeline"].history
    weights = {place: run.model.keras_model.get_weights() for place, run in runs.items()}
    for one, other in zip(weights["graph"], weights["pipeline"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert runs["none"].history != runs["pipeline"].history
    without = build(None).fit(data, recipe=TUNE, validation=0.25)
    assert without.history == runs["none"].history


def test_it_is_in_no_file_and_in_no_answer(data, tmp_path: Path) -> None:
    import keras

    model = build([keras.layers.RandomFlip(), {"contrast": {"factor": 1.0}}])
    run = model.fit(data, recipe=TUNE, validation=0.25, augment_in="graph")
    plain = build(None)
    names = [type(layer).__name__ for layer in plain.keras_model.layers]
    assert [type(layer).__name__ for layer in model.keras_model.layers] == names
    assert len(model.keras_model.weights) == len(plain.keras_model.weights)
    pixels = np.stack([data.image(index) for index in range(6)])
    wanted = np.asarray(model.keras_model(pixels.astype(np.float32), training=False))
    for _ in range(2):
        np.testing.assert_array_equal(model.predict_scores(pixels), model.predict_scores(pixels))
    np.testing.assert_allclose(model.predict_scores(pixels), wanted, atol=1e-6)
    file = model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(file) as archive:
        text = archive.read("config.json").decode()
    assert "Random" not in text
    assert "augment" not in text
    np.testing.assert_allclose(keras.saving.load_model(file)(pixels.astype(np.float32)), wanted, atol=1e-6)
    # What the run says of the held out images is what the model says of them: plain pixels, here and while fitting.
    assert run.validation.log_loss == pytest.approx(run.history["val_loss"][-1], rel=1e-5)


def test_a_run_that_was_cut_goes_on_in_the_graph(tmp_path: Path) -> None:
    folder = resumable.write_photos(tmp_path / "photos")

    def fit(run: Path, **options):
        from zoo.testing.tiny import tiny_backbone

        model = zoo.build(tiny_backbone(), zoo.classifier(folder), preprocessing=None, augment=["flip", "zoom"])
        return model.fit(folder, recipe=TUNE, augment_in="graph", directory=run, checkpoint_every=0.0, **options)

    whole = fit(tmp_path / "whole")
    with pytest.raises(Cut):
        fit(tmp_path / "cut", callbacks=[cut_at(1, 2)])
    record = json.loads((tmp_path / "cut" / "run.json").read_text())
    assert record["plan"]["recipe"]["phases"][0]["augment_in"] == "graph"
    done = zoo.resume(tmp_path / "cut")
    assert done.history == whole.history
    assert resumable.digest(done.model) == resumable.digest(whole.model)


def test_a_recipe_says_it_for_each_phase(data) -> None:
    phases = [
        PhaseSpec(name="head", epochs=1, augment_in="none"),  # on features that are computed once
        PhaseSpec(name="tune", unfreeze=1, epochs=1, augment_in="graph"),
    ]
    run = build(exact()).fit(data, recipe=RecipeSpec(phases), validation=0.25)
    assert [phase["name"] for phase in run.phases] == ["features", "head", "tune"]
    assert run.phases[-1]["augment_in"] == "graph"


def test_what_does_not_go_together_is_refused(data) -> None:
    model = build(["flip"])
    for options, words in (
        ({"augment_in": "gpu"}, "augment_in='gpu': choose one of pipeline, graph, none"),
        ({"augment_in": "graph", "views": 3}, "images augmented in the pipeline"),
        ({"augment_in": "graph", "recipe": "probe"}, "augment_in='graph' has no effect"),
        ({"augment_in": "graph", "recipe": RecipeSpec([PhaseSpec(name="a", epochs=1, mixup=0.2)])}, "too late"),
    ):
        with pytest.raises(OptionError, match=words):
            model.fit(data, **options)
    with pytest.raises(OptionError, match="there is no augmentation"):
        build(None).fit(data, augment_in="graph")
    with pytest.raises(OptionError, match=r"'noise' of .* runs in the pipeline only"):
        build(["noise"]).fit(data, augment_in="graph")
    for field, words in (({"views": 2}, "in the pipeline"), ({"mixup": 0.1}, "too late")):
        with pytest.raises(ValueError, match=words):
            PhaseSpec(name="a", epochs=1, augment_in="graph", **field)


def test_a_layer_that_makes_something_else_of_pixels_is_found(data) -> None:
    import keras

    with pytest.raises(OptionError, match="'unit' gave values from"):
        build([keras.layers.Rescaling(1 / 255, name="unit")]).fit(data, recipe=TUNE, augment_in="graph")
