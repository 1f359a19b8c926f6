"""Runs that nobody vouches for: a damaged run.json gives an error of zoo; named pipes as files do not block."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.mutation import flipped, mutated_json

import zoo
from zoo.errors import DataError, OptionError, ResumeError, ZooError
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset

QUICK, FULL = 60, 400


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "run"
    model = zoo.build(
        tiny_backbone(), zoo.classifier(["red", "green", "blue"]), preprocessing=Preprocessing(scale=1 / 255)
    )
    model.fit(tiny_dataset(count=24), recipe="probe", directory=folder)
    return folder


def used(folder: Path, other: Path) -> None:
    """What reads a run."""
    read = zoo.load_run(folder)
    str(read), read.phases, read.receipts, read.history, read.to_dict()
    zoo.compare(read, other, timings=False, verbose=0).sentences()


@pytest.mark.parametrize("count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)])
def test_a_damaged_record_gives_errors_of_zoo(count: int, run: Path, tmp_path: Path) -> None:
    raw, rng, refused = (run / "run.json").read_bytes(), np.random.default_rng(5), 0
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    for _ in range(count):
        changed = json.dumps(mutated_json(json.loads(raw), rng)).encode("utf-8", "replace")
        (folder / "run.json").write_bytes(flipped(raw, rng) if rng.integers(4) == 0 else changed)
        begin = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                used(folder, run)
        except ZooError:
            refused += 1
        assert time.monotonic() - begin < 20
    assert refused > count / 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 200_000, "damaged|nested"),
        (b"{" + b'"a": [' * 3000 + b"]" * 3000 + b"}", "nested|damaged"),
        (b"[" + b"0," * 5_000_000 + b"0]", "values"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_record_beyond_the_limits_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(ResumeError, match=words):
        zoo.load_run(tmp_path)


def test_named_pipes_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(ResumeError, match="no file"):
        zoo.load_run(tmp_path)
    os.mkfifo(tmp_path / "table.csv")
    with pytest.raises(DataError, match="named pipe"):
        zoo.data.load(tmp_path / "table.csv")
    os.mkfifo(tmp_path / "recipe.yaml")
    from zoo.training.recipes.files import read_recipe

    with pytest.raises(OptionError, match="is not a file"):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_forked_child_is_told_that_it_cannot_compute(run: Path) -> None:
    model: Any = zoo.load(run / "model.keras")
    model.predict(np.full((32, 32, 3), 200, np.uint8))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            model.predict(np.full((32, 32, 3), 200, np.uint8))
            os.write(write, b"answered")
        except ZooError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    done, _ = 0, time.monotonic()
    for _ in range(300):
        done, _ = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert "forked" in os.read(read, 1000).decode() if done else False, "the child hangs"
