"""Which engine computes a job: the one asked for, or the fastest by measurement, where that pays."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoo import settings
from zoo.errors import EngineError, OptionError, UnknownNameError
from zoo.features.engines import onnx_runtime
from zoo.features.engines.in_process import InProcess
from zoo.features.engines.interface import BATCH, Engine, Job, Task
from zoo.features.engines.of_plugin import OfPlugin
from zoo.features.engines.pool import Pool
from zoo.plugin import registry
from zoo.registry import ZooNotice
from zoo.whole_file import write_whole

ENGINES: Mapping[str, Callable[[], Engine]] = {"keras": InProcess, "onnx": onnx_runtime.OnnxRuntime, "pool": Pool}

CLEARLY = 0.9
"""Another engine than Keras must take at most this share of its time, start and conversion included."""

WORTH = 60.0
"""Seconds that Keras must need by estimate before the others are tried: trying takes 15 to 30."""

_SAMPLE_SECONDS = 3.0
_MOST, _LEAST = 4, 2  # batches of the sample


def check_name(name: str) -> None:
    """Refuse the name of an engine that nobody provides.

    Raises:
        OptionError: there is no such engine; names those there are.
    """
    if name in settings.ENGINES:
        return
    try:
        registry().get("engines", name)
    except UnknownNameError as error:
        known = (*settings.ENGINES, *(entry.name for entry in registry().entries("engines")))
        raise OptionError(f"there is no engine {name!r} (ZOO_ENGINE, engine=): known are {', '.join(known)}") from error


def by_name(name: str, job: Job) -> Engine:
    """Return an engine by its name, zoo's own or that of a plugin; Keras, with a notice, where it refuses the job.

    Raises:
        OptionError: there is no such engine, or it is not installed.
        PluginError: the engine of a plugin fails.
    """
    check_name(name)
    engine: Engine = ENGINES[name]() if name in ENGINES else OfPlugin(registry().get("engines", name))
    reason = engine.refuses(job)
    if reason == onnx_runtime.MISSING:
        raise OptionError(f"ZOO_ENGINE=onnx: {reason}, or unset ZOO_ENGINE")
    if not reason:
        return engine
    warnings.warn(f"features come from Keras in this process, not from {name}: {reason}", ZooNotice, stacklevel=2)
    return InProcess()


def fastest(job: Job) -> Engine:
    """The engine that will be done first, by times measured on this machine with images of the dataset.

    They are kept per network and machine, beside the milliseconds of `latency`. Engines whose features differ from
    Keras's by more than rounding (`onnx_runtime.TOLERANCE`), or fail, are left out.
    """
    usable = {name: engine for name, make in ENGINES.items() if not (engine := make()).refuses(job)}
    count = len(job.dataset)
    if len(usable) == 1:
        return usable["keras"]
    record = _record(job, usable)
    if record is None:
        from zoo.features.latency import milliseconds  # here, not above: it reads BATCH from this package

        if milliseconds(job.model) * count / 1000 < WORTH:
            return usable["keras"]
        record = _calibrated(job, usable)
    seconds = {name: _seconds(name, record[name], job, count) for name in usable if "rate" in record.get(name, {})}
    best = min(seconds, key=lambda name: seconds[name])
    return usable[best if seconds[best] <= CLEARLY * seconds["keras"] else "keras"]


def _seconds(name: str, measured: Mapping[str, float], job: Job, count: int) -> float:
    once = 0.0 if name == "onnx" and onnx_runtime.converted_before(job) else measured["start"]
    return once + count / measured["rate"]


def _record(job: Job, usable: Mapping[str, Engine]) -> dict[str, Any] | None:
    try:
        record = json.loads(_path(job, usable).read_text(encoding="utf-8"))
        return record if float(record["keras"]["rate"]) > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not measured yet, or not readable: measured now


def _path(job: Job, usable: Mapping[str, Engine]) -> Any:
    machine = [platform.node(), platform.machine(), os.cpu_count()]
    engines = {name: engine.identity for name, engine in usable.items()}
    key = hashlib.sha256(
        json.dumps([job.graph, job.intake.model_dump(mode="json"), machine, engines]).encode()
    ).hexdigest()
    return settings.cache_dir() / "latency" / f"engines-{key}.json"


def _calibrated(job: Job, usable: Mapping[str, Engine]) -> dict[str, Any]:
    from zoo.features.latency import milliseconds

    batches_wanted = int(1000 * _SAMPLE_SECONDS / milliseconds(job.model)) // BATCH
    count = BATCH * max(_LEAST, min(_MOST, batches_wanted))
    places = np.unique(np.linspace(0, len(job.dataset) - 1, count).astype(np.int64))
    sample = Job(job.model, job.dataset.subset(places), job.intake)
    expected, record = _tried(usable["keras"], sample)
    records = {"keras": record}
    for name, engine in usable.items():
        if name == "keras":
            continue
        try:
            values, measured = _tried(engine, sample)
        except EngineError as error:
            records[name] = {"reason": str(error)}
            continue
        difference = float(np.abs(values - expected).max(initial=0.0) / max(np.abs(expected).max(initial=0.0), 1e-30))
        agrees = difference <= onnx_runtime.TOLERANCE
        records[name] = measured | {"difference": difference} if agrees else {"reason": f"differs by {difference:.1e}"}
    path = _path(job, usable)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(records, indent=1).encode())
    return records


def _tried(engine: Engine, sample: Job) -> tuple[np.ndarray, dict[str, Any]]:
    """Features of the sample, images per second (the better of two passes over it), and seconds before the first."""
    count = len(sample.dataset)
    tasks = [Task(n, range(start, min(start + BATCH, count))) for n, start in enumerate(range(0, count, BATCH))]
    begun = time.perf_counter()
    # Twice in one go, under other numbers: what starts, starts once.
    again = [Task(len(tasks) + task.shard, task.members) for task in tasks if len(task.members) == BATCH]
    times, parts = [], {}
    for answer in engine.run(sample, [*tasks, *again], lambda images: None):
        times.append((time.perf_counter(), len(answer.positions) + len(answer.skipped)))
        parts[answer.shard] = answer.values
    first = getattr(engine, "workers", 1)  # that many answers come at once
    if len(times) <= first:
        return _values(parts, tasks), {"start": times[-1][0] - begun, "rate": count / (times[-1][0] - begun)}
    half = max(first, len(times) // 2)
    rates = [
        sum(images for _, images in times[a:b]) / max(times[b - 1][0] - times[a - 1][0], 1e-6)
        for a, b in ((first, half), (half, len(times)))
        if b > a
    ]
    rate = max(rates)
    start = max(0.0, times[first - 1][0] - begun - sum(images for _, images in times[:first]) / rate)
    return _values(parts, tasks), {"start": start, "rate": rate}


def _values(parts: Mapping[int, np.ndarray], tasks: list[Task]) -> np.ndarray:
    return np.concatenate([parts[task.shard] for task in tasks])
