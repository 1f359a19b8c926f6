"""Milliseconds per image of a model on this machine: measured once, kept beside the features."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from typing import Any

import numpy as np

from zoo import settings
from zoo.features import kept
from zoo.features.engines import BATCH
from zoo.features.identity import graph_digest
from zoo.plugin.at_hand import LATENCY
from zoo.specs import Size
from zoo.whole_file import write_whole

_KIND = "latency"
_SECONDS = 1.0
_MOST, _LEAST = 10, 3

BUSY = 1.5
"""Processes a CPU that want to run, over the last minute, above which a figure says more of the others than of a model;
the measurement itself keeps every CPU busy."""


def milliseconds(model: Any, *, cache: bool = True) -> float:
    """Wall time of the forward pass per image, in batches of 32: the least of several, since others only slow it down.

    Args:
        model: a Keras model from float32 arrays (n, size, size, channels).
        cache: whether to take a figure measured before on this machine, and to keep this one.

    Returns:
        Milliseconds, above 0.
    """
    digest = graph_digest(model) if cache else None  # a graph without a digest is measured anew
    figure = measured_before(digest) if digest else None
    if figure is not None:
        return figure
    arrays = np.full((BATCH, *model.input_shape[1:]), 127, np.float32)
    model.predict_on_batch(arrays)  # traces the graph
    times: list[float] = []
    while len(times) < _LEAST or (len(times) < _MOST and sum(times) < _SECONDS):
        start = time.perf_counter()
        model.predict_on_batch(arrays)
        times.append(time.perf_counter() - start)
    figure = 1000 * min(times) / BATCH
    if digest:
        kept.write(_KIND, _key(digest), figure)
    return figure


def note(name: str, size: Size, figure: float) -> None:
    """Remember milliseconds by the name of a backbone, for `zoo list`.

    Measured while the machine was busy they do not count, and the next measurement replaces them.

    Args:
        name: `plugin:name` of the backbone.
        size: side of its input, in px.
        figure: milliseconds an image.
    """
    path = settings.cache_dir() / "latency" / LATENCY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    busy = hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)
    row = {"size": size, "ms": round(figure, 3), "busy": bool(busy)}
    rows = content if isinstance(content, dict) else {}
    if busy and rows.get(name, {}).get("busy") is False:
        return
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({**rows, name: row}).encode())


def measured_before(graph: str) -> float | None:
    """Milliseconds per image that were kept for a graph (its digest) on this machine, or None."""
    return kept.read(_KIND, _key(graph))


def _key(graph: str) -> dict[str, Any]:
    import keras

    machine = [platform.node(), platform.machine(), os.cpu_count(), keras.backend.backend(), keras.__version__, BATCH]
    return {"graph": graph, "machine": machine}
