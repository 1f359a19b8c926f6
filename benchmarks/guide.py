"""The Keras transfer-learning guide's training beside zoo's probe: same weights, same photos, time and accuracy.

Run: python benchmarks/guide.py FOLDER [BACKBONE] [EPOCHS]

The guide ("Transfer learning & fine-tuning", keras.io): a frozen base, random flips and rotations, average pooling,
dropout 0.2, a linear head, Adam, 20 epochs; decoded photos are kept in memory. Times are end to end from the folder to
accuracy on the photos held out, in one process after imports, the guide first.
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

BATCH = 32


def main(folder: str, backbone: str = "efficientnet_lite0", epochs: str = "20") -> None:
    """Print seconds, accuracy held out, and the ratios that the goals speak of."""
    keras.utils.disable_interactive_logging()
    files = data.load(folder)
    parts = data.split(files, validation=0.2, seed=0)
    train, held = files.subset(parts.train), files.subset(parts.validation)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, keras "
          f"{keras.__version__}, tensorflow {tf.__version__}, load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    seconds, accuracy = guide(folder, train, held, backbone, int(epochs))
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"  # from nothing; what is measured is not left behind
        rows = [(f"Keras guide, {epochs} epochs", seconds, accuracy)]
        plain = one_pass(folder, files, backbone)
        for number in (1, 2):
            start = time.perf_counter()
            model = zoo.build(backbone, head=zoo.classifier(folder))
            run = model.fit(train, validation=held, recipe="probe", directory=f"{scratch}/run{number}")
            rows.append((f"zoo probe, call {number}", time.perf_counter() - start, run.validation.accuracy))
    print(f"| {len(train)} photos to learn from, {len(held)} held out | seconds | accuracy held out | guide / this |")
    print("|---|---|---|---|")
    for name, took, right in rows:
        print(f"| {name} | {took:.1f} | {right:.3f} | {rows[0][1] / took:.1f} |")
    print(f"| one plain `predict` pass over all photos, decoding included | {plain:.1f} | | |")
    first, second = rows[1][1], rows[2][1]
    print(
        f"first call: {rows[0][1] / first:.1f} times faster than the guide (goal 15); {first:.1f} s against 1.25 passes"
    )
    print(
        f"+ 3 s = {1.25 * plain + 3:.1f} s; second: {rows[0][1] / second:.1f} times (goal 50), {second:.1f} s (goal 3)"
    )


def photos(folder: str, part: data.Dataset, size: int) -> tf.data.Dataset:
    """Decoded and resized photos with their classes, as the guide prepares them."""

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return keras.ops.image.resize(tf.cast(image, tf.float32), (size, size)), label

    paths = [str(Path(folder) / name) for name in part.ids]
    return tf.data.Dataset.from_tensor_slices((paths, part.targets)).map(read, num_parallel_calls=tf.data.AUTOTUNE)


def guide(folder: str, train: data.Dataset, held: data.Dataset, backbone: str, epochs: int) -> tuple[float, float]:
    """Seconds and accuracy held out of the guide's training."""
    start = time.perf_counter()
    keras.utils.set_random_seed(0)
    base = zoo.build(backbone, head=zoo.classifier(folder)).composition.features  # pixels -> pooled features
    base.trainable = False
    augmentation = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)]

    def augmented(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for layer in augmentation:
            image = layer(image)
        return image, label

    size = base.input_shape[1]
    feed = photos(folder, train, size).cache().shuffle(len(train), seed=0)
    feed = feed.map(augmented, num_parallel_calls=tf.data.AUTOTUNE)
    feed = feed.batch(BATCH).prefetch(tf.data.AUTOTUNE)
    test = photos(folder, held, size).batch(BATCH).prefetch(tf.data.AUTOTUNE).cache()
    inputs = keras.Input(base.input_shape[1:])
    values = keras.layers.Dropout(0.2)(base(inputs, training=False))
    model = keras.Model(inputs, keras.layers.Dense(len(held.labels))(values))
    model.compile(
        keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    model.fit(feed, epochs=epochs, validation_data=test, verbose=0)
    return time.perf_counter() - start, float(model.evaluate(test, verbose=0)[1])


def one_pass(folder: str, files: data.Dataset, backbone: str) -> float:
    """Seconds of one `keras predict` over all photos; building and tracing are not timed."""
    extractor = zoo.build(backbone, head=zoo.classifier(folder)).composition.features
    extractor.predict(np.zeros((BATCH, *extractor.input_shape[1:]), np.float32))
    feed = photos(folder, files, extractor.input_shape[1]).map(lambda image, _: image).batch(BATCH)
    start = time.perf_counter()
    extractor.predict(feed.prefetch(tf.data.AUTOTUNE))
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:])
