"""kill -9 and resume, bit for bit, for sounds, texts, rows and clips."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import modal_runs
from helpers.resumable import digest

import zoo


@pytest.mark.slow
@pytest.mark.parametrize("modality", modal_runs.MODALITIES)
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(modality: str, tmp_path: Path) -> None:
    path, run = modal_runs.data(modality, tmp_path / "data"), tmp_path / "run"
    killed = subprocess.run(
        [sys.executable, modal_runs.__file__, modality, str(path), str(run)],
        capture_output=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    record = json.loads((run / "run.json").read_text())
    assert record["state"] == "running"
    resumed = zoo.resume(run)
    whole = modal_runs.fit(modality, path, tmp_path / "whole")
    assert len(whole.history["loss"]) == 3
    assert resumed.history == whole.history
    assert digest(resumed.model) == digest(whole.model)
    assert resumed.model.composition.intake == whole.model.composition.intake
    source = modal_runs.dataset(modality, path)
    scores = whole.model.predict_scores(source)
    assert np.array_equal(resumed.model.predict_scores(source), scores)
    assert np.array_equal(zoo.load(run / "model.keras").predict_scores(source), scores)
    assert np.ptp(scores, axis=0).max() > 1e-4, "the model tells nothing apart, so equal scores prove nothing"
