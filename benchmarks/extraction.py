"""Images per second of every engine, and of the one that `ZOO_ENGINE=auto` takes, beside plain `keras predict`.

Run: python benchmarks/extraction.py FOLDER [IMAGES] [ROUNDS] [BACKBONE ...]

From files to features, in turns within one process; the least of the rounds counts. Weights are random ones where the
real ones are not on the machine: for the time they make no difference. The last column is the share of the machine's
measured peak: two operations for each multiply-add of the network, against those of a large matrix product.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from suffix import weight_file

import zoo
from zoo import data
from zoo.architectures.facts import multiply_adds
from zoo.features import extract
from zoo.features.engines import Job, choice

BACKBONES = ("efficientnet_lite0", "vgg16", "resnet50")


def plain(model: zoo.TransferModel, paths: list[str]) -> None:
    """What a careful Keras user would write: tf.data decodes and resizes in parallel, the whole network predicts."""
    side = model.input_size

    def photo(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return keras.preprocessing.image.smart_resize(pixels, (side, side))

    photos = tf.data.Dataset.from_tensor_slices(paths).map(photo, num_parallel_calls=tf.data.AUTOTUNE)
    model.composition.features.predict(photos.batch(32).prefetch(tf.data.AUTOTUNE))


def peak(side: int = 2048, rounds: int = 5) -> float:
    """Operations a second of a float32 matrix product on all processors, the best of the rounds."""
    a = tf.random.normal((side, side))
    tf.linalg.matmul(a, a)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def main(folder: str, images: str = "600", rounds: str = "3", *backbones: str) -> None:
    """Print a line a backbone and engine."""
    keras.utils.disable_interactive_logging()
    files = data.load(folder)
    chosen = files.subset(np.random.default_rng(0).permutation(len(files))[: int(images)])
    paths = [str(Path(folder).absolute() / name) for name in chosen.ids]
    print(f"{platform.platform()}, {os.cpu_count()} cores, keras {keras.__version__}, tensorflow {tf.__version__}")
    print(f"{len(chosen)} photos, the least of {rounds} rounds in turns; load {os.getloadavg()[0]:.1f}")
    most = peak()
    print(f"matrix product: {most / 1e9:.0f} GFLOP/s")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZOO_CACHE_DIR"] = f"{scratch}/cache"
        for name in backbones or BACKBONES:
            model = zoo.build(name, head=zoo.classifier(list(files.labels)), weights=weight_file(name, Path(scratch)))
            settings = {"intake": model.composition.intake}
            features = model.composition.features
            # Where so many images do not pay for trying, try all the same: the question is what is chosen.
            choice.WORTH = 0.0
            picked = choice.fastest(Job(features, chosen, model.input_size, model.composition.intake.rule)).identity
            contestants: dict[str, Callable[[], object]] = {"keras predict": lambda m=model: plain(m, paths)}
            for engine in choice.ENGINES:
                contestants[engine] = lambda e=engine, f=features, s=settings: extract(
                    f, chosen, np.arange(len(chosen)), engine=e, **s
                )
            seconds: dict[str, list[float]] = {key: [] for key in contestants}
            for _ in range(int(rounds) + 1):
                for key, run in contestants.items():
                    start = time.perf_counter()
                    run()
                    seconds[key].append(time.perf_counter() - start)
            least = {key: min(times[1:]) for key, times in seconds.items()}  # the first round traces and converts
            auto = next(key for key, make in choice.ENGINES.items() if make().identity == picked)
            work = 2 * multiply_adds(features) * len(chosen)
            for key, time_ in least.items():
                mark = "  <- auto" if key == auto else ""
                print(
                    f"{name:20} {key:14} {time_:7.2f} s  {len(chosen) / time_:7.1f} images/s  "
                    f"{least['keras predict'] / time_:5.2f} times  "
                    f"{work / time_ / most:4.0%} of the peak{mark}",
                    flush=True,
                )
            keras.utils.clear_session()


if __name__ == "__main__":
    main(*sys.argv[1:])
