"""Fine-tuning keeps the best epoch, and what was there before it where no epoch is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import resumable
from helpers.resumable import Cut, cut_at

import zoo
from zoo.registry import ZooNotice
from zoo.specs import PhaseSpec, Preprocessing, RecipeSpec
from zoo.testing.tiny import tiny_backbone, tiny_dataset
from zoo.training.recipes.choosing import named, with_kept_epochs

PROBE = PhaseSpec(name="probe", solver="convex")
LABELS = ["red", "green", "blue"]


def tuning(learning_rate: float, **fields: Any) -> RecipeSpec:
    fine = PhaseSpec(name="fine-tune", unfreeze=2, epochs=4, batch_size=8, learning_rate=learning_rate, **fields)
    return RecipeSpec(name="two", phases=(PROBE, fine))


def model() -> Any:
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    return zoo.build(tiny_backbone(), zoo.classifier(LABELS), preprocessing=numbers)


def fit(trained: Any, directory: Path, recipe: RecipeSpec, **options: Any) -> Any:
    return trained.fit(tiny_dataset(count=48), validation=0.25, recipe=recipe, seed=1, directory=directory, **options)


def log_loss(run: Any) -> float:
    return float(run.validation.to_dict()["log_loss"])


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fit(model(), tmp_path_factory.mktemp("probe") / "run", RecipeSpec(phases=(PROBE,)))


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run whose every epoch of fine-tuning is worse than the probe."""
    return fit(model(), tmp_path_factory.mktemp("harmed") / "run", tuning(2.0), checkpoint_every=0.0)


def test_fine_tuning_that_does_harm_leaves_the_probe(harmed: Any, probed: Any) -> None:
    assert min(harmed.history["val_loss"][1:]) > harmed.history["val_loss"][0]
    assert log_loss(harmed) == pytest.approx(log_loss(probed), rel=1e-6)
    kept = harmed.phases[-1]["best"]
    assert (kept["monitor"], kept["kept_epoch"]) == ("val_loss", 0)
    assert kept["value_kept"] == kept["value_before"] == pytest.approx(harmed.history["val_loss"][0], rel=1e-4)
    assert not any(item.moved for item in harmed.receipts if item.phase == "fine-tune")
    (notice,) = [text for text in harmed.notices if "did not help" in text]
    assert "The model from before it is kept" in notice
    assert not any("not a bit" in text for text in harmed.notices)
    assert log_loss(zoo.load_run(harmed.directory)) == log_loss(harmed)


def test_fine_tuning_that_helps_keeps_its_best_epoch(tmp_path: Path, probed: Any) -> None:
    run = fit(model(), tmp_path / "run", tuning(1e-3))
    values = run.history["val_loss"][1:]
    best = int(np.argmin(values))
    assert values[best] < run.history["val_loss"][0]
    assert run.phases[-1]["best"]["kept_epoch"] == best + 1
    assert log_loss(run) == pytest.approx(values[best], rel=1e-3)
    assert log_loss(run) < log_loss(probed)
    assert any(item.moved and item.stage != "head" for item in run.receipts if item.phase == "fine-tune")


def test_a_run_cut_while_it_does_harm_ends_with_the_probe_too(harmed: Any, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        fit(model(), tmp_path / "run", tuning(2.0), checkpoint_every=0.0, callbacks=[cut_at(2, 2)])
    done = zoo.resume(tmp_path / "run", data=tiny_dataset(count=48))
    assert done.history == harmed.history
    assert resumable.digest(done.model) == resumable.digest(harmed.model)
    assert done.phases[-1]["best"] == harmed.phases[-1]["best"]


def test_an_interrupted_run_keeps_the_better_one(probed: Any, tmp_path: Path) -> None:
    import keras

    def interrupt(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    callback = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    trained = model()
    with pytest.warns(ZooNotice, match="hold the best so far"), pytest.raises(KeyboardInterrupt):
        fit(trained, tmp_path / "run", tuning(2.0), checkpoint_every=0.0, callbacks=[callback])
    assert resumable.digest(trained) == resumable.digest(probed.model)


def test_what_keep_means_where_a_recipe_leaves_it_open() -> None:
    def kept(recipe: RecipeSpec, *, held_out: bool) -> list[str | None]:
        return [phase.keep for phase in with_kept_epochs(recipe, held_out=held_out).phases]

    for name in ("lp-ft", "gradual", "surgical", "full"):
        assert kept(named(name), held_out=True) == [None, "best"]
        assert kept(named(name), held_out=False) == [None, "last"]
    assert kept(named("scratch"), held_out=True) == kept(named("head"), held_out=True) == ["last"]
    assert kept(tuning(1e-3, keep="last"), held_out=True) == [None, "last"]
    assert kept(tuning(1e-3, monitor="loss"), held_out=True) == [None, "last"]
