"""`fit(recipe="probe")` end to end, beside one plain Keras forward pass over the same photos, in one process.

Run: python benchmarks/probe.py FOLDER [BACKBONE]
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo import data


def main(folder: str, backbone: str = "efficientnet_lite0") -> None:
    """Print seconds, their ratio, and the accuracy on the fifth held out."""
    model = zoo.build(backbone, head=zoo.classifier(folder))
    files = data.load(folder)
    # What a careful Keras user would write: tf.data decodes and resizes in parallel, the whole network predicts.
    keras.utils.disable_interactive_logging()
    photos = keras.utils.image_dataset_from_directory(
        folder,
        image_size=(model.input_size,) * 2,
        crop_to_aspect_ratio=True,
        batch_size=32,
        shuffle=False,
        verbose=False,
    )
    extractor = model.composition.features
    extractor.predict(np.zeros((32, model.input_size, model.input_size, 3), np.float32))  # tracing is not timed
    start = time.perf_counter()
    extractor.predict(photos.map(lambda x, y: x).prefetch(tf.data.AUTOTUNE))
    plain = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        run = model.fit(folder, validation=0.2, recipe="probe", directory=f"{scratch}/run")
        fitted = time.perf_counter() - start
        names = np.random.default_rng(0).permutation(files.targets)  # chance level: the same photos, labels shuffled
        shuffled = zoo.ImageFiles("shuffled", [Path(folder) / name for name in files.ids], names, files.labels)
        chance = zoo.build(backbone, head=zoo.classifier(list(files.labels))).fit(
            shuffled, directory=f"{scratch}/chance"
        )
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, tensorflow {tf.__version__}")
    print(f"{len(files)} photos, {backbone}: one keras predict pass {plain:.1f} s; fit(recipe='probe') {fitted:.1f} s")
    print(f"fit - 1.5 passes = {fitted - 1.5 * plain:.1f} s (to stay under 5 s)")
    print(f"validation accuracy {run.validation.accuracy:.3f}; with shuffled labels {chance.validation.accuracy:.3f}")
    print("phases:", ", ".join(f"{phase['name']} {phase['seconds']:.1f} s" for phase in run.phases))


if __name__ == "__main__":
    main(*sys.argv[1:])
