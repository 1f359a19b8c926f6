"""Milliseconds per image of a model on this machine: measured once, kept beside the features."""

from __future__ import annotations

import os
import platform
import time
from typing import Any

import numpy as np

from zoo.features import kept
from zoo.features.engines import BATCH
from zoo.features.identity import graph_digest

_KIND = "latency"
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
    digest = graph_digest(model) if cache else None  # a graph without a digest is measured anew
    figure = measured_before(digest) if digest else None
    if figure is not None:
        return figure
    pixels = np.full((BATCH, *model.input_shape[1:]), 127, np.float32)
    model.predict_on_batch(pixels)  # traces the graph
    times: list[float] = []
    while len(times) < _LEAST or (len(times) < _MOST and sum(times) < _SECONDS):
        start = time.perf_counter()
        model.predict_on_batch(pixels)
        times.append(time.perf_counter() - start)
    figure = 1000 * min(times) / BATCH
    if digest:
        kept.write(_KIND, _key(digest), figure)
    return figure


def measured_before(graph: str) -> float | None:
    """Milliseconds per image that were kept for a graph (its digest) on this machine, or None."""
    return kept.read(_KIND, _key(graph))


def _key(graph: str) -> dict[str, Any]:
    import keras

    machine = [platform.node(), platform.machine(), os.cpu_count(), keras.backend.backend(), keras.__version__, BATCH]
    return {"graph": graph, "machine": machine}
