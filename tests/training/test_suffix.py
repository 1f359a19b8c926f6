"""Fine-tuning from a cached prefix gives what training through the whole network gives, and is used where it pays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.pretrained import FAMILIES, calibrated_weights
from helpers.tiny import tiny_model

import zoo
from zoo.augment import resolve
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.freeze import freeze
from zoo.training.outcome import Outcome
from zoo.training.phases.examples import _prefix
from zoo.training.phases.work import Work
from zoo.training.settings import Settings
from zoo.training.suffix import bytes_needed, cut, pays

FEW = [
    pytest.param(name, marks=() if name == "efficientnet_lite0" else pytest.mark.slow)
    for name in ("efficientnet_lite0", "vgg16", "resnet50", "mobilenet_v2", "efficientnet_b0")
]


@pytest.fixture(scope="module")
def folder(weights_folder: Path) -> Path:
    return weights_folder


def build(family: str, folder: Path, **options) -> zoo.TransferModel:
    head = zoo.classifier(["left", "right"], dropout=0.2)
    if family == "efficientnet_lite0":
        return zoo.build(family, head=head, input_size=64, **options)
    size = FAMILIES[family]
    return zoo.build(family, head=head, input_size=size, weights=calibrated_weights(family, size, folder), **options)


def small() -> zoo.TransferModel:
    return tiny_model(zoo.classifier(["left", "right"], dropout=0.2))


def recipe(unfreeze: int, epochs: int = 2) -> RecipeSpec:
    tune = PhaseSpec(
        name="tune", solver="gradient", unfreeze=unfreeze, epochs=epochs, batch_size=5, learning_rate=1e-4, warmup=0.0
    )
    return RecipeSpec(name="tune", phases=(tune,))


@pytest.mark.parametrize("family", FEW)
def test_the_same_weights_as_through_the_whole_network(family: str, folder: Path, pictures) -> None:
    found = {}
    for prefix in (False, True):
        model = build(family, folder)
        run = model.fit(pictures, recipe=recipe(1), validation=0.25, cached_prefix=prefix)
        assert (run.phases[-1]["cached_prefix"] is not None) == prefix
        assert "frozen" in {item.says for item in run.receipts}
        found[prefix] = (model.keras_model.get_weights(), run, model.predict_scores(pictures[0][:3]))
    (whole, whole_run, said), (suffix, suffix_run, same) = found[False], found[True]
    fresh = build(family, folder).keras_model.get_weights()
    moved = [np.linalg.norm(w - f) for w, f in zip(whole, fresh, strict=True)]
    assert sum(step > 0 for step in moved) > 2
    for one, two, step in zip(whole, suffix, moved, strict=True):
        assert np.linalg.norm(two - one) <= 1e-4 * np.linalg.norm(one)
        # The steps agree too, not only the weights, most of which a step hardly changes.
        assert np.linalg.norm(two - one) <= 0.05 * step + 1e-6 * np.linalg.norm(one)
    np.testing.assert_allclose(same, said, rtol=1e-3, atol=1e-4)
    for name, values in whole_run.history.items():
        np.testing.assert_allclose(suffix_run.history[name], values, rtol=1e-2, atol=1e-3)


def test_a_second_fit_reads_the_prefix_from_the_cache_and_saves_as_ever(pictures, tmp_path: Path) -> None:
    model = small()
    first = model.fit(pictures, recipe=recipe(2), validation=0.25, cached_prefix=True)
    model.reset()
    second = model.fit(pictures, recipe=recipe(2), validation=0.25, cached_prefix=True, seed=3)
    assert first.phases[-1]["cached_prefix"] == second.phases[-1]["cached_prefix"] == "stem"
    assert (first.phases[-1]["cached_prefix_computed"], second.phases[-1]["cached_prefix_computed"]) == (16, 0)
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    np.testing.assert_allclose(loaded.predict_scores(pictures[0]), model.predict_scores(pictures[0]), rtol=1e-5)
    third = loaded.fit(pictures, recipe=recipe(1), validation=0.25, cached_prefix=True)
    assert third.phases[-1]["cached_prefix"] == "stage1"


def test_it_is_used_where_it_pays_and_the_run_says_why_not(folder: Path, pictures) -> None:
    model = build("efficientnet_lite0", folder)
    said = model.fit(pictures, validation=0.25, recipe=recipe(1)).phases[-1]
    assert said["cached_prefix"] == "stage3"
    assert "% of the work and stay as they are" in said["cached_prefix_reason"]
    said = small().fit(pictures, validation=0.25, recipe=recipe(1, epochs=1), cache=False).phases[-1]
    assert (said["cached_prefix"], said["cached_prefix_reason"]) == (None, "switched off")

    def reason(ops: str | None = None, stages: int = 1, **options) -> str:
        composition, settings = model.composition, Settings(ops=resolve(ops), **options)
        training = freeze(composition.backbone, composition.stages, unfreeze=stages, batchnorm="frozen")
        epochs = 1 if stages == 2 else 5
        outcome = Outcome(train=np.arange(12), validation=np.arange(12, 16))
        phase = recipe(stages, epochs=epochs).phases[0]
        found, why = _prefix(Work(composition, None, outcome, phase, settings), training)
        assert (found is None) == bool(why)
        return why

    assert reason() == ""
    assert reason(stages=2) == "one epoch runs through the whole network once anyway"
    assert "of the work only" in reason(stages=4)
    assert reason(stages=4, prefix=True) == ""
    assert reason(stages=5) == "no single tensor separates frozen stages from those that train"
    assert reason("flip") == "augmentation changes the examples in every epoch"


def test_disk_and_graph_decide_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("efficientnet_lite0", folder)
    composition = model.composition
    training = freeze(composition.backbone, composition.stages, unfreeze=1, batchnorm="frozen")
    found = cut(composition, training)
    assert found is not None
    assert (found.stage, found.prefix.output_shape[1:]) == ("stage3", (4, 4, 112))
    assert bytes_needed(found, 1000) == 1000 * 4 * 4 * 112 * 4
    assert 0.5 < found.share < 0.95
    assert pays(found, images=1000, epochs=5) == ""
    monkeypatch.setenv("ZOO_CACHE_LIMIT", "1MB")
    assert "would take" in pays(found, images=1000, epochs=5)
    assert cut(composition, []) is None
    assert cut(composition, [stage.name for stage in composition.stages]) is None
    nasnet = zoo.build("nasnet_mobile", head=zoo.classifier(["left", "right"]), input_size=64, weights=None)
    training = freeze(nasnet.composition.backbone, nasnet.composition.stages, unfreeze=1, batchnorm="frozen")
    assert cut(nasnet.composition, training) is None
