"""The invariants of a transfer-learning model, over every family they concern."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from helpers import backend
from helpers.pretrained import FAMILIES, calibrated_weights
from helpers.tiny import tiny_model

import zoo
from zoo.errors import FrozenError, OfflineError, OptionError, UntrainedHeadError
from zoo.training.recipes.choosing import named

ALL = [*FAMILIES, "efficientnet_lite0"]


def families(*quick: str) -> list[object]:
    """All families as test parameters, those that are not quick for `make test-slow`."""
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in ALL]


UP_TO = {
    "resnet50": "stage2",
    "mobilenet_v2": "stage2",
    "efficientnet_b0": "stage2",
    "nasnet_mobile": "normal_concat_0",
    "inception_v3": "stage2",
    "densenet121": "stage2",
    "convnext_tiny": "stage2",
}
"""Of the deepest networks the part up to some layer: each has all kinds of their layers in it."""

DEEP = named("lp-ft").model_copy(
    update={
        "phases": (
            named("lp-ft").phases[0],
            named("lp-ft").phases[1].model_copy(update={"unfreeze": 4, "keep": "last"}),
        )
    }
)
"""The recipe with more stages than it trains by itself: the invariants must hold in each of them."""

LABELS = ["left", "right"]


@pytest.fixture(scope="session")
def make(weights_folder: Path):
    """Build a model of a family, with weights that react to their input as pretrained ones do."""

    def build(family: str, **options) -> zoo.TransferModel:
        options.setdefault("head", zoo.classifier(LABELS))
        if family == "tiny":
            return tiny_model(**options)
        if family == "efficientnet_lite0":
            return zoo.build(family, input_size=64, **options)
        size = FAMILIES[family]
        return zoo.build(family, input_size=size, weights=calibrated_weights(family, size, weights_folder), **options)

    return build


def batchnorm_state(model: zoo.TransferModel) -> list[bytes]:
    import keras

    layers = model.composition.backbone._flatten_layers(include_self=False, recursive=True)
    return [
        np.asarray(weight).tobytes()
        for layer in layers
        if isinstance(layer, keras.layers.BatchNormalization)
        for weight in layer.weights
    ]


def stage_state(model: zoo.TransferModel) -> dict[str, bytes]:
    return {
        stage.name: b"".join(np.asarray(w).tobytes() for layer in stage.layers for w in layer.weights)
        for stage in model.composition.stages
    }


# -- 1 and 5: BatchNorm stays, what should train does -----------------------------------------------------------------


@pytest.mark.parametrize(
    "family",
    [
        "tiny",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("efficientnet_lite0", "resnet50", "vgg16")),
    ],
)
def test_fine_tuning_moves_the_last_stages_and_no_batchnorm(family: str, make, pictures) -> None:
    """In a graph; every recipe on every family, files and copies: `training/test_families.py`."""
    model = make(family)
    before_bn, before = batchnorm_state(model), stage_state(model)
    assert before_bn or family in {"vgg16", "convnext_tiny"}
    run = model.fit(pictures, recipe=DEEP, epochs=1, batch_size=6, validation=0.25)
    after = stage_state(model)
    assert batchnorm_state(model) == before_bn
    assert run.history["val_accuracy"][-1] == pytest.approx(run.validation.accuracy)
    trained = run.phases[-1]["stages"]
    assert len(trained) == min(4, len(model.composition.stages))
    for name in before:
        moved = before[name] != after[name]
        assert moved == (name in trained), name


def guide_only(backbone, stages, *, unfreeze, batchnorm):
    """What Keras's transfer learning guide does: unfreeze the base, trust `base(x, training=False)`."""
    backbone.trainable = True
    return [stage.name for stage in stages[-unfreeze:]]


@pytest.mark.parametrize("family", ["tiny", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_without_the_freezing_line_the_guard_raises(
    family: str, make, pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(family)
    monkeypatch.setattr("zoo.training.phases.examples.freeze", guide_only)
    with pytest.raises(FrozenError, match="moved"):
        model.fit(pictures, recipe=DEEP, epochs=1, batch_size=6, validation=0.25)


def test_the_flag_alone_is_what_holds_batchnorm(make, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only BatchNorm left trainable: the guard names a BatchNorm layer, not just any."""
    import keras

    from zoo.training.freeze import freeze

    def all_but_batchnorm(backbone, stages, *, unfreeze, batchnorm):
        names = freeze(backbone, stages, unfreeze=unfreeze, batchnorm=batchnorm)
        for layer in backbone._flatten_layers(include_self=False, recursive=True):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = True
        return names

    model = make("tiny")
    monkeypatch.setattr("zoo.training.phases.examples.freeze", all_but_batchnorm)
    with pytest.raises(FrozenError, match="first 'norm"):
        model.fit(pictures, recipe=DEEP, epochs=1, batch_size=6, validation=0.25)


def test_two_fits_with_other_stages_recompile(make, pictures) -> None:
    from zoo.specs import PhaseSpec, RecipeSpec

    model = make("tiny")
    model.fit(pictures, recipe="lp-ft", epochs=1, batch_size=6, learning_rate=1e-3, validation=0.25)
    before = stage_state(model)
    whole = RecipeSpec(
        name="deep",
        phases=(PhaseSpec(name="deep", solver="gradient", unfreeze=2, epochs=1, batch_size=6, keep="last"),),
    )
    run = model.fit(pictures, recipe=whole, validation=0.25)
    assert any("continues" in notice for notice in run.notices)
    after = stage_state(model)
    assert {name for name in before if before[name] != after[name]} == set(run.phases[-1]["stages"])
    assert len(run.phases[-1]["stages"]) == 2


# -- 2: frozen means deterministic ------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", families("efficientnet_lite0"))
def test_features_in_training_mode_equal_the_cached_ones(family: str, make, pictures) -> None:
    from zoo.data import Arrays
    from zoo.features import extract
    from zoo.training.freeze import freeze, quiet_dropout

    model = make(family, features=None if family == "efficientnet_b0" else UP_TO.get(family))
    composition = model.composition
    x = model_pixels(model, pictures[0][:4])
    kept = extract(
        composition.features,
        Arrays(x),
        np.arange(4),
        intake=composition.intake,
        cache=True,
    )
    assert kept.entry
    cached = kept.values
    freeze(composition.backbone, composition.stages, unfreeze=0, batchnorm="frozen")
    rates = dropout_rates(composition.backbone)
    with quiet_dropout(composition.stages, []):
        assert not any(dropout_rates(composition.backbone))
        # Compiled, as in fit: called eagerly, ResNet50 rounds otherwise (2e-5 of the largest feature).
        trained = backend.in_training(composition.features, x)
    assert dropout_rates(composition.backbone) == rates
    # Features are computed in batches of 32: on JAX sums then have another order, seen to differ by 1.5e-5.
    np.testing.assert_allclose(trained, cached, rtol=5e-5, atol=5e-5 * np.abs(cached).max())
    if family == "efficientnet_b0":
        assert any(rates)
        loud = np.asarray(composition.features(x, training=True))
        assert relative(loud, cached) > 1e-3  # without it, the test would fail


def dropout_rates(backbone) -> list[float]:
    import keras

    layers = backbone._flatten_layers(include_self=False, recursive=True)
    return [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]


def model_pixels(model: zoo.TransferModel, images: np.ndarray) -> np.ndarray:
    return np.stack([model.composition.intake.shape(image) for image in images]).astype(np.float32)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# -- 3: what is served equals what was measured -----------------------------------------------------------------------


@pytest.mark.parametrize("family", families())
def test_predict_equals_call_equals_every_export(family: str, make, pictures, tmp_path: Path) -> None:
    model = make(family, augment=["flip", "noise"], features=UP_TO.get(family))
    model.fit(pictures, recipe="head", epochs=1, batch_size=6, validation=0.25)
    x = model_pixels(model, pictures[0][:3])
    # Answers between 0 and 1, whatever the scale of the features: a saturated softmax would hide every difference.
    features = np.asarray(model.composition.features(x))
    kernel = np.random.default_rng(0).normal(size=(features.shape[1], 2)) / (features.std() * features.shape[1] ** 0.5)
    center = -features.mean(axis=0) @ kernel
    model.composition.linear_layer().set_weights([kernel, center])
    predicted = model.predict_scores(x)
    swapped = model.predict_scores(x[..., ::-1])
    assert relative(swapped, predicted) > 1e-3  # the answers do depend on the pixels
    # Eager and compiled calls order their sums differently; random networks amplify that.
    np.testing.assert_allclose(np.asarray(model.keras_model(x)), predicted, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(np.asarray(model.keras_model(x, training=False)), predicted, rtol=1e-4, atol=2e-5)
    assert not {type(layer).__name__ for layer in model.keras_model.layers} & {"RandomFlip", "GaussianNoise"}
    if backend.name() != "tensorflow":
        pytest.skip("needs TensorFlow: exports are read with it; predict and call do agree")
    raw = x.astype(np.uint8)
    assert np.abs(swapped - predicted).max() > 100 * 1e-4  # a wrong order of colors would be seen
    for name in ("saved", "m.onnx", "m.tflite"):
        model.export(tmp_path / name, examples=raw)
        answers = zoo.load(tmp_path / name, trust=True).predict_scores(raw)
        assert np.abs(answers - predicted).max() <= 1e-4, name
        np.testing.assert_array_equal(answers.argmax(axis=1), predicted.argmax(axis=1))


# -- 6: a saved model needs no zoo ------------------------------------------------------------------------------------

WITHOUT_ZOO = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"zoo", "zoo_vision", "zoo_flowers", "zoo_classics", "zoo_tables", "zoo_video"}:
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Blocker())
try:
    import zoo
    raise SystemExit("zoo could be imported")
except ImportError:
    pass
import keras, numpy as np
for path in sys.argv[1:]:
    model = keras.saving.load_model(path + ".keras")
    np.save(path + "-plain.npy", model.predict(np.load(path + "-x.npy"), verbose=0))
"""


@pytest.mark.parametrize(
    "group",
    [
        ("efficientnet_lite0",),
        pytest.param(
            (
                "vgg16",
                "resnet50",
                "mobilenet_v2",
                "efficientnet_b0",
                "densenet121",
                "convnext_tiny",
                "inception_v3",
                "nasnet_mobile",
            ),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["one family", "the other eight"],
)
def test_plain_keras_loads_and_predicts_the_same(group: tuple[str, ...], make, pictures, tmp_path: Path) -> None:
    expected = {}
    for family in group:
        model = make(family, features=UP_TO.get(family))
        model.fit(pictures, recipe="probe", validation=0.25)
        x = model_pixels(model, pictures[0][:3])
        expected[family] = model.predict_scores(x)
        model.save(tmp_path / f"{family}.keras")
        np.save(tmp_path / f"{family}-x.npy", x)
        loaded = zoo.load(tmp_path / f"{family}.keras")
        assert loaded.labels == tuple(LABELS)
        assert loaded.predict(pictures[0][0])[0].label in LABELS
        np.testing.assert_allclose(loaded.predict_scores(x), expected[family], rtol=1e-5, atol=1e-7)
    paths = [str(tmp_path / family) for family in group]
    subprocess.run([sys.executable, "-c", textwrap.dedent(WITHOUT_ZOO), *paths], check=True, capture_output=True)
    for family in group:
        np.testing.assert_allclose(np.load(tmp_path / f"{family}-plain.npy"), expected[family], rtol=1e-5, atol=1e-7)


# -- 7: offline, and never random weights in place of pretrained ones -------------------------------------------------


def test_a_missing_file_offline_is_one_clear_error() -> None:
    with pytest.raises(OfflineError) as caught:
        zoo.build("resnet50", head=zoo.classifier(LABELS))
    text = str(caught.value)
    for part in (
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "https://",
        "4d473c1dd8becc155b73f8504c6f6626",
        "ZOO_OFFLINE",
    ):
        assert part in text


def test_random_weights_only_by_name_and_never_with_a_frozen_recipe(pictures) -> None:
    model = zoo.build("mobilenet_025", head=zoo.classifier(LABELS), weights=None, input_size=64)
    with pytest.raises(UntrainedHeadError):
        model.predict(pictures[0])
    for recipe in ("probe", "head", "lp-ft"):
        with pytest.raises(OptionError, match="random weights"):
            model.fit(pictures, recipe=recipe)
    before = batchnorm_state(model)
    run = model.fit(pictures, recipe="scratch", epochs=1, batch_size=6, validation=0.25)
    assert batchnorm_state(model) != before  # a base of one's own does learn its BatchNorm
    assert run.history["loss"]
    with pytest.raises(OptionError, match="destroy the pretrained"):
        zoo.build("efficientnet_lite0", head=zoo.classifier(LABELS)).fit(pictures, recipe="scratch")


# -- 11: nothing that was trained on is measured on -------------------------------------------------------------------


def test_evaluating_on_training_files_says_so(few_flowers: Path, tmp_path: Path) -> None:
    model = zoo.build("efficientnet_lite0", head=zoo.classifier(few_flowers), input_size=64)
    run = model.fit(few_flowers, validation=0.25, seed=3)
    with pytest.warns(UserWarning, match="45 of these 60 files were trained on"):
        evaluation = model.evaluate(few_flowers)
    assert any("trained on" in note for note in evaluation.notes)
    assert run.validation.count == 15
    assert not any("trained on" in note for note in run.validation.notes)
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    with pytest.warns(UserWarning, match="45 of these 60 files were trained on"):
        loaded.evaluate(few_flowers)


def test_run_folder_holds_what_is_needed_to_do_it_again(few_flowers: Path, tmp_path: Path) -> None:
    model = zoo.build("efficientnet_lite0", head="flowers5", input_size=64)
    run = model.fit(few_flowers, validation=0.25, seed=3, directory=tmp_path / "run")
    written = json.loads((tmp_path / "run" / "run.json").read_text())
    plan, results = written["plan"], written["results"]
    assert plan["seed"] == 3
    assert plan["data"]["fingerprint"] == results["data"]["fingerprint"]
    assert plan["model"]["weights_sha256"].startswith("57934424")
    assert results["versions"]["keras"]
    assert results["validation"]["accuracy"] == pytest.approx(run.validation.accuracy)
    assert [phase["name"] for phase in written["phases"]] == ["features", "probe"]
    again = zoo.build("efficientnet_lite0", head="flowers5", input_size=64).fit(few_flowers, validation=0.25, seed=3)
    np.testing.assert_array_equal(again.validation.scores, run.validation.scores)
    assert zoo.load(tmp_path / "run" / "model.keras").labels == model.labels
