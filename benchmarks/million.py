"""A probe and an mlp head on a million cached rows of 512 features: seconds, accuracy, peak memory of the process.

Run: python benchmarks/million.py probe|mlp [ROWS]

The rows are synthetic, in shards of the feature cache as an extraction writes them: the mean of one of ten classes plus
noise, all of it in the first 32 features. Classes are equally frequent and the noise is normal with one covariance, so
that no classifier beats the nearest mean; its accuracy on the same rows is printed beside the head's.
"""

from __future__ import annotations

import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from zoo.features import Features, fit_linear
from zoo.features.cache import Entry
from zoo.features.extraction import Kept
from zoo.specs import Output, PhaseSpec
from zoo.training.descent.descend import Descent, Goal
from zoo.training.descent.sources import Rows
from zoo.training.settings import Live

CLASSES, WIDTH, APART = 10, 512, 0.55


def means() -> np.ndarray:
    """The class means, float32 (classes, features)."""
    found = np.zeros((CLASSES, WIDTH), np.float32)
    found[:, :32] = APART * np.random.default_rng(0).normal(size=(CLASSES, 32))
    return found


def write(folder: Path, count: int) -> tuple[Features, np.ndarray]:
    """The rows, in the cache's own shards, and their classes."""
    entry = Entry(folder, {"synthetic": count}, count=count, row_bytes=4 * WIDTH)
    random, centers = np.random.default_rng(1), means()
    targets = random.integers(0, CLASSES, count)
    with entry.locked():
        for shard in range(entry.shards):
            members = entry.members(shard)
            noise = random.normal(size=(len(members), WIDTH)).astype(np.float32)
            entry.write(shard, centers[targets[members.start : members.stop]] + noise, list(members), [])
        entry.finish()
    shards = entry.read()
    assert shards is not None
    return Features(np.arange(count), (), 0.0, 0, [shard.values for shard in shards], entry.name), targets


def accuracy(rows: Kept, targets: np.ndarray, scores: object) -> float:
    """Share right, a block of rows at a time."""
    right = 0
    for start in range(0, len(rows), 8192):
        told = scores(rows[start : start + 8192])  # type: ignore[operator]
        right += int((np.asarray(told).argmax(axis=1) == targets[start : start + 8192]).sum())
    return right / len(rows)


def peak() -> float:
    """The most memory this process has held so far, in GB: mapped files, Python and TensorFlow included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main(kind: str, count: str = "1000000") -> None:
    """Print what one head takes."""
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        features, targets = write(Path(scratch), int(count))
        written = time.perf_counter() - start
        fifth = int(count) // 5
        held_out, held_targets = Kept(features, np.arange(fifth)), targets[:fifth]
        train, train_targets = Kept(features, np.arange(fifth, int(count))), targets[fifth:]
        before = peak()
        output = Output(name="class", task="classification", labels=tuple("abcdefghij"))
        start = time.perf_counter()
        if kind == "probe":
            head = fit_linear(train, train_targets, [output], width=CLASSES)
            what = f"C = {head.report['regularization_C']:g}"

            def scores(values: np.ndarray) -> np.ndarray:
                return values @ head.kernel + head.bias
        else:
            layers = [keras.Input((WIDTH,)), keras.layers.Dense(256, activation="relu"), keras.layers.Dense(CLASSES)]
            model = keras.Sequential(layers)
            phase = PhaseSpec(name="head", solver="gradient", epochs=2, batch_size=256, learning_rate=1e-3)
            goal = Goal(model.layers, [output], from_logits=True, scales={})
            learning, checking = Rows(train, train_targets), Rows(held_out, held_targets)
            Descent(model, phase, learning, checking, goal, seed=0).run(Live())
            what, scores = f"{phase.epochs} epochs in batches of {phase.batch_size}", model.predict_on_batch
        seconds = time.perf_counter() - start
        centers = means()
        best = accuracy(held_out, held_targets, lambda values: values @ centers.T - 0.5 * (centers**2).sum(axis=1))
        found = accuracy(held_out, held_targets, scores)
        print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}")
        print(f"{count} rows of {WIDTH} features, written and verified in {written:.0f} s")
        print(f"{kind}: {seconds:.0f} s ({what}), accuracy {found:.4f}, nearest true mean {best:.4f}")
        print(f"peak memory {peak():.2f} GB, before training {before:.2f} GB")


if __name__ == "__main__":
    main(*sys.argv[1:])
