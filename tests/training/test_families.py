"""Every recipe on a base of every family: receipts, checked against the weights themselves; files and copies too."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.backend import eagerly
from helpers.pretrained import FAMILIES, calibrated_weights

import zoo
from zoo.training.receipts import BATCHNORM, WEIGHTS, ends, joined, problems, take
from zoo.training.recipes.choosing import named, resolve

SIZES = {
    **{name: size for name, size in FAMILIES.items() if name not in {"vgg16", "convnext_tiny"}},  # without BatchNorm
    "resnet50_v2": 32,
    "xception": 75,
    "mobilenet_v3_small": 32,
    "efficientnet_v2_b0": 32,
    "mobilenet_025": 32,
    "efficientnet_lite0": 32,
}
"""One backbone of each family with BatchNorm, and its input size; the last two have their real weights."""

REAL = {"mobilenet_025", "efficientnet_lite0"}

State = dict[tuple[str, str], str]


def own_state(model: zoo.TransferModel) -> State:
    """(stage, part) -> digest of the weights, read without the code that writes receipts."""
    import keras

    composition = model.composition
    places = {stage.name: list(stage.layers) for stage in composition.stages} | {"head": [composition.head]}
    found: dict[tuple[str, str], Any] = {}
    for place, layers in places.items():
        inside = [leaf for layer in layers for leaf in layer._flatten_layers(include_self=True, recursive=True)]
        norms = {id(w) for leaf in inside if isinstance(leaf, keras.layers.BatchNormalization) for w in leaf.weights}
        for weight in (weight for layer in layers for weight in layer.weights):
            part = BATCHNORM if id(weight) in norms else WEIGHTS
            found.setdefault((place, part), hashlib.sha256()).update(np.asarray(weight).tobytes())
    return {key: value.hexdigest() for key, value in found.items()}


@pytest.fixture
def model(request: pytest.FixtureRequest, weights_folder: Path) -> zoo.TransferModel:
    """A model of the family."""
    family, weights = request.param, "pretrained"
    if family == "mobilenet_025":
        folder = request.getfixturevalue("shared_data") / "weights" / "imagenet"
        weights = folder / "mobilenet_2_5_224_tf_no_top.h5"
    elif family not in REAL:
        weights = calibrated_weights(family, SIZES[family], weights_folder)
    return zoo.build(family, head=zoo.classifier(["left", "right"]), weights=weights, input_size=SIZES[family])


@pytest.mark.parametrize(
    "model",
    [pytest.param(name, id=name, marks=() if name == "mobilenet_025" else pytest.mark.slow) for name in SIZES],
    indirect=True,
)
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_every_recipe_moves_what_it_says_and_no_batchnorm(
    model: zoo.TransferModel, pictures: tuple[np.ndarray, np.ndarray]
) -> None:
    few = pictures[0][::2], pictures[1][::2]
    options = {"batch_size": 8, "epochs": 1, "learning_rate": 1e-3, "validation": None, "checkpoint_every": None}
    stages = [stage.name for stage in model.composition.stages]
    start = own_state(model)
    assert any(part == BATCHNORM for _, part in start)
    # Tracing a graph for each phase takes minutes, and the flags say the same in it. That the same holds in graphs is
    # checked on fewer runs, in `tests/test_invariants.py`.
    with eagerly():
        for recipe, more, trained in (
            ("head", {}, []),
            ("surgical", {"stages": [stages[1]]}, [stages[1]]),
            (top_of_gradual(stages), {}, stages[-2:]),
            ("full", {}, stages),
        ):
            run = model.fit(few, recipe=recipe, **options, **more)
            check_run(run, start, own_state(model), {*trained, "head"})
            if run.recipe.name == "gradual":
                check_gradual(run, stages)
            if recipe != "full":
                model.reset()
                assert own_state(model) == start

        # From a file: the same bits; and what was trained before trains on as its recipe says.
        tuned = own_state(model)
        loaded = zoo.load(run.directory / "model.keras")
        assert own_state(loaded) == tuned
        assert joined(take(loaded.composition)) == ends(run.receipts)
        check_run(loaded.fit(few, recipe="lp-ft", **options), tuned, own_state(loaded), {stages[-1], "head"})

        model.unfreeze()
        check_copy(model.composition.backbone, model.input_size)


def top_of_gradual(stages: list[str]) -> zoo.Recipe:
    """The recipe up to its second stage: each stage more takes a second or two, and differs in nothing."""
    whole = resolve(named("gradual"), stages)
    return whole.model_copy(update={"phases": whole.phases[:3]})


def check_run(run: zoo.Run, before: State, after: State, trained: set[str]) -> None:
    """The receipts say what was to train, that it did and nothing else; and the weights say so too."""
    what = run.recipe.name
    assert not problems(run.receipts), what
    assert {item.says for item in run.receipts} == {"trained", "frozen"}, what
    says = {(item.stage, item.part) for item in run.receipts if item.says == "trained"}
    assert says == {(place, WEIGHTS) for place in trained}, what
    assert {key for key in before if before[key] != after[key]} == says, what
    assert {(item.stage, item.part) for item in run.receipts} == set(before), what


def check_gradual(run: zoo.Run, stages: list[str]) -> None:
    """One stage more a phase, from the top."""
    tuning = [phase for phase in run.phases if phase.get("stages")]
    assert [phase["stages"] for phase in tuning] == [stages[-1:], stages[-2:]]
    for phase in tuning:
        moved = {item.stage for item in run.receipts if item.phase == phase["name"] and item.moved}
        assert moved == {*phase["stages"], "head"}, phase["name"]


def check_copy(base, size: int) -> None:
    """A copy by Keras of a base whose every stage trains: its BatchNorm is frozen too, also in a training call."""
    import keras

    def norms(model) -> list:
        layers = model._flatten_layers(include_self=False, recursive=True)
        return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]

    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    assert len(norms(copy)) == len(norms(base))
    assert not [layer.name for layer in norms(copy) if layer.trainable]
    assert len(copy.trainable_weights) == len(base.trainable_weights) > 0
    before = [np.asarray(weight).tobytes() for layer in norms(copy) for weight in layer.weights]
    copy(np.random.default_rng(0).normal(size=(4, size, size, 3)).astype(np.float32), training=True)
    assert [np.asarray(weight).tobytes() for layer in norms(copy) for weight in layer.weights] == before
