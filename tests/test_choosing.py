"""zoo.compare over options: chosen by the validation part, judged once on the test part."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.comparison.choosing import Trials
from zoo.data import load, split
from zoo.errors import OptionError


@pytest.fixture(scope="module")
def rings():
    """Points inside and outside of a circle: no straight line parts them, hidden layers do."""
    x = np.random.default_rng(3).normal(size=(150, 2)).astype(np.float32)
    return x, ((x**2).sum(axis=1) > 1.4).astype(int)


def make(depth: int = 1, units: int = 8):
    import keras

    keras.utils.set_random_seed(0)
    x = start = keras.Input((2,))
    for _ in range(depth):
        x = keras.layers.Dense(units, activation="tanh")(x)
    return zoo.build(keras.Model(start, x, name="hidden"), zoo.classifier(["in", "out"]), weights=None)


@pytest.fixture(scope="module")
def chosen(rings, tmp_path_factory):
    options = {"units": [1, 16], "learning_rate": [0.03]}
    folder = tmp_path_factory.mktemp("tried")
    return zoo.compare(make, data=rings, options=options, epochs=25, directory=folder, verbose=0)


def test_the_best_on_validation_is_measured_once_on_what_nothing_was_chosen_by(chosen, rings) -> None:
    assert [row.name for row in chosen] == ["units=16, learning_rate=0.03", "units=1, learning_rate=0.03"]
    assert chosen.chosen == {"units": 16, "learning_rate": 0.03}
    assert chosen.test.count == 30
    assert not any("trained on" in note for note in chosen.test.notes)
    assert chosen.best.parameters == 2 * 16 + 16 + 16 * 2 + 2
    assert chosen.model.composition.width == 2
    assert chosen.verdict.startswith(
        "Chosen by validation: units=16, learning_rate=0.03. On the test part, 30 examples"
    )
    assert chosen.to_dict()["chosen"] == chosen.best.name
    validation = set(chosen.run.validation.ids)
    assert len(validation) == chosen.best.evaluation.count == 31
    assert not validation & set(chosen.test.ids)


def test_the_picture_is_drawn_against_an_option_and_against_parameters(chosen) -> None:
    for over in ("units", "parameters"):
        figure = chosen.curve(over)
        (axes,) = figure.axes
        assert axes.get_xlabel() == over
        judged = next(line for line in axes.lines if line.get_label() == "chosen, on the test part")
        assert judged.get_ydata()[0] == pytest.approx(chosen.test.headline.value)
    with pytest.raises(OptionError, match=r"no option 'unit'\. Did you mean 'units'"):
        chosen.curve("unit")


def test_a_grid_is_every_combination() -> None:
    grid = Trials(make, {"units": [32, 128], "depth": [1, 2, 3]}).grid()
    assert len(grid) == 6
    assert grid[:3] == [{"units": 32, "depth": 1}, {"units": 32, "depth": 2}, {"units": 32, "depth": 3}]
    with pytest.raises(OptionError, match="give a list of the values to try"):
        Trials(make, {"units": 32}).grid()
    with pytest.raises(OptionError, match="one combination"):
        Trials(make, {"units": [32]}).grid()
    with pytest.raises(OptionError, match="options= needs data= to train on"):
        zoo.compare(make, options={"units": [1, 2]})
    with pytest.raises(OptionError, match="options= needs one backbone or function"):
        zoo.compare("perceptron", make, options={"units": [1, 2]}, data="digits")


def test_in_folds_each_example_is_held_out_once_and_copies_stay_together() -> None:
    from zoo.comparison.choosing import in_folds

    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (40, 8, 8, 3), np.uint8)
    x[20:24] = x[:4]  # copies
    dataset = load((x, np.arange(40) % 2))
    parts = split(dataset, validation=0.2, test=0.2, seed=1)
    folds = in_folds(dataset, parts, 4, seed=1)
    held_out = np.concatenate([fold.validation for fold in folds])
    assert sorted(held_out) == sorted([*parts.train, *parts.validation])
    hashes = np.array(dataset.hashes())
    for fold in folds:
        assert not set(hashes[fold.validation]) & set(hashes[fold.train])
        assert not set(fold.test) & {*fold.train, *fold.validation}
        assert set(dataset.targets[fold.validation]) == {0, 1}
    with pytest.raises(OptionError, match="folds=1 must be a whole number from 2 to"):
        in_folds(dataset, parts, 1, seed=1)


@pytest.mark.slow
def test_cross_validation_trains_the_chosen_one_on_all_but_the_test_part(rings) -> None:
    options = {"units": [1, 16], "learning_rate": [0.03]}
    chosen = zoo.compare(make, data=rings, options=options, epochs=10, folds=2, verbose=0)
    assert chosen.best.evaluation.count + chosen.test.count == 150
    assert len(set(chosen.best.evaluation.ids)) == chosen.best.evaluation.count
    assert chosen.verdict.startswith("Chosen by cross-validation: ")
    assert chosen.run.validation is None
    assert chosen.run.record.results.data.train == chosen.best.evaluation.count
