"""Progress bars for long work, on stderr; there are none unless stderr is a terminal."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, Literal, Self


class ProgressBar:
    """Called with (done, in all); shows a bar from the first call until all is done, then takes it away.

    It ends itself when everything is done, because what follows (Keras) writes to the same terminal.
    """

    def __init__(self, text: str, *, unit: Literal["images", "bytes"]) -> None:
        self._text = text
        self._unit = unit
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        if self._bar is None:
            self._start()
        self._bar.update(self._task, completed=done, total=total)
        if total is not None and done >= total:
            self.stop()

    def stop(self) -> None:
        """Take the bar away; the next call starts another."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        count = DownloadColumn() if self._unit == "bytes" else MofNCompleteColumn()
        text = TextColumn("{task.description}", markup=False)
        self._bar = Progress(
            text, BarColumn(), count, TimeRemainingColumn(), console=Console(stderr=True), transient=True
        )
        self._task = self._bar.add_task(self._text, total=None)
        self._bar.start()


def progress_bar(
    text: str, *, unit: Literal["images", "bytes"], quiet: bool = False
) -> AbstractContextManager[ProgressBar | None]:
    """A bar to use in `with ... as progress`; None where none is shown: not on a terminal, or silence is asked for."""
    return nullcontext() if quiet or not sys.stderr.isatty() else ProgressBar(text, unit=unit)
