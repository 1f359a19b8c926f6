"""Wraps free text at the width of the terminal, and never inside a command: that is there to be copied."""

from __future__ import annotations

import re
import textwrap

_QUOTED = r"\"[^\"]*\"|'[^']*'"
_VALUE = rf"(?:{_QUOTED}|[^\s,;()]*[^\s,;().:])"
_ARGUMENT = rf"(?:-[\w-]+(?: {_VALUE})?|{_QUOTED}|[^\s,;]*[/.=\\][^\s,;()]*|[A-Z]{{2,}})"
_COMMAND = re.compile(rf"`[^`]+`|(?:zoo|pip|python) [a-z]+(?: {_ARGUMENT})*|--[a-z][\w-]* {_VALUE}")
_JOINT = "\x00"
"""Stands for a space at which no line ends."""

NARROWEST = 40
"""Columns below which nothing is wrapped: a terminal that says so is none that is read."""


def wrapped(text: str, width: int | None, *, indent: int = 0) -> str:
    """Return a text in lines of at most so many columns, commands and single words excepted.

    Args:
        text: one paragraph or several, separated by line ends.
        width: columns of the terminal; None, or fewer than `NARROWEST` are left: lines stay as they are.
        indent: columns that stand in front of each line already; lines after the first begin with so many blanks.
    """
    blank = " " * indent
    if width is None or width - indent < NARROWEST:
        return f"\n{blank}".join(text.splitlines())
    lines: list[str] = []
    for paragraph in text.splitlines():
        whole = _COMMAND.sub(lambda match: match[0].replace(" ", _JOINT), paragraph)
        kept = textwrap.wrap(whole, width - indent, break_long_words=False, break_on_hyphens=False)
        lines += [line.replace(_JOINT, " ") for line in kept or [""]]
    return f"\n{blank}".join(lines)
