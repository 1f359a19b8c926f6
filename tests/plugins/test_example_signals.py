"""A modality from outside, the signals of zoo-example, through every verb; the core knows none of it."""

from __future__ import annotations

import json
import signal as signals_of_the_system
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.plugins import example_installed, write_signals

import zoo
from zoo.cli.main import cli
from zoo.errors import DataError, OptionError
from zoo.registry import ZooNotice

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with example_installed(tmp_path_factory.mktemp("site")) as folder:
        yield folder


@pytest.fixture(scope="module")
def data(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_signals(tmp_path_factory.mktemp("signals") / "data")


def bands(**options: Any) -> zoo.TransferModel:
    return zoo.build("bands", zoo.classifier(["fast", "slow"]), **options)


@pytest.fixture(scope="module")
def probed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[zoo.TransferModel, zoo.Run]:
    model = bands()
    return model, model.fit(data, directory=tmp_path_factory.mktemp("runs") / "probe", verbose=0)


def test_the_intake_is_fitted_on_the_training_part_alone(data: Path, probed: tuple[zoo.TransferModel, zoo.Run]) -> None:
    model, run = probed
    assert run.recipe.name == "probe"
    assert run.validation.accuracy == 1
    dataset = zoo.data.load(data)
    training = [dataset.example(i) for i, name in enumerate(dataset.ids) if name not in run.validation.ids]
    numbers = np.concatenate(training).astype(np.float64)
    intake = model.composition.intake
    assert (intake.mean, intake.deviation) == pytest.approx((numbers.mean(), numbers.std()), rel=1e-9)
    assert len(training) == len(dataset) - len(run.validation.ids) == 52
    assert run.record.plan.intake == run.record.results.intake == intake.model_dump(mode="json")
    # In the graph: the same numbers as by hand.
    example = training[0]
    by_hand = model.composition.backbone(((intake.shape(example) - intake.mean) / intake.deviation)[None, :, None])
    assert np.allclose(model.composition.features(intake.shape(example)[None]), by_hand, rtol=1e-5)


def test_features_are_kept_and_found(data: Path, probed: tuple[zoo.TransferModel, zoo.Run]) -> None:
    model = bands()
    run = model.fit(data, verbose=0)
    assert run.phases[0]["computed"] == 0
    assert model.composition.intake == probed[0].composition.intake
    again = model.fit(data, recipe="head", epochs=2, verbose=0)
    assert again.validation.accuracy > 0.5
    assert model.composition.intake == probed[0].composition.intake
    with pytest.raises(OptionError, match="nothing in this base trains: take 'probe' or 'head'"):
        model.fit(data, recipe="lp-ft", verbose=0)


def test_predict_evaluate_embed(data: Path, probed: tuple[zoo.TransferModel, zoo.Run]) -> None:
    model, _ = probed
    file = data / "slow" / "0.csv"
    from_file = model.predict(file)
    assert {answer.label for answer in from_file} == {"slow"}
    assert from_file[2].source == f"{file}#2"
    lines = [[float(cell) for cell in line.split(",")] for line in file.read_text().splitlines()]
    assert model.predict(lines[2])[0].label == "slow"
    assert np.array_equal(model.predict_scores(lines), model.predict_scores(file))
    assert [answer.label for answer in model.predict([data / "fast" / "1.csv", lines[0]])] == ["fast"] * 8 + ["slow"]
    with pytest.raises(DataError, match=r"a signal is an array \(n,\) of numbers"):
        model.predict(np.ones((2, 3, 4)))
    with pytest.warns(ZooNotice, match="52 of these 64 files were trained on"):
        assert model.evaluate(data, verbose=0).accuracy == 1
    assert model.embed(data).array.shape == (64, 8)
    assert zoo.embed(data, "bands").array.shape == (64, 8)
    with pytest.raises(OptionError, match="its vectors would be noise"):
        zoo.embed(data, "waves")
    with pytest.raises(OptionError, match=r"features= is for networks of images, and .* holds examples of 'signal'"):
        zoo.recommend(data, features=["avg"])
    with pytest.raises(DataError, match="holds examples of 'signal', and 'image' is what is needed"):
        zoo.embed(zoo.data.load(data))


def test_a_saved_model_needs_neither_plugin_nor_zoo(
    data: Path, probed: tuple[zoo.TransferModel, zoo.Run], tmp_path: Path
) -> None:
    model, _ = probed
    path = model.save(tmp_path / "signals.keras")
    loaded = zoo.load(path)
    assert loaded.composition.intake == model.composition.intake
    scores = model.predict_scores(data)
    assert np.array_equal(loaded.predict_scores(data), scores)
    before = loaded.composition.intake
    write_signals(tmp_path / "few", files=1)
    loaded.fit(tmp_path / "few", verbose=0)
    assert loaded.composition.intake == before
    dataset = zoo.data.load(data)
    arrays = np.stack([before.shape(dataset.example(i)) for i in range(len(dataset))])
    np.save(tmp_path / "arrays.npy", arrays)
    code = (
        "import sys, json, numpy as np\n"
        "sys.modules['zoo'] = None\n"
        "import keras\n"
        f"model = keras.saving.load_model({str(path)!r}, compile=False)\n"
        "np.save('scores.npy', model.predict(np.load('arrays.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path)
    assert np.abs(np.load(tmp_path / "scores.npy") - scores).max() < 1e-6


def waves(augment: Any = ("shift-signal", "scale-signal")) -> zoo.TransferModel:
    return zoo.build("waves", zoo.classifier(["fast", "slow"]), options={"channels": 4}, augment=list(augment), seed=1)


def test_from_random_weights_killed_and_resumed(data: Path, tmp_path: Path) -> None:
    model = waves()
    assert model.composition.intake.mean == 0
    whole = model.fit(data, epochs=4, learning_rate=0.02, batch_size=8, directory=tmp_path / "whole", verbose=0)
    assert whole.recipe.name == "scratch"
    assert whole.validation.accuracy > 0.8
    assert model.composition.intake.mean == pytest.approx(50, abs=2)

    import keras

    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                signals_of_the_system.raise_signal(signals_of_the_system.SIGINT)

    options = {"epochs": 4, "learning_rate": 0.02, "batch_size": 8, "verbose": 0, "checkpoint_every": 0.0}
    with pytest.warns(ZooNotice, match="interrupted"), pytest.raises(KeyboardInterrupt):
        waves().fit(data, directory=tmp_path / "run", callbacks=[Kill()], **options)
    run = zoo.resume(tmp_path / "run", verbose=0)
    assert run.history == whole.history
    assert all(
        np.array_equal(one, two)
        for one, two in zip(run.model.keras_model.get_weights(), model.keras_model.get_weights(), strict=True)
    )
    tuned = run.model.fit(data, recipe="lp-ft", epochs=1, verbose=0)
    assert [phase["name"] for phase in tuned.phases][-1] == "fine-tune"
    with pytest.raises(OptionError, match=r"has no option 'chanels'.*Did you mean 'channels'"):
        zoo.build("waves", zoo.classifier(["fast", "slow"]), options={"chanels": 4})
    with pytest.raises(OptionError, match="input_size= is for images, and waves takes examples of 'signal'"):
        zoo.build("waves", zoo.classifier(["fast", "slow"]), input_size=32)


def test_an_error_in_the_first_fit_leaves_the_model_as_it_was(data: Path) -> None:
    model = waves()
    before, weights = model.composition, model.keras_model.get_weights()

    def fails(logs: Any = None) -> None:
        raise ValueError("on purpose")

    import keras

    with pytest.raises(ValueError, match="on purpose"):
        model.fit(data, epochs=1, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_begin=fails)])
    assert model.composition is before
    assert all(np.array_equal(one, two) for one, two in zip(model.keras_model.get_weights(), weights, strict=True))
    assert model.fit(data, recipe="scratch", epochs=1, verbose=0).record.plan.intake["mean"] > 40


def test_the_report_shows_examples(probed: tuple[zoo.TransferModel, zoo.Run], data: Path, tmp_path: Path) -> None:
    text = waves(augment=()).fit(data, epochs=2, verbose=0).report(tmp_path / "page.html").read_text()
    assert "data:image/png;base64," in text
    assert "Grad-CAM" not in text
    assert "numbers from" in text
    assert "Input 64 (signal), float32." in text


def test_the_command_line_sees_the_modality_in_the_files(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def zoo_says(*words: str) -> str:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    fitted = zoo_says("fit", str(data), "--option", "channels=4", "--epochs", "1", "--directory", "run", "--json")
    assert json.loads(fitted)["plan"]["model"]["backbone"] == "zoo_example:waves"
    file = str(data / "slow" / "1.csv")
    assert len(zoo_says("predict", file, "--model", "run/model.keras").splitlines()) == 8
    assert zoo_says("evaluate", str(data), "--model", "run/model.keras").startswith("accuracy")
    assert "64 examples, 10 checks, nothing found" in zoo_says("lint", str(data))
