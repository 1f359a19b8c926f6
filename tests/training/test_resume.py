"""A run that was killed, interrupted or stopped goes on, and ends as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import resumable
from helpers.resumable import Cut, cut_at

import zoo
from zoo.errors import DivergedError, ResumeError
from zoo.fitting.planning import environment
from zoo.registry import ZooNotice
from zoo.training.runs.checkpoint import newest, numbered

PROGRAM = Path(resumable.__file__)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resumable.write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the run comes to when nothing interrupts it."""
    done = resumable.fit(data, tmp_path_factory.mktemp("whole"))
    return {"weights": resumable.digest(done.model), "history": done.history}


def test_the_run_has_all_that_is_hard_to_resume(whole: dict[str, Any]) -> None:
    epochs = len(whole["history"]["loss"])
    assert 3 < epochs < 9, "early stopping is to end the second phase before its last epoch"


def test_a_run_cut_three_times_ends_as_one_that_was_not(data: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(Cut):  # in the middle of the first phase
        resumable.fit(data, run, callbacks=[*resumable.callbacks(), cut_at(1, 2)])
    record = json.loads((run / "run.json").read_text())
    assert record["state"] == "failed"
    assert (record["progress"]["phase"], record["progress"]["epoch"]) == (0, 1)
    with pytest.raises(Cut):  # in the first step of the second phase
        zoo.resume(run, callbacks=[*resumable.callbacks(), cut_at(3, 0)], checkpoint_every=0.0)
    late = min(4, len(whole["history"]["loss"]) - 1)  # on JAX dropout is another, and stops it earlier
    with pytest.raises(Cut):  # in the middle of it
        zoo.resume(run, callbacks=[*resumable.callbacks(), cut_at(late, 3)], checkpoint_every=0.0)
    for name in (".run.json-a1.tmp", ".model-b2.keras"):  # left by a kill while they were written
        (run / name).write_bytes(b"half")
    done = zoo.resume(run, callbacks=resumable.callbacks())
    assert done.history == whole["history"]
    assert resumable.digest(done.model) == whole["weights"]
    record = json.loads((run / "run.json").read_text())
    assert record["state"] == "finished"
    assert record["history"] == whole["history"]
    assert resumable.digest(zoo.load(run / "model.keras")) == whole["weights"]
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "predictions.npz", "run.json"]
    with pytest.raises(ResumeError, match="is finished"):
        zoo.resume(run)


# -- what else ends a run ----------------------------------------------------------------------------------------------
EPOCHS = 5


def small(data: Path, run: Path, **options: Any) -> Any:
    """The model of a run that takes a second, and that run: an mlp with dropout on kept features."""
    from zoo.testing.tiny import tiny_backbone

    head = zoo.classifier(["red", "green", "blue"], head="mlp", units=[8], dropout=0.3)
    model = zoo.build(tiny_backbone(), head, preprocessing=None)
    told = {"recipe": "head", "epochs": EPOCHS, "learning_rate": 0.01, "batch_size": 8, "checkpoint_every": 0.0}
    return model, lambda: model.fit(data, directory=run, **{**told, **options})


def at_epoch(epoch: int, act: Any) -> Any:
    """A callback that does something after the second step of an epoch."""
    import keras

    now = {}
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda number, logs: now.update(epoch=number),
        on_train_batch_end=lambda batch, logs: act() if (now["epoch"], batch) == (epoch, 1) else None,
    )


@pytest.fixture(scope="module")
def small_whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    model, go = small(data, tmp_path_factory.mktemp("small"))
    return {"history": go().history, "weights": resumable.digest(model)}


def state(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "run.json").read_text())
    return record


def test_ctrl_c_keeps_the_best_so_far_and_says_how_to_go_on(
    data: Path, small_whole: dict[str, Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    press = at_epoch(3, lambda: signal.raise_signal(signal.SIGINT))
    model, go = small(data, run, callbacks=[press])
    with (
        pytest.warns(ZooNotice, match=r"best so far: epoch .*zoo\.resume\(.*`zoo resume "),
        pytest.raises(KeyboardInterrupt),
    ):
        go()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert state(run)["state"] == "interrupted"
    # It was pressed in epoch 4.
    losses = small_whole["history"]["val_loss"][:3]
    best = losses.index(min(losses))
    assert state(run)["progress"]["best"]["epoch"] == best + 1
    known = zoo.load(run / "model.keras").evaluate(data)
    assert known.accuracy == model.evaluate(data).accuracy
    assert resumable.digest(zoo.load(run / "model.keras")) == resumable.digest(model)
    done = zoo.resume(run)
    assert done.history == small_whole["history"]
    assert resumable.digest(done.model) == small_whole["weights"]


def test_sigterm_saves_and_ends_with_143(data: Path, small_whole: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    ask = at_epoch(2, lambda: signal.raise_signal(signal.SIGTERM))
    # No checkpoint is due by time: there is the one that the signal asks for.
    _, go = small(data, run, callbacks=[ask], checkpoint_every=600.0)
    with pytest.warns(ZooNotice, match="interrupted"), pytest.raises(SystemExit) as ended:
        go()
    assert ended.value.code == 143
    assert state(run)["state"] == "interrupted"
    assert (state(run)["progress"]["epoch"], state(run)["progress"]["batch"]) == (2, 2)
    done = zoo.resume(run)
    assert done.history == small_whole["history"]
    assert resumable.digest(done.model) == small_whole["weights"]


def test_sigterm_before_anything_is_trained_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """While features are computed, for `auto` to look at or for the probe: they are in the cache."""
    for recipe in ("auto", "probe"):
        from zoo.testing.tiny import tiny_backbone

        model = zoo.build(tiny_backbone(), zoo.classifier(["red", "green", "blue"]), preprocessing=None)
        with pytest.raises(SystemExit) as ended:
            model.fit(
                data,
                recipe=recipe,
                cache=False,
                directory=tmp_path / recipe,
                progress=lambda done, images: signal.raise_signal(signal.SIGTERM),
            )
        assert ended.value.code == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert not (tmp_path / recipe).exists()


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def spoil() -> None:
        if hasattr(model.composition.rows, "jax_state_sync"):
            model.composition.rows.jax_state_sync()  # within an epoch JAX takes what is assigned after this only
        weight = model.composition.head.weights[0]
        weight.assign(np.full(weight.shape, np.nan))

    model, go = small(data, run, callbacks=[at_epoch(2, spoil)])
    with pytest.warns(ZooNotice, match="best so far"), pytest.raises(DivergedError, match="last good checkpoint is"):
        go()
    assert state(run)["state"] == "diverged"
    kept, problems = newest(run / "checkpoints")
    assert kept is not None
    assert not problems
    assert (kept.state["epoch"], kept.state["batch"]) == (2, 1)
    assert all(np.isfinite(value).all() for values in kept.tensors.values() for value in values.values())
    assert all(np.isfinite(weight).all() for weight in model.keras_model.get_weights())
    with pytest.raises(ResumeError, match="diverged and would do so again"):
        zoo.resume(run)


def test_a_full_disk_costs_checkpoints_but_not_the_run(
    data: Path, small_whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file may be longer than 100 bytes for two epochs: writing fails in the middle, as on a full disk.

    At the end there is room for the model only without the older checkpoints.
    """
    import resource

    run = tmp_path / "run"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    found = []

    def fill() -> None:
        found.append(newest(run / "checkpoints")[0].path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))

    def free() -> None:
        kept, problems = newest(run / "checkpoints")
        assert not problems
        found.append(kept.path)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def save(serving: Any, record: dict[str, Any], path: Path) -> Path:
        kept = len(numbered(run / "checkpoints"))
        if path.name == "model.keras" and kept > 1:
            crowded.append(kept)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(serving, record, path)

    crowded: list[int] = []
    really = zoo.fitting.files.save
    monkeypatch.setattr("zoo.fitting.files.save", save)
    _, go = small(data, run, callbacks=[at_epoch(1, fill), at_epoch(3, free)])
    try:
        with pytest.warns(ZooNotice, match="no checkpoint could be written to .*Free some room"):
            done = go()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found[0] == found[1]
    assert len(crowded) == 1
    assert done.history == small_whole["history"]
    assert any("no checkpoint could be written" in notice for notice in done.notices)
    assert not list(run.rglob(".*"))


def test_what_cannot_go_on_is_refused(
    data: Path, small_whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = tmp_path / "run", resumable.write_photos(tmp_path / "other", count=48)

    def end() -> None:
        raise Cut

    _, go = small(data, run, callbacks=[at_epoch(2, end)])
    with pytest.raises(Cut):
        go()
    with pytest.raises(ResumeError, match="is not the folder of a run"):
        zoo.resume(tmp_path)
    with pytest.raises(ResumeError, match="other examples or answers"):
        zoo.resume(run, other)
    data.rename(data.with_name("elsewhere"))
    with pytest.raises(
        ResumeError, match=r"there is no folder .*If what .* is elsewhere now, pass it: data=, or --data"
    ):
        zoo.resume(run)
    data.with_name("elsewhere").rename(data)
    with pytest.raises(ResumeError, match="had the callbacks none whose state is saved"):
        zoo.resume(run, callbacks=resumable.callbacks())
    with pytest.raises(ResumeError, match="used other augmentation"):
        zoo.resume(run, augment=["flip"])
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(ResumeError, match="was changed"):
        zoo.resume(run)
    (run / "run.json").write_text(text)
    with monkeypatch.context() as patch:
        now = environment()
        patch.setattr("zoo.resuming.environment", lambda: now | {"backend": "another"})
        with pytest.raises(ResumeError, match=rf"not end the same on another: set KERAS_BACKEND={now['backend']}"):
            zoo.resume(run)
    # A torn checkpoint is left alone: the one before it is as good.
    last = numbered(run / "checkpoints")[-1] / "weights.safetensors"
    last.write_bytes(last.read_bytes()[:-8])
    with pytest.warns(ZooNotice, match="goes on from the checkpoint before"):
        done = zoo.resume(run)
    assert done.history == small_whole["history"]
    assert resumable.digest(done.model) == small_whole["weights"]


def test_a_probe_saves_nothing_on_its_way(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a moment, and its features are in the cache."""
    from zoo.training.runs import checkpoint

    monkeypatch.setattr(checkpoint, "write", lambda *args: pytest.fail("a checkpoint of a probe"))
    monkeypatch.setattr(
        "zoo.fitting.session.Session._write_start", lambda *args: pytest.fail("a start file of a probe")
    )
    monkeypatch.setattr("zoo.training.runs.checkpointer._FIRST_COST", 0.0)  # every moment is the time for one
    from zoo.testing.tiny import tiny_backbone

    model = zoo.build(tiny_backbone(), zoo.classifier(["red", "green", "blue"]), preprocessing=None)
    assert model.fit(data, directory=tmp_path / "run").directory == tmp_path / "run"
    assert state(tmp_path / "run")["state"] == "finished"


# -- kill -9 -----------------------------------------------------------------------------------------------------------
def work(verb: str, data: Path, run: Path, until: float | None) -> float:
    """Train, or go on, in a process of its own, which dies so many seconds after it began; returns how long it took.

    It begins when it writes run.json: what comes before is loading Keras.
    """
    record = run / "run.json"
    before = record.stat().st_mtime_ns if record.exists() else 0
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), verb, str(data), str(run)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    while process.poll() is None and not (record.exists() and record.stat().st_mtime_ns != before):
        time.sleep(0.02)
    begins = time.monotonic()
    try:
        _, said = process.communicate(timeout=until)
        assert process.returncode == 0, said.decode()[-2000:]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return time.monotonic() - begins


def kill_until_done(data: Path, run: Path, moments: Iterator[float]) -> list[str]:
    """Run, kill -9 at these moments, go on, until it is finished; returns where it was each time it died."""
    died: list[str] = []
    while not run.exists() or state(run)["state"] != "finished":  # run.json is never unreadable
        if run.exists() and not (run / "start.keras").exists():
            shutil.rmtree(run)  # nothing was saved yet: zoo.resume says so
        work("resume" if run.exists() else "fit", data, run, next(moments, None))
        place = (state(run)["progress"] or {}) if run.exists() else {}
        died.append("/".join(str(place.get(key, "-")) for key in ("phase", "epoch", "batch")))
    return died[:-1]


@pytest.mark.parametrize(
    ("rounds", "kills"),
    [pytest.param(3, 1, marks=pytest.mark.slow), pytest.param(25, 2, marks=pytest.mark.soak)],
)
def test_kill_9_at_random_moments(data: Path, whole: dict[str, Any], tmp_path: Path, rounds: int, kills: int) -> None:
    random = np.random.default_rng(rounds)
    seconds = work("fit", data, tmp_path / "undisturbed", None)
    places = []
    for number in range(rounds):
        run = tmp_path / f"run{number}"
        places += kill_until_done(data, run, iter(random.uniform(0, seconds, kills)))
        assert state(run)["history"] == whole["history"], f"round {number}, killed at {places}"
        assert resumable.digest(zoo.load(run / "model.keras")) == whole["weights"], f"round {number}"
    print(f"{len(places)} kills in {rounds} rounds; phase/epoch/batch of the last checkpoint: {', '.join(places)}")
    assert len(places) >= rounds / 2, "hardly a run was killed: the moments come too late"
