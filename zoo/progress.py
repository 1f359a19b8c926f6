"""One display for long work: a bar with the time that is left, or a line for each thing done, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

from zoo.errors import OptionError

Progress = Callable[[int, int | None], None]
"""Called with what is done and how much there is in all (None: unknown)."""

Unit = Literal["images", "bytes", "steps"]


_MINUTE = 60.0
"""Seconds between two lines where nobody may be reading, such as in a job."""

_PAUSE = 10.0
"""Seconds after which work that goes on says how far it is, where lines are read."""


class Display:
    """Shows long work, one piece after the other.

    On a terminal a bar on stderr, and above it a line for each epoch. Without one lines on stdout, where Keras writes.

    Args:
        verbose: "auto": the bar if stderr is a terminal; lines in a notebook; else a line a minute on stderr. 0:
            nothing. 1: the bar; lines where there is no terminal. 2: lines.

    Raises:
        OptionError: another value.
    """

    def __init__(self, verbose: int | str = "auto") -> None:
        if verbose not in (0, 1, 2, "auto"):
            raise OptionError(
                f"verbose={verbose!r}: choose 0 (nothing), 1 (a bar), 2 (a line for each epoch) or 'auto'"
            )
        self._has_bar = verbose in (1, "auto") and sys.stderr is not None and sys.stderr.isatty()
        self._is_sparse = verbose == "auto" and not self._has_bar and not in_notebook()
        self.silent = verbose == 0 or (self._is_sparse and sys.stderr is None)
        """Whether nothing is ever shown."""
        self._pause = _MINUTE if self._is_sparse else _PAUSE
        self._last = time.monotonic()
        self._bar: Any = None
        self._task: Any = None
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def counter(self, text: str, *, unit: Unit = "images", also: Progress | None = None) -> Progress | None:
        """What work that counts is to call: shows how far it is, and says so when it is done.

        Args:
            text: what is being done.
            unit: what is counted.
            also: called as well.

        Returns:
            The function; None where there is nobody to tell.
        """
        if self.silent:
            return also
        started: float | None = None
        finished: int | None = None

        def tell(done: int, total: int | None) -> None:
            nonlocal started, finished
            if also is not None:
                also(done, total)
            if finished is not None and done == total == finished:
                return  # the end is often told twice
            started = started or time.monotonic()
            self.show(text, done, total, unit=unit)
            finished = total if total is not None and done >= total else None
            if finished is not None:
                self.stop()
                if not self._has_bar:
                    self.say(f"{text}: {total} {unit}, {time.monotonic() - started:.1f} s")
                started = None

        return tell

    @property
    def is_due(self) -> bool:
        """Return whether `show` has something to show now: a bar, or a line after a pause."""
        return self._has_bar or (not self.silent and time.monotonic() - self._last >= self._pause)

    def show(self, text: str, done: int, total: int | None, *, unit: Unit = "steps", detail: str = "") -> None:
        """Move the bar, or write a line where the last one was long ago.

        Another text, and the bar starts anew, with a new estimate of the time left.
        """
        if not self.is_due:
            return
        if not self._has_bar:
            self.say(f"{text}{detail}: {_progress(done, total, unit)}")
            return
        if text != self._text:
            self.stop()
        if self._bar is None:
            self._start(text, unit)
        self._bar.update(self._task, completed=done, total=total, description=text + detail)

    def say_all(self, lines: Iterable[str]) -> None:
        """Lines that stay, one after the other."""
        for line in lines:
            self.say(line)

    def say(self, line: str) -> None:
        """A line that stays, above the bar if there is one."""
        if self.silent or (self._is_sparse and not self.is_due):
            return
        self._last = time.monotonic()
        if self._is_sparse:
            print(line, file=sys.stderr, flush=True)
        elif self._has_bar:
            (self._bar.console if self._bar is not None else _console()).print(line, markup=False, highlight=False)
        else:
            print(line, flush=True)

    def stop(self) -> None:
        """Take the bar away; the next piece of work brings another."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _start(self, text: str, unit: Unit) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self._text = text
        count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            count,
            TimeRemainingColumn(),
            console=_console(),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes into a file must not land on the terminal
        )
        self._task = self._bar.add_task(text, total=None)
        self._bar.start()


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, force_jupyter=False)


def _progress(done: int, total: int | None, unit: Unit) -> str:
    """How far work is, such as "300 of 1250 images"."""
    counts = [str(count) if unit != "bytes" else f"{count / 1e6:.1f}" for count in (done, total) if count is not None]
    return f"{' of '.join(counts)} {'MB' if unit == 'bytes' else unit}"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook: what is printed lands below its cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def figures(logs: Mapping[str, Any]) -> str:
    """Metrics as text, in the order of Keras."""
    return ", ".join(f"{name} {float(value):.4g}" for name, value in logs.items())
