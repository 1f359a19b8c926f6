"""Milliseconds of a training step: `fit` without the cached prefix beside a plain Keras loop, in turns, in one run.

Run: python benchmarks/steps.py [BACKBONE:SIZE ...] [--rounds N] [--steps N] [--weights FILE]

Both train the last stage and a linear head on the same uint8 pixels in memory, in shuffled batches of 32: the same
graph with the same layers trainable, the same loss, metric and optimizer (Adam, gradient clipped to norm 1). Plain
Keras gets a `tf.data.Dataset` as its guides write it (shuffle, batch, cast, prefetch). Each round fits a new model
every way, in turns; its first epoch, in which graphs are traced, does not count. Of the others the least mean of a
step counts, from the beginning of an epoch's first batch to the end of its last.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo.specs import PhaseSpec, RecipeSpec
from zoo.training.freeze import freeze

BATCH, CLASSES, EPOCHS, RATE = 32, 5, 4, 1e-4


class Clock(keras.callbacks.Callback):
    """Seconds of a step, of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Start the clock with the first."""
        if batch == 0:
            self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Remember when the last one was."""
        self._end, self._steps = time.perf_counter(), batch + 1

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """The mean."""
        self.seconds.append((self._end - self._start) / self._steps)


def build(name: str, size: int, weights: str) -> zoo.TransferModel:
    """A model with a linear head."""
    labels = [f"class {index}" for index in range(CLASSES)]
    return zoo.build(name, zoo.classifier(labels), input_size=size, weights=weights)


def by_zoo(model: zoo.TransferModel, x: np.ndarray, y: np.ndarray, scratch: str, checkpoints: float | None) -> float:
    """Seconds of a step of `fit`."""
    clock = Clock()
    phase = PhaseSpec(
        name="tune", solver="gradient", unfreeze=1, epochs=EPOCHS, learning_rate=RATE, schedule="constant", warmup=0
    )
    model.fit(
        (x, y),
        validation=None,
        recipe=RecipeSpec(name="tune", phases=(phase,)),
        cached_prefix=False,
        callbacks=[clock],
        checkpoint_every=checkpoints,
        directory=tempfile.mkdtemp(dir=scratch),
    )
    return min(clock.seconds[1:])


def by_keras(model: zoo.TransferModel, x: np.ndarray, y: np.ndarray) -> float:
    """Seconds of a step of plain Keras on the same graph."""
    clock = Clock()
    composition = model.composition
    freeze(composition.backbone, composition.stages, unfreeze=1)
    plain = keras.Model(composition.training.input, composition.training.output)
    plain.compile(
        optimizer=keras.optimizers.Adam(RATE, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    stream = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(BATCH)
    stream = stream.map(lambda pixels, label: (tf.cast(pixels, tf.float32), label)).prefetch(tf.data.AUTOTUNE)
    plain.fit(stream, epochs=EPOCHS, shuffle=False, callbacks=[clock], verbose=0)
    return min(clock.seconds[1:])


def measure(name: str, size: int, *, steps: int, rounds: int, weights: str) -> None:
    """Print milliseconds every way, and their ratio to plain Keras."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (BATCH * steps, size, size, 3), np.uint8)
    y = random.integers(0, CLASSES, len(x))
    with tempfile.TemporaryDirectory() as scratch:
        ways = {
            "keras": lambda model: by_keras(model, x, y),
            "fit": lambda model: by_zoo(model, x, y, scratch, 60.0),
            "fit without checkpoints": lambda model: by_zoo(model, x, y, scratch, None),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way in list(ways) if turn % 2 == 0 else list(ways)[::-1]:
                keras.utils.clear_session()
                found[way].append(ways[way](build(name, size, weights)))
    print(f"{name} at {size}: {steps} steps an epoch, {EPOCHS - 1} epochs, {rounds} rounds")
    for way, seconds in found.items():
        each = ", ".join(f"{1000 * value:.1f}" for value in seconds)
        ratio = min(seconds) / min(found["keras"])
        print(f"  {way:24} {1000 * min(seconds):8.1f} ms  ratio {ratio:.3f}  ({each})", flush=True)


def main() -> None:
    """Every base asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bases", nargs="*", default=["efficientnet_lite0:224", "mobilenet_025:96"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=16, help="of an epoch; four times as many below 128 pixels")
    parser.add_argument("--weights", default="pretrained", help="weight file of a base that is not installed")
    asked = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, tensorflow {tf.__version__}")
    for base in asked.bases:
        name, _, side = base.partition(":")
        size = int(side)
        weights = "pretrained" if name.startswith("efficientnet_lite") else asked.weights
        steps = asked.steps * (1 if size >= 128 else 4)
        measure(name, size, steps=steps, rounds=asked.rounds, weights=weights)


if __name__ == "__main__":
    main()
