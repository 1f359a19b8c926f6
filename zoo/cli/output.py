"""How the command line talks: results and JSON on stdout, notes on stderr, color and width only where they fit."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

import click

from zoo.cli.flags import in_flags
from zoo.cli.wrapping import wrapped
from zoo.printing import printable

if TYPE_CHECKING:
    from zoo.table import Table


class Notes:
    """Says on stderr what a user should know, each thing once: a notice may come as a warning and in a result."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        """Say it, unless it was said."""
        text = in_flags(one_line(text))
        if text not in self._said:
            self._said.add(text)
            click.echo(wrapped(f"note: {text}", _width_of_stderr()), err=True)

    def shown(self, text: str) -> None:
        """Count a text as said: it stands elsewhere on the screen."""
        self._said.add(in_flags(one_line(text)))

    def clear(self) -> None:
        """Forget what was said."""
        self._said.clear()


notes = Notes()


def one_line(text: str) -> str:
    """The text without line ends, and with control characters (of a file name, say) written out."""
    return printable(" ".join(text.split()))


_results: list[TextIO] = []
"""Where JSON goes while stdout is kept free for it; empty where nobody asked for JSON."""


@contextmanager
def only_json() -> Iterator[None]:
    """Within it stdout holds what `print_json` prints and nothing else; everything else goes to stderr.

    Whatever code of a plugin or of a library prints, in Python or past it to the file descriptor, would end up between
    the braces.
    """
    sys.stdout.flush()
    results, descriptor = sys.stdout, None
    if sys.stderr is None:
        yield
        return
    try:
        if results.fileno() == 1 and sys.stderr.fileno() == 2:
            descriptor = os.dup(1)
            results = io.TextIOWrapper(io.FileIO(descriptor, "w"), results.encoding, errors="backslashreplace")
            os.dup2(2, 1)
    except (OSError, ValueError):
        pass  # not a stream of the operating system: a test's, or a notebook's
    _results.append(results)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.pop()
        if descriptor is not None:
            results.flush()
            os.dup2(descriptor, 1)
            results.close()


def print_json(data: Any) -> None:
    """Strict JSON on stdout: what is not a number (NaN, infinity) becomes null."""
    click.echo(json.dumps(_finite(data), indent=2, allow_nan=False), file=_results[-1] if _results else None)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data


def width() -> int | None:
    """Columns of the terminal; None when stdout is not one (`COLUMNS` overrides)."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    return None


def _width_of_stderr() -> int | None:
    """Columns of the terminal that notes go to; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stderr is not None and sys.stderr.isatty() else None


def print_sentence(text: str) -> None:
    """Free text on stdout, wrapped at the width of the terminal, in the words of the command line."""
    click.echo(wrapped(in_flags(text), width()))


def color() -> bool:
    """Whether stdout shows colors: a terminal, and the user did not say no."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_UNLIMITED = 1000
"""Columns for a file or a pipe: no row is broken."""

_GAP = 2
"""Columns between two columns of a table."""


def print_table(table: Table, *, expendable: Sequence[str] = ()) -> None:
    """A table on stdout, fitted to the terminal.

    Args:
        table: the rows.
        expendable: columns to leave out where the terminal is too narrow, the least important first. What is still
            too wide after that is wrapped inside its cells.
    """
    limit = width()
    if limit is not None:
        table = _fitted(table, limit, expendable)
    click.echo(table.render(width=limit or _UNLIMITED, color=color()))


def _fitted(table: Table, limit: int, expendable: Sequence[str]) -> Table:
    from zoo.table import Table, cell

    widths = {
        column: max([len(column), *(len(cell(column, row.get(column))) for row in table)]) for column in table.columns
    }
    for column in expendable:
        if sum(widths.values()) + _GAP * (len(widths) - 1) <= limit:
            break
        widths.pop(column, None)
    return Table(table, columns=list(widths), title=table.title)


def print_fields(fields: Iterable[tuple[str, str]], *, indent: str = "") -> None:
    """Names and values in two columns; further lines of a value stand below its first."""
    shown = [(name, value) for name, value in fields if value]
    size = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        text = wrapped(value, width(), indent=len(indent) + size + 2)
        click.echo(f"{indent}{name:<{size}}  {text}")
