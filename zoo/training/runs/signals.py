"""SIGTERM ends a run as an error does, so that nothing half-begun is left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TERMINATED = 143
"""Exit code after SIGTERM: 128 + 15, as in a shell."""


@contextmanager
def ending_when_terminated() -> Iterator[None]:
    """SIGTERM ends what is done in here as an error does, with its exit code, so that nothing half-begun is left.

    Only in the main thread, and where nobody else has plans for the signal.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(kind: int, frame: Any) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
