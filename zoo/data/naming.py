"""Groups by what stands in the names of files: the speaker, the patient, the film."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from zoo.errors import OptionError

NAME = "name:"
"""Begins a `group=` that is a pattern."""


def by_name(by: str | Callable[[str], str] | Sequence[str], names: Sequence[str]) -> list[str] | None:
    """Return the group of each name; None where `by` says nothing about names.

    Args:
        by: "folder"; "name:" and a pattern; a function of a name; or the groups themselves.
        names: of examples.

    Raises:
        OptionError: see `by_pattern`.
    """
    if callable(by):
        return [by(name) for name in names]
    if not isinstance(by, str):
        return [str(name) for name in by]
    if by == "folder":
        return [str(PurePosixPath(name).parent) for name in names]
    return by_pattern(by.removeprefix(NAME), names) if by.startswith(NAME) else None


def by_pattern(pattern: str, names: Sequence[str]) -> list[str]:
    """Return the group of each name: what the first parentheses of a pattern match in the last part of its path.

    Args:
        pattern: a regular expression, such as `_([^_]+)_` for the anna of `3_anna_07.wav`; without parentheses all that
            it matches is the group.
        names: of examples.

    Returns:
        One group a name, "" where the pattern is not in it.

    Raises:
        OptionError: it is no regular expression, or is in no name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise OptionError(f"group={NAME + pattern!r} is no regular expression: {error}") from error
    matches = [compiled.search(PurePosixPath(name).name) for name in names]
    groups = ["" if match is None else match[min(compiled.groups, 1)] or "" for match in matches]
    if not any(groups):
        raise OptionError(f"group={NAME + pattern!r} is in no name of an example, such as {names[0]!r:.80}")
    return groups
