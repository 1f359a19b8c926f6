"""Milliseconds per image of a model on this machine: measured once, kept beside the features."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from typing import Any

import numpy as np

from zoo import settings
from zoo.features.engines import BATCH
from zoo.features.identity import graph_digest
from zoo.whole_file import write_whole

_SECONDS = 1.0
_MOST, _LEAST = 10, 3


def milliseconds(model: Any, *, cache: bool = True) -> float:
    """Wall time of the forward pass per image, in batches of 32: the least of several, since others only slow it down.

    Args:
        model: a Keras model from float32 pixels (n, size, size, channels).
        cache: whether to take a figure measured before on this machine, and to keep this one.

    Returns:
        Milliseconds, above 0.
    """
    import keras

    machine = [platform.node(), platform.machine(), os.cpu_count(), keras.backend.backend(), keras.__version__, BATCH]
    digest = graph_digest(model)
    cache = cache and digest is not None  # a graph that cannot be told from others is measured anew
    key = hashlib.sha256(json.dumps([digest, *machine]).encode()).hexdigest()
    path = settings.cache_dir() / "latency" / f"{key}.json"
    if cache:
        try:
            return float(json.loads(path.read_text(encoding="ascii"))["milliseconds"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not measured yet, or not readable: measured now
    pixels = np.full((BATCH, *model.input_shape[1:]), 127, np.float32)
    model.predict_on_batch(pixels)  # traces the graph
    times: list[float] = []
    while len(times) < _LEAST or (len(times) < _MOST and sum(times) < _SECONDS):
        start = time.perf_counter()
        model.predict_on_batch(pixels)
        times.append(time.perf_counter() - start)
    found = 1000 * min(times) / BATCH
    if cache:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"milliseconds": found}).encode())
    return found
