"""`--data-option KEY=VALUE`: options of the dataset that a command is given by name."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from zoo.cli.parameters import named_options


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--data-option` to a command with the argument DATA, which gets `{name: options}` as a text then."""

    @functools.wraps(function)
    def command(*args: Any, data: str, data_pairs: Sequence[str], **kwargs: Any) -> Any:
        return function(*args, data=_spelled(data, data_pairs), **kwargs)

    return click.option(
        "--data-option",
        "data_pairs",
        multiple=True,
        metavar="KEY=VALUE",
        help="Option of a named dataset (repeatable); `zoo datasets show NAME` lists them.",
    )(command)


def _spelled(data: str, pairs: Sequence[str]) -> str:
    """The text that means the dataset with these options wherever data is taken.

    Raises:
        UnknownNameError: there is no dataset of that name.
        OptionError: an option is unknown or does not fit.
    """
    if not pairs:
        return data
    from zoo.plugin import manager, option_schema, registry

    entry = registry().get("datasets", data)
    options = named_options(pairs, option_schema(entry), flag="--data-option")
    manager().options(entry, options)
    return json.dumps({data: options})
