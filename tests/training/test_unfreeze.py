"""model.freeze, model.unfreeze and model.trainable_report: what they set, what they say, and what the next fit does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.errors import FrozenError, OptionError
from zoo.registry import ZooNotice
from zoo.specs import PhaseSpec, Preprocessing, RecipeSpec
from zoo.training.receipts import problems


@pytest.fixture
def model():
    return tiny_model()


def test_what_is_unfrozen_trains_and_the_report_says_so(model, pictures) -> None:
    names = [stage.name for stage in model.composition.stages]
    model.freeze(until=names[-3])
    before = {row["stage"]: row for row in model.trainable_report()}
    assert [name for name in names if before[name]["trainable"]] == names[-2:]
    assert {row["batchnorm"] for row in before.values()} == {"frozen", "none"}
    backbone = model.composition.backbone
    assert sum(row["parameters"] for name, row in before.items() if name != "head") == backbone.count_params()
    trainable = sum(math.prod(weight.shape) for weight in backbone.trainable_weights)
    assert sum(row["trainable"] for name, row in before.items() if name != "head") == trainable > 0
    run = model.fit(pictures, epochs=1, batch_size=8, validation=None)
    trained = {item.stage for item in run.receipts if item.says == "trained"}
    assert trained == {*names[-2:], "head"}
    assert not [text for text in run.notices if "by hand" in text]
    assert list(model.trainable_report()) == list(before.values())  # and stays so after the fit
    with pytest.raises(
        OptionError, match=f"{names[-2]}, {names[-1]} were unfrozen, and recipe 'probe' trains no stage"
    ):
        model.fit(pictures, recipe="probe")
    model.freeze()
    assert {row["trainable"] for row in model.trainable_report() if row["stage"] != "head"} == {0}
    model.unfreeze(names[1])
    assert [row["stage"] for row in model.trainable_report() if row["trainable"]] == [names[1], "head"]
    model.unfreeze()
    assert all(row["trainable"] for row in model.trainable_report() if row["parameters"])
    with pytest.raises(OptionError, match="no stage or layer 'stage9'"):
        model.unfreeze("stage9")


def test_the_report_of_a_recipe_has_the_rate_of_every_stage(model) -> None:
    top, below = model.composition.stages[-1].name, model.composition.stages[-2].name
    phase = PhaseSpec(name="tune", unfreeze=2, epochs=1, learning_rate=0.01, stage_rates={top: 10.0}, batchnorm="adapt")
    rows = {row["stage"]: row for row in model.trainable_report(RecipeSpec([phase]))}
    assert rows[top]["learning_rate"] == pytest.approx(0.1)
    assert rows[below]["learning_rate"] == rows["head"]["learning_rate"] == 0.01
    assert rows[top]["batchnorm"] == rows[below]["batchnorm"] == "trains"
    assert rows["stem"] | {"layers": 0, "parameters": 0} == {
        "stage": "stem",
        "layers": 0,
        "parameters": 0,
        "trainable": 0,
        "learning_rate": None,
        "batchnorm": "frozen",
    }
    assert model.trainable_report(RecipeSpec([phase])).render()
    with pytest.raises(OptionError, match="solves the head exactly"):
        model.trainable_report("probe")


def own_base():
    """A base of two stages, with two convolutions and a BatchNorm each."""
    import keras

    x = image = keras.Input((32, 32, 3))
    for stage in (1, 2):
        x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name=f"block{stage}_conv1")(x)
        x = keras.layers.Conv2D(6, 3, padding="same", name=f"block{stage}_conv2")(x)
        x = keras.layers.BatchNormalization(name=f"block{stage}_norm")(x)
    return keras.Model(image, x, name="two_blocks")


@pytest.fixture
def deep():
    preprocessing = Preprocessing(scale=1 / 255)
    return zoo.build(own_base(), zoo.classifier(["left", "right"]), preprocessing=preprocessing)


def convolutions(model, stage: str) -> list[str]:
    """The names of the layers of a stage that have a kernel, from the pixels upward."""
    (own,) = [item for item in model.composition.stages if item.name == stage]
    return [layer.name for layer in own.layers if hasattr(layer, "kernel")]


def moved_layers(model, before: list) -> set[str]:
    """The names of the base's layers whose weights are not what they were, read without the code of receipts."""
    layers = [layer for layer in model.composition.backbone.layers if layer.weights]
    return {
        layer.name
        for layer, old in zip(layers, before, strict=True)
        if any(not np.array_equal(*pair) for pair in zip(old, layer.get_weights(), strict=True))
    }


def weights_of(model) -> list:
    return [layer.get_weights() for layer in model.composition.backbone.layers if layer.weights]


def test_a_single_layer_trains_and_the_receipts_prove_it(deep, pictures) -> None:
    top, before = deep.composition.stages[-1].name, weights_of(deep)
    name = convolutions(deep, top)[0]
    run = deep.fit(pictures, recipe=RecipeSpec([PhaseSpec(name="tune", unfreeze=[name], epochs=1)]), validation=None)
    assert moved_layers(deep, before) == {name}
    says = {(item.stage, item.part): item.says for item in run.receipts}
    assert says[f"{top}/{name}", "weights"] == "trained"
    assert says[f"{top}/other layers", "weights"] == "frozen"
    assert {word for place, word in says.items() if word != "frozen"} == {"trained"}
    assert not problems(run.receipts)
    layer = deep.composition.backbone.get_layer(name)
    weights = (*layer.weights, *deep.composition.head.weights)
    assert run.record.results.parameters.trained == sum(math.prod(weight.shape) for weight in weights)
    assert run.record.phases[-1].stages == (f"{top}/{name}",)


def test_the_last_layer_alone_and_everything_above_a_layer(deep, pictures) -> None:
    top = deep.composition.stages[-1].name
    first, last = convolutions(deep, top)[0], convolutions(deep, top)[-1]
    before = weights_of(deep)
    deep.fit(pictures, recipe=RecipeSpec([PhaseSpec(name="tune", unfreeze="last", epochs=1)]), validation=None)
    assert moved_layers(deep, before) == {last}
    deep.freeze(until=first)
    assert {weight.path.split("/")[-2] for weight in deep.composition.backbone.trainable_weights} == set(
        convolutions(deep, top)[1:]
    )


def test_a_layer_that_cannot_train_alone_is_refused_by_name(deep) -> None:
    norm = next(layer.name for layer in deep.composition.backbone.layers if "BatchNorm" in type(layer).__name__)
    with pytest.raises(OptionError, match=f"'{norm}' is BatchNorm, which stays frozen"):
        deep.unfreeze(norm)
    near = convolutions(deep, deep.composition.stages[-1].name)[-1]
    with pytest.raises(OptionError, match=f"no stage or layer '{near}x'. Did you mean '{near}'"):
        deep.unfreeze(near + "x")


def test_trainable_set_by_hand_is_obeyed(deep, pictures) -> None:
    top, before = deep.composition.stages[-1].name, weights_of(deep)
    name = convolutions(deep, top)[0]
    deep.keras_model.get_layer("backbone").get_layer(name).trainable = True
    with pytest.raises(OptionError, match=f"{top}/{name} were unfrozen, and recipe 'probe' trains no stage"):
        deep.fit(pictures, recipe="probe")
    run = deep.fit(pictures, epochs=1, validation=None)
    assert moved_layers(deep, before) == {name}
    assert any(f"by hand on '{name}', and is obeyed: of the base '{top}/{name}' trains" in text for text in run.notices)
    assert not problems(run.receipts)
    deep.keras_model.get_layer("backbone").trainable = False
    before = weights_of(deep)
    deep.fit(pictures, recipe="head", epochs=1, validation=None)
    assert not moved_layers(deep, before)
    deep.keras_model.get_layer("backbone").get_layer(name).trainable = True
    with pytest.raises(OptionError, match="stages= says something else"):
        deep.fit(pictures, stages=["stem"], epochs=1)


def test_batchnorm_that_was_opened_by_hand_stays_frozen_and_is_told(deep, pictures) -> None:
    before = weights_of(deep)
    deep.keras_model.get_layer("backbone").trainable = True
    run = deep.fit(pictures, epochs=1, validation=None)
    moved = moved_layers(deep, before)
    assert moved == {name for stage in deep.composition.stages for name in convolutions(deep, stage.name)}
    assert any("BatchNorm of the base, which stays frozen" in text for text in run.notices)


def test_what_was_frozen_by_hand_in_a_base_of_ones_own_stays_so(pictures) -> None:
    base = own_base()
    kernels = [layer for layer in base.layers if hasattr(layer, "kernel")]
    for layer in kernels[:-1]:
        layer.trainable = False
    with pytest.warns(ZooNotice, match="frozen by hand .trainable=False., so the others train in the next fit"):
        model = zoo.build(base, zoo.classifier(["left", "right"]), preprocessing=None)
    before = weights_of(model)
    model.fit(pictures, epochs=1, validation=None)
    assert moved_layers(model, before) == {kernels[-1].name}
    with pytest.raises(OptionError, match="of a base with random weights, which learns as a whole"):
        zoo.build(base, zoo.classifier(["left", "right"]), preprocessing=None, weights=None)


def test_flags_of_a_random_base_are_refused(pictures) -> None:
    model = zoo.build(own_base(), zoo.classifier(["left", "right"]), preprocessing=None, weights=None)
    model.composition.stages[0].layers[-1].trainable = model.composition.backbone.layers[1].trainable = False
    with pytest.raises(OptionError, match="set it back to True"):
        model.fit(pictures, epochs=1)


def test_a_layer_of_a_nested_model(pictures) -> None:
    import keras

    inner = keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            keras.layers.Conv2D(4, 3, padding="same", name="deep1"),
            keras.layers.Conv2D(4, 3, padding="same", name="deep2"),
        ],
        name="inner",
    )
    start = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 4, strides=4, name="first")(start)
    base = keras.Model(start, keras.layers.Conv2D(8, 1, name="outer")(inner(x)), name="nested")
    model = zoo.build(base, zoo.classifier(["left", "right"]), preprocessing=None)
    nested = model.composition.backbone.get_layer("inner")
    before = [layer.get_weights() for layer in nested.layers]
    for chosen in ("inner/deep1", "deep1"):
        model.freeze()
        model.unfreeze(chosen)
        assert [bool(layer.trainable_weights) for layer in nested.layers if layer.weights] == [True, False]
    run = model.fit(pictures, epochs=1, validation=None)
    assert not np.array_equal(before[-2][0], nested.layers[-2].get_weights()[0])
    assert np.array_equal(before[-1][0], nested.layers[-1].get_weights()[0])
    assert any(item.stage.endswith("/inner/deep1") and item.says == "trained" for item in run.receipts)
    assert not problems(run.receipts)
    model.freeze()
    nested.layers[-1].trainable = True  # as the lecture has it: inner_model.layers[i].trainable
    assert any("inner/deep2' trains" in text for text in model.fit(pictures, epochs=1, validation=None).notices)


def test_a_frozen_layer_beside_one_that_trains_is_watched(deep, pictures) -> None:
    import keras

    name, other = convolutions(deep, deep.composition.stages[-1].name)[:2]

    class Meddler(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None) -> None:
            kernel = deep.composition.backbone.get_layer(other).kernel
            kernel.assign(kernel + 1e-3)

    with pytest.raises(FrozenError, match=f"moved 1 frozen layers, first '{other}'"):
        deep.fit(pictures, stages=[name], epochs=1, callbacks=[Meddler()], validation=None)


@pytest.mark.slow
def test_a_run_of_a_single_layer_goes_on_after_an_end(deep, pictures, tmp_path) -> None:
    import keras

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    top, before = deep.composition.stages[-1].name, weights_of(deep)
    name = convolutions(deep, top)[0]
    recipe = RecipeSpec([PhaseSpec(name="tune", unfreeze=[name], epochs=4, batch_size=4, keep="last")])
    with pytest.raises(KeyboardInterrupt), pytest.warns(ZooNotice, match="interrupted"):
        deep.fit(pictures, recipe=recipe, directory=tmp_path / "run", callbacks=Stop(), validation=None)
    run = zoo.resume(tmp_path / "run", data=pictures)
    assert len(run.history["loss"]) == 4
    assert moved_layers(run.model, before) == {name}
    assert not problems(run.receipts)
