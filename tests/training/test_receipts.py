"""Receipts: what a run proves about itself, and what it does when somebody moves what is frozen."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.errors import FrozenError
from zoo.registry import ZooNotice
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.receipts import BATCHNORM, Receipt, problems

TUNE = PhaseSpec(name="tune", unfreeze=1, epochs=1, batch_size=8, learning_rate=1e-3)


@pytest.fixture
def model():
    return tiny_model()


def batchnorms(model) -> dict[str, bytes]:
    import keras

    found = [layer for layer in model.composition.backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return {layer.name: b"".join(np.asarray(weight).tobytes() for weight in layer.weights) for layer in found}


def test_a_run_proves_what_trained_and_what_did_not(model, pictures) -> None:
    before = batchnorms(model)
    start = [np.asarray(weight) for weight in model.composition.backbone.weights]
    run = model.fit(pictures, recipe=RecipeSpec([PhaseSpec(name="probe", solver="convex"), TUNE]), validation=0.25)
    assert batchnorms(model) == before
    top = model.composition.stages[-1].name
    says = {(item.phase, item.stage, item.part): item.says for item in run.receipts}
    trained = {place for place, word in says.items() if word == "trained"}
    assert trained == {("probe", "head", "weights"), ("tune", "head", "weights"), ("tune", top, "weights")}
    assert {word for place, word in says.items() if place not in trained} == {"frozen"}
    assert not problems(run.receipts)
    moved = [not np.array_equal(*pair) for pair in zip(start, model.composition.backbone.weights, strict=True)]
    assert any(moved)
    written = json.loads((run.directory / "run.json").read_text())
    assert [row for phase in written["phases"] for row in phase.get("receipts", ())] == [
        {name: getattr(item, name) for name in ("stage", "part", "trains", "before", "after")} for item in run.receipts
    ]
    # From a file: the same bits; and a file whose BatchNorm is another says so.
    again = zoo.load(run.directory / "model.keras")
    assert batchnorms(again) == before


def test_batchnorm_adapts_only_by_wish_and_says_so(model, pictures, tmp_path) -> None:
    before = batchnorms(model)
    run = model.fit(pictures, recipe=RecipeSpec([TUNE]), batchnorm="adapt", validation=None)
    top = model.composition.stages[-1]
    moved = {name for name, value in batchnorms(model).items() if before[name] != value}
    assert moved
    assert moved <= {layer.name for layer in top.layers}
    assert any(
        notice.startswith(f"BATCHNORM MOVED: gamma, beta and moving statistics of {top.name} ")
        for notice in run.notices
    )
    words = f"BATCHNORM MOVED: gamma, beta and moving statistics of {top.name} "
    later = model.fit(pictures, recipe="probe", validation=None)  # what a fit moved by wish is no violation
    assert any(notice.startswith(words) for notice in later.notices)
    file = model.save(tmp_path / "adapted.keras")
    with pytest.warns(ZooNotice, match=rf"adapted\.keras: {words}"):
        again = zoo.load(file)
    assert f"BATCHNORM MOVED in {top.name}" in repr(again)
    model.reset()
    assert batchnorms(model) == before
    assert "BATCHNORM" not in repr(model)
    plain = model.fit(pictures, recipe=RecipeSpec([TUNE]), validation=None)
    assert not any("BATCHNORM" in notice for notice in plain.notices)


def test_who_moves_batchnorm_within_a_fit_is_found_out(model, pictures) -> None:
    import keras

    before = batchnorms(model)
    victim = next(layer for layer in model.composition.backbone.layers if layer.name in before)

    class Meddler(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None) -> None:
            victim.moving_mean.assign(victim.moving_mean + 1e-6)

    with pytest.raises(
        FrozenError, match=rf"phase 'tune' moved 1 frozen layers, first '{victim.name}' \(BatchNorm of "
    ):
        model.fit(pictures, recipe=RecipeSpec([TUNE]), callbacks=[Meddler()], validation=None)
    assert batchnorms(model) == before


def test_who_moves_it_between_fits_is_found_out(model, pictures, tmp_path) -> None:
    victim = next(layer for layer in model.composition.backbone.layers if "BatchNorm" in type(layer).__name__)
    victim.gamma.assign(victim.gamma * 1.0001)
    for passes_it_on in (
        lambda: model.fit(pictures, recipe="probe"),
        lambda: model.save(tmp_path / "model.keras"),
        lambda: (model.unfreeze(), model.fit(pictures)),
        lambda: (model.reset(), model.save(tmp_path / "model.keras")),
    ):
        with pytest.raises(FrozenError, match=rf"changed outside of zoo: 1 layers, first '{victim.name}'"):
            passes_it_on()


def test_a_file_whose_batchnorm_is_not_what_was_saved(model, pictures, tmp_path, monkeypatch) -> None:
    from zoo.training import receipts

    model.fit(pictures, recipe="probe", validation=None)
    true = receipts.batchnorm(model.composition)
    name = list(true)[1]
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "batchnorm", lambda composition: true | {name: "0" * 64})
        model.state.save(tmp_path / "other.keras")
    with pytest.raises(FrozenError, match=f"BatchNorm '{name.partition(':')[2]}'"):
        zoo.load(tmp_path / "other.keras")


def test_what_is_wrong_with_receipts() -> None:
    one = Receipt("probe", "stem", BATCHNORM, trains=False, before="a", after="a")
    assert problems([one, replace(one, phase="tune")]) == []
    assert problems([replace(one, after="b")]) == ["probe: batchnorm of stem moved though frozen"]
    assert problems([one, replace(one, phase="tune", before="b", after="b")]) == [
        "batchnorm of stem changed between probe and tune"
    ]
