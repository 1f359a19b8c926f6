"""Threads for reading files: how many, and one ordered map over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNK = 64


def worker_count() -> int:
    """Threads that pay: the processors this process may use, at least 2, at most 16.

    Pillow's decoders and resizing and hashlib release the interpreter lock, so threads do run in parallel.
    """
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        processors = os.cpu_count() or 1
    return max(2, min(16, processors))


def ordered_map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """`[function(item) for item in items]` in threads; the first exception is raised.

    One task holds 64 items: a task per item would cost a kilobyte of bookkeeping for each of a million files.
    """
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    if len(chunks) <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(worker_count(), thread_name_prefix="zoo-data") as pool:
        done = pool.map(lambda chunk: [function(item) for item in chunk], chunks)
        return [result for results in done for result in results]
