"""`predict` of one example beside `keras_model.predict_on_batch` of one, in one process, calls taking turns.

Run: python benchmarks/predict_one.py [BACKBONE ...]

The budget: `predict` of one array takes at most 1.25 times as long; of one file at most that plus decoding. It prints
JSON: milliseconds (median of 50 calls after 5), ratios, and the largest difference of an answer alone and in a batch.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import zoo
from zoo import data

CALLS, FIRST = 50, 5


def taking_turns(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median milliseconds of each, called one after the other so that all see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(FIRST + CALLS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= FIRST:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def measured(backbone: str) -> dict[str, Any]:
    """The figures of one pretrained classifier."""
    model = zoo.build(backbone)
    side = model.input_size
    photos = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), dtype=np.uint8)
    one = photos[:1].astype(np.float32)
    serving = model.keras_model
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.jpg"
        Image.fromarray(photos[0]).resize((640, 480)).save(file)
        took = taking_turns(
            {
                "predict_on_batch": lambda: serving.predict_on_batch(one),
                "predict array": lambda: model.predict(photos[0]),
                "predict_scores array": lambda: model.predict_scores(photos[0]),
                "decode file": lambda: model.composition.intake.shape(
                    next(image for _, image in data.images(str(file))).astype(np.uint8)
                ),
                "predict file": lambda: model.predict(str(file)),
            }
        )
    alone = np.concatenate([model.predict_scores(photo) for photo in photos])
    difference = float(np.abs(alone - model.predict_scores(photos)).max())
    plain = took["predict_on_batch"]
    return {
        "backbone": backbone,
        "ms": {name: round(value, 2) for name, value in took.items()},
        "array / predict_on_batch": round(took["predict array"] / plain, 3),
        "(file - decoding) / predict_on_batch": round((took["predict file"] - took["decode file"]) / plain, 3),
        "alone and in a batch": difference,
    }


if __name__ == "__main__":
    print(json.dumps([measured(name) for name in sys.argv[1:] or ["efficientnet_lite0"]], indent=2))
