"""Remembers whose code was used, for the record of a run and of a saved model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from zoo.registry import Entry

_logs: ContextVar[tuple[list[Entry], ...]] = ContextVar("zoo_usage", default=())


@contextmanager
def recording() -> Iterator[list[Entry]]:
    """Within it, every entry whose code is called is remembered.

    Yields:
        A list that fills with the entries in the order of their use, each once.
    """
    log: list[Entry] = []
    token = _logs.set((*_logs.get(), log))
    try:
        yield log
    finally:
        _logs.reset(token)


def used(entry: Entry) -> None:
    """Say that code of this entry is about to be used."""
    for log in _logs.get():
        if entry not in log:
            log.append(entry)
