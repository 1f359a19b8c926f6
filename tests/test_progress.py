"""The display: a bar on a terminal, lines without one, nothing when asked; Keras callbacks in every phase."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

import zoo
from zoo import progress
from zoo.errors import OptionError
from zoo.progress import Display
from zoo.registry import ZooNotice
from zoo.specs import PhaseSpec, RecipeSpec

RECIPE = RecipeSpec(
    [
        PhaseSpec(name="probe", solver="convex"),
        PhaseSpec(name="tune", unfreeze=1, epochs=2, batch_size=8, learning_rate=1e-3),
    ]
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def data():
    from zoo.testing.tiny import tiny_dataset

    return tiny_dataset(count=36)


@pytest.fixture
def model():
    from zoo.testing.tiny import tiny_backbone

    return zoo.build(tiny_backbone(), zoo.classifier(["red", "green", "blue"]), preprocessing=None)


def said(capsys) -> str:
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_without_a_terminal_nothing_is_said_unless_asked(model, data, capsys) -> None:
    for verbose in ({}, {"verbose": 0}):
        model.fit(data, recipe=RECIPE, validation=0.25, **verbose)
        assert said(capsys) == ""
    for verbose in (1, 2):
        run = model.fit(data, recipe=RECIPE, validation=0.25, verbose=verbose, cache=False)
        look, *lines = said(capsys).splitlines()
        assert look.startswith("tiny classification: 36 images, ")
        assert len(lines) == 5, lines
        assert re.fullmatch(r"features: 36 images, \d+\.\d s", lines[0])
        assert lines[1].startswith("probe (1 of 2): loss ")
        for line, epoch in zip(lines[2:4], (1, 2), strict=True):
            found = re.fullmatch(rf"tune \(2 of 2\), epoch {epoch} of 2: (.*), \d+\.\d s", line)
            figures = dict(figure.split() for figure in found[1].split(", "))
            for name, value in figures.items():
                assert float(value) == pytest.approx(run.history[name][epoch], rel=1e-3)
            assert set(figures) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert re.fullmatch(r"validation: \d+ images, \d+\.\d s", lines[4])
    with pytest.warns(ZooNotice, match="trained on"):
        model.evaluate(data)
    assert said(capsys) == ""
    with pytest.warns(ZooNotice, match="trained on"):
        model.evaluate(data, verbose=2)
    assert re.fullmatch(r"examples: 36 images, \d+\.\d s\n", said(capsys))
    for verb in (model.fit, model.evaluate):
        with pytest.raises(OptionError, match="verbose=3: choose 0"):
            verb(data, verbose=3)


def test_on_a_terminal_a_bar_counts_images_then_steps(model, data, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr(sys, "stderr", Terminal())
    plain = Display.show
    monkeypatch.setattr(
        Display,
        "show",
        lambda self, text, done, total, **more: (
            shown.append((text, done, total)),
            plain(self, text, done, total, **more),
        ),
    )
    model.fit(data, recipe=RECIPE, validation=0.25, cache=False)
    images = [done for text, done, _ in shown if text == "features"]
    assert images == sorted(images)
    assert images[-1] == 36
    steps = [(done, total) for text, done, total in shown if text == "tune (2 of 2)"]
    batches = -(-27 // 8)
    assert steps == [(done, 2 * batches) for done in range(1, 2 * batches + 1)]
    text = sys.stderr.getvalue()
    assert "tune (2 of 2), epoch 2 of 2: " in text
    assert "━" in text
    sys.stderr.seek(0), sys.stderr.truncate()
    model.fit(data, recipe=RECIPE, validation=0.25, verbose=0)
    assert sys.stderr.getvalue() == ""


def test_elsewhere_a_line_a_minute_and_in_a_notebook_lines(model, data, monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "_MINUTE", 0.0)
    Display("auto").show("features", 3, 9, unit="images")
    display = Display("auto")
    counter = display.counter("weights", unit="bytes")
    counter(2_000_000, 4_000_000)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "features: 3 of 9 images\nweights: 2.0 of 4.0 MB\n")
    monkeypatch.setattr(progress, "_MINUTE", 60.0)
    Display("auto").say("nobody waits for this")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    model.fit(data, recipe=RECIPE, validation=0.25)
    out, err = capsys.readouterr()
    assert "tune (2 of 2), epoch 2 of 2: " in out
    assert err == ""
    monkeypatch.setattr(sys, "stderr", None)
    assert not Display("auto").silent


def test_a_resumed_epoch_goes_on_where_the_bar_was(monkeypatch) -> None:
    from zoo.training.descent.ends import shown

    monkeypatch.setattr(Display, "is_due", True)
    display, places = Display(2), []
    display.show = lambda text, done, total, **more: places.append((done, total))  # type: ignore[method-assign]
    descent = SimpleNamespace(title="tune", first_epoch=3, epochs=2, steps=5)
    callback = shown(display, descent, done=2)
    callback.on_epoch_begin(3, {})
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_epoch_end(3, {"loss": 1.0})
    callback.on_epoch_begin(4, {})
    callback.on_train_batch_end(0, {"loss": 1.0})
    assert places == [(3, 10), (6, 10)]


@pytest.mark.slow
def test_what_a_callback_prints_goes_where_it_would(tmp_path) -> None:
    """With a terminal for stderr and a file for stdout, as in `python train.py > log`."""
    program = (
        "import keras, zoo\n"
        "from zoo.testing.tiny import tiny_backbone, tiny_dataset\n"
        "class Loud(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        print('epoch', epoch)\n"
        "model = zoo.build(tiny_backbone(), zoo.classifier(['red', 'green', 'blue']), preprocessing=None)\n"
        "model.fit(tiny_dataset(), recipe='head', epochs=2, callbacks=Loud(), directory='run')\n"
    )
    main, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=terminal, cwd=tmp_path, check=True, timeout=300
    )
    os.close(terminal)
    seen = b""
    while chunk := _read(main):
        seen += chunk
    assert done.stdout == b"epoch 0\nepoch 1\n"
    assert b"head, epoch 2 of 2" in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


# -- callbacks ----------------------------------------------------------------------------------------------------


def test_keras_callbacks_work_in_every_phase(model, data, tmp_path) -> None:
    import keras

    calls, params = [], []

    class Own(keras.callbacks.Callback):
        def on_train_begin(self, logs=None) -> None:
            calls.append("train")
            params.append(self.params)
            assert self.model is not None

        def on_epoch_begin(self, epoch, logs=None) -> None:
            calls.append(epoch)

        def on_epoch_end(self, epoch, logs=None) -> None:
            assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(logs)

    file = tmp_path / "log.csv"
    run = model.fit(
        data,
        recipe=RECIPE,
        validation=0.25,
        callbacks=[
            Own(),
            [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)],  # Keras takes nested lists
            keras.callbacks.ReduceLROnPlateau(),
            keras.callbacks.CSVLogger(file),
            keras.callbacks.EarlyStopping(patience=5),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    assert calls == ["train", 0, "train", 1, 2]
    assert [set(found) >= {"epochs", "steps", "verbose"} for found in params] == [True, True]
    assert len(file.read_text().splitlines()) == 4  # a heading, and three epochs
    assert len(run.history["loss"]) == 3
    assert model.fit(data, recipe="probe", callbacks=Own()).history  # one, not in a list
    with pytest.raises(OptionError, match="callbacks= takes Keras callbacks"):
        model.fit(data, callbacks=[print])
