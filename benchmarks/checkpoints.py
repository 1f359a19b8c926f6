"""Seconds of a fit without checkpoints, with those of the default, and with one at every step; and of a probe.

Run: python benchmarks/checkpoints.py FOLDER [EPOCHS] [ROUNDS]

Rounds alternate between the kinds, after one that warms up; the median of each is shown, as a ratio to the first.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

import zoo
from zoo.training.runs.checkpointer import EVERY

KINDS = {"none": None, "default": EVERY, "every step": 0.0}


def main(folder: str, epochs: int = 6, rounds: int = 3) -> None:
    """Time the fits and print a table."""
    seconds: dict[str, list[float]] = {name: [] for name in [*KINDS, "probe"]}
    with tempfile.TemporaryDirectory() as place:
        for number in range(rounds + 1):
            for name in seconds:
                model = zoo.build("efficientnet_lite0", zoo.classifier(folder), input_size=128, augment=_changes(name))
                start = time.perf_counter()
                model.fit(
                    folder,
                    recipe="probe" if name == "probe" else "lp-ft",
                    epochs=None if name == "probe" else epochs,
                    directory=Path(place) / f"{name}-{number}",
                    checkpoint_every=KINDS.get(name, EVERY),
                )
                if number:
                    seconds[name].append(time.perf_counter() - start)
    print(f"{platform.machine()}, {os.cpu_count()} cores, TensorFlow {tf.__version__}, zoo {zoo.__version__}")
    for name, taken in seconds.items():
        share = "" if name == "probe" else f"  {median(taken) / median(seconds['none']):.3f} of none"
        print(f"{name:12} {median(taken):7.2f} s{share}")


def _changes(name: str) -> list[str] | None:
    """Augmentation, so that every epoch reads the images: the longest way."""
    return None if name == "probe" else ["flip"]


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
