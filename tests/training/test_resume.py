"""A run that was killed, interrupted or stopped goes on, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import resumable

import zoo
from zoo.errors import ResumeError

PROGRAM = Path(resumable.__file__)


class Cut(Exception):
    """Stands for whatever ends a process."""


def cut_at(epoch: int, batch: int) -> Any:
    """A callback that ends the run before this batch of this epoch; as what it is, it has no state."""
    import keras

    now = {}

    def on_batch(index: int, logs: Any) -> None:
        if (now["epoch"], index) == (epoch, batch):
            raise Cut

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda number, logs: now.update(epoch=number), on_train_batch_end=on_batch
    )


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
    with pytest.raises(Cut):  # in the middle of it
        zoo.resume(run, callbacks=[*resumable.callbacks(), cut_at(4, 3)], checkpoint_every=0.0)
    done = zoo.resume(run, callbacks=resumable.callbacks())
    assert done.history == whole["history"]
    assert resumable.digest(done.model) == whole["weights"]
    record = json.loads((run / "run.json").read_text())
    assert record["state"] == "finished"
    assert record["history"] == whole["history"]
    assert resumable.digest(zoo.load(run / "model.keras")) == whole["weights"]
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "run.json"]
    with pytest.raises(ResumeError, match="is finished"):
        zoo.resume(run)


def kill_until_done(data: Path, run: Path, moments: random.Random) -> tuple[dict[str, Any], int]:
    """Run, kill -9 at a random moment, go on, until it is finished; returns what it came to and how often it died."""
    kills = 0
    while True:
        verb = "resume" if (run / "start.keras").exists() else "fit"
        if verb == "fit" and run.exists():
            for path in run.iterdir():
                path.unlink()
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), verb, str(data), str(run)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        begins = time.monotonic()
        while process.poll() is None and not (run / "run.json").exists() and time.monotonic() - begins < 60:
            time.sleep(0.05)
        try:
            out, err = process.communicate(timeout=moments.uniform(0.0, 9.0) if kills < 2 else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            record = run / "run.json"
            if record.exists():
                json.loads(record.read_text())  # never unreadable
            continue
        assert process.returncode == 0, err.decode()[-2000:]
        return json.loads(out.decode().splitlines()[-1]), kills


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(3, marks=pytest.mark.slow), pytest.param(25, marks=pytest.mark.soak)],
)
def test_kill_9_at_random_moments(
    data: Path, whole: dict[str, Any], tmp_path: Path, rounds: int, record_property: Any
) -> None:
    moments = random.Random(rounds)
    died = 0
    for number in range(rounds):
        found, kills = kill_until_done(data, tmp_path / f"run{number}", moments)
        assert found == whole, f"round {number}, killed {kills} times"
        died += kills
    record_property("kills", died)
    assert died >= rounds
