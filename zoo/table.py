"""Tables that print: rows of a listing as text, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zoo.printing import printable


class Table(Sequence[dict[str, Any]]):
    """Rows of a listing: a sequence of dicts that prints as a readable table."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], title: str = "") -> None:
        self._rows = [dict(row) for row in rows]
        self.columns = tuple(columns)
        self.title = title

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return self.render()

    def render(self, *, width: int | None = None, color: bool = False) -> str:
        """The table as text.

        Args:
            width: columns of the terminal; None: as wide as needed.
            color: whether to write terminal colors.
        """
        cells = [[cell(column, row.get(column)) for column in self.columns] for row in self._rows]
        right = [self._is_of_numbers(column) for column in self.columns]
        sizes = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        most = width or 200
        if sum(sizes) + 2 * (len(sizes) - 1) > most:
            return self._wrapped(cells, right, most, color)
        # Without rich where nothing has to be wrapped: its import is a third of the time of `zoo list`.
        lines = [_aligned(line, sizes, right) for line in (self.columns, *cells)]
        if color:
            lines[0] = f"\x1b[1m{lines[0]}\x1b[0m"
        return "\n".join([self.title, *lines] if self.title else lines)

    def _is_of_numbers(self, column: str) -> bool:
        return all(isinstance(row.get(column), int | float | None) for row in self._rows)

    def _wrapped(self, cells: list[list[str]], right: list[bool], width: int, color: bool) -> str:
        import io

        from rich.console import Console
        from rich.table import Table as RichTable

        table = RichTable(title=self.title or None, box=None, pad_edge=False, header_style="bold", title_justify="left")
        for column, to_right in zip(self.columns, right, strict=True):
            table.add_column(
                column, justify="right" if to_right else "left", no_wrap=column in {"name", "plugin", "distribution"}
            )
        for row in cells:
            table.add_row(*row)
        out = io.StringIO()
        # No markup: a class may be called "[red]".
        console = Console(
            force_jupyter=False,
            file=out,
            width=width,
            force_terminal=color,
            color_system="auto" if color else None,
            markup=False,
            emoji=False,
        )
        console.print(table)
        return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell(column, row.get(column)))}</td>" for column in self.columns) + "</tr>"
            for row in self._rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _aligned(cells: Sequence[str], sizes: Sequence[int], right: Sequence[bool]) -> str:
    texts = zip(cells, sizes, right, strict=True)
    return "  ".join(text.rjust(size) if to_right else text.ljust(size) for text, size, to_right in texts).rstrip()


def _counted(number: float) -> str:
    return f"{number / 1e6:,.2f} M" if number < 1e9 else f"{number / 1e9:,.2f} G"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


_FORMS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("top1", "top5"), "{:.3f}".format),
    **dict.fromkeys(("params", "params_top", "macs"), _counted),
    **dict.fromkeys(("size", "size_top", "bytes"), _megabytes),
    "ms": "{:.1f}".format,
}
"""How the figures of a column are shown."""


def cell(column: str, value: Any) -> str:
    """A value of a column as listings show it: millions, megabytes, a dash for nothing."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "-"
    if column in _FORMS:
        return _FORMS[column](value)
    if isinstance(value, list | tuple):
        value = ", ".join(str(item) for item in value)
    return printable(str(value))
