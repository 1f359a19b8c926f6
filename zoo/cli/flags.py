"""Advice that the library gives in Python, as a user of the command line types it: budget=400 becomes --budget 400."""

from __future__ import annotations

import re

import click

_VALUE = r"\"[^\"]*\"|'[^']*'|[\w./:-]*\w"
_CALL = re.compile(rf"(?:\b(?:zoo|model|run)\.)?\b(?:fit|build|evaluate|recommend|compare)\((\w+)=({_VALUE})\)")
_KEYWORD = re.compile(rf"(?<![\w.(\-])(\w+)=({_VALUE})?(?![\w\[{{(=])")


class Wording:
    """Puts texts into the words of the command that runs.

    Attributes:
        command: what runs; None before that is known.
    """

    def __init__(self) -> None:
        self.command: click.Command | None = None

    def __call__(self, text: str) -> str:
        """Return the text with the keywords that are options of the command as its flags; others stay."""
        flags = self._flags()
        if not flags:
            return text

        def flag(match: re.Match[str]) -> str:
            name, value = match[1], match[2]
            if name not in flags:
                return match[0]
            return f"{flags[name]} {value.strip(chr(34) + chr(39))}" if value else flags[name]

        return _KEYWORD.sub(flag, _CALL.sub(flag, text))

    def _flags(self) -> dict[str, str]:
        """Keyword -> flag, of the options that take a value."""
        options = [] if self.command is None else self.command.params
        return {
            name.removeprefix("--").replace("-", "_"): name
            for option in options
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
            if name.startswith("--")
        }


in_flags = Wording()
"""Of the command line of this process."""
