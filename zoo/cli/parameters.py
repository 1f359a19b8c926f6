"""What users write in options: amounts such as 10M, key=value pairs, comma lists, shares; options of several verbs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import click


class Amount(click.ParamType):
    """A number with a suffix: `10M`, `1.5G`, `50MB`, `5.3e6`. Case does not matter, nor does a space."""

    def __init__(self, name: str, suffixes: Mapping[str, float]) -> None:
        self.name = name
        self._suffixes = {"": 1.0, **{suffix.lower(): factor for suffix, factor in suffixes.items()}}
        self._shown = ", ".join(suffixes)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, suffix applied."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d+(?:[.]\d*)?(?:e[+-]?\d+)?)\s*([a-z]*)", value.strip().lower())
        if match is None or match[2] not in self._suffixes:
            self.fail(f"{value!r} is not an amount: give a number such as 5e6, or one with {self._shown}.", param, ctx)
        return float(match[1]) * self._suffixes[match[2]]


COUNT = Amount("amount", {"k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9})
"""A number of weights; B is a billion."""

_DECIMAL = {"k": 1e3, "M": 1e6, "G": 1e9}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
BYTES = Amount("size", {"B": 1.0, **{f"{key}B": f for key, f in (_DECIMAL | _BINARY).items()}, **_DECIMAL})
"""A size in bytes."""


class HeldOut(click.ParamType):
    """What to hold out: a share (0.2), a number of examples (100), or data of its own (a folder or dataset)."""

    name = "share|count|data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A float, an int, or the text as it is."""
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return value


def names(texts: Iterable[str]) -> list[str]:
    """Names given one by one or in comma lists."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def head_options(pairs: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a head from `key=value` texts.

    A value is read as JSON if it is JSON (`0.5`, `true`, `[1, 2]`), as a list if it has commas, else as text. One
    value for an option that is a list becomes a list of one.

    Args:
        pairs: texts `key=value`.
        schema: the JSON schema of the options; says which are lists and which are texts.

    Raises:
        click.UsageError: a text has no `=`, or a key comes twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise click.UsageError(f"--head-option takes key=value, e.g. dropout=0.3; got {pair!r}.")
        if key in found:
            raise click.UsageError(f"--head-option {key} is given twice; a list is written {key}=1,2.")
        declared = schema.get("properties", {}).get(key, {}).get("type")
        if declared == "string":
            found[key] = text
            continue
        value = _value(text)
        found[key] = [value] if declared == "array" and not isinstance(value, list) else value
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if "," in text:
            return [_value(part.strip()) for part in text.split(",")]
        return text


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress bars.")


def json_goes_last(ctx: click.Context, as_json: bool) -> None:
    """Refuse `zoo heads --json show mlp`, where the option would be lost without a word.

    Raises:
        click.UsageError: the option was given in front of the subcommand.
    """
    if as_json:
        raise click.UsageError(f"Write --json after {ctx.invoked_subcommand!r}.", ctx)
