"""Steps a second with augmentation in the pipeline, in the training graph, and without it, in turns, in one run.

Run: python benchmarks/augment_in.py FOLDER [--images N] [--rounds N]

Fine-tunes the last stage of EfficientNet-Lite0 at 224 pixels on photos (files, decoded anew every epoch) in batches of
32, with a flip, a rotation and a zoom. Each round fits a new model every way; its first epoch, in which graphs are
traced, does not count. Of the others the shortest counts, from the beginning of its first batch to the end of its last;
and the seconds of all processors, which other work on the machine changes less.
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
from steps import Clock

import zoo
from zoo import data as data_room
from zoo.specs import PhaseSpec, RecipeSpec

AUGMENT = ["flip", "rotation", "zoom"]
TUNE = RecipeSpec(
    name="tune",
    phases=(PhaseSpec(name="tune", solver="gradient", unfreeze=1, epochs=3, learning_rate=1e-4, batch_size=32),),
)


class BothClocks(Clock):
    """Seconds of a step, and seconds of processors."""

    def __init__(self) -> None:
        super().__init__()
        self.processors: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Start both with the first."""
        super().on_train_batch_begin(batch, logs)
        if batch == 0:
            self._began = time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """The means."""
        super().on_epoch_end(epoch, logs)
        self.processors.append((time.process_time() - self._began) / self._steps)


def seconds_of_a_step(data: zoo.Dataset, place: str, scratch: str) -> tuple[float, float]:
    """Fit a new model with augmentation in one place."""
    keras.utils.clear_session()
    clock = BothClocks()
    zoo.build("efficientnet_lite0", zoo.classifier(data.labels), augment=AUGMENT).fit(
        data,
        validation=None,
        recipe=TUNE,
        augment_in=place,
        cached_prefix=False,  # without augmentation it would be there
        callbacks=[clock],
        checkpoint_every=None,
        directory=tempfile.mkdtemp(dir=scratch),
        verbose=0,
    )
    return min(clock.seconds[1:]), min(clock.processors[1:])


def main() -> None:
    """Print the steps a second every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    whole = data_room.load(asked.folder)
    data = whole.subset(np.linspace(0, len(whole) - 1, asked.images).astype(int))
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, tensorflow {tf.__version__}")
    found: dict[str, list[tuple[float, float]]] = {"none": [], "pipeline": [], "graph": []}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(asked.rounds):
            for place in list(found) if turn % 2 == 0 else list(found)[::-1]:
                load = os.getloadavg()[0]
                found[place].append(seconds_of_a_step(data, place, scratch))
                print(f"  {place:9} {_told(*found[place][-1])}  (load before: {load:.1f})", flush=True)
    for place, measured in found.items():
        print(f"{place:9} {_told(*(min(values) for values in zip(*measured, strict=True)))}")


def _told(step: float, processors: float) -> str:
    return f"{1 / step:6.3f} steps a second, {processors:6.2f} processor seconds a step"


if __name__ == "__main__":
    main()
