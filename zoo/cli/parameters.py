"""What users write in options: amounts such as 10M, key=value pairs, comma lists, shares; options of several verbs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from zoo.cli.output import only_json
from zoo.errors import OptionError


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
    """What to hold out: a share (0.2, 20%), a number of examples (100), data of its own, or cells of a table's column.

    `month>=2016-07` means the later rows, `speaker=theo,lucas` those of two speakers.
    """

    name = "share|count|data|column=cells"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A float, an int, a mapping from a column to cells, or the text as it is.

        Raises:
            ZooError: a text that is neither a path nor the name of a dataset.
        """
        percent = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", str(value))
        if percent:
            return float(percent[1]) / 100
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        if re.fullmatch(r"[\w:.%-]+", value) and not Path(value).exists():
            from zoo.plugin import registry

            registry().get("datasets", value)  # else nothing of that name is there: said now, not after minutes
        match = re.fullmatch(r"([^<>=/\\{]+?)\s*(>=|<=|>|<|=)\s*(.+)", str(value))
        if match is None or Path(str(value)).exists():
            return value
        column, order, cells = match.groups()
        return {column: cells.split(",") if order == "=" else f"{order}{cells}"}


def names(texts: Iterable[str]) -> list[str]:
    """Names given one by one or in comma lists."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def named_options(pairs: Iterable[str], schema: Mapping[str, Any], *, flag: str) -> dict[str, Any]:
    """Options of something with a name (head, dataset, augmentation) from `key=value` texts.

    A value is read as JSON if it is JSON (`0.5`, `true`, `[1, 2]`), as a list if it has commas, else as text. One
    value for an option that is a list becomes a list of one.

    Args:
        pairs: texts `key=value`.
        schema: the JSON schema of the options; says which are lists and which are texts.
        flag: the option of the command line they come from, for errors.

    Raises:
        click.UsageError: a text has no `=`, or a key comes twice.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise click.UsageError(f"{flag} takes key=value, e.g. {_example(schema)}; got {pair!r}.")
        if key in options:
            raise click.UsageError(f"{flag} {key} is given twice; a list is written {key}=1,2.")
        declared = schema.get("properties", {}).get(key, {}).get("type")
        if declared == "string":
            options[key] = text
            continue
        value = _value(text)
        options[key] = [value] if declared == "array" and not isinstance(value, list) else value
    return options


def _example(schema: Mapping[str, Any]) -> str:
    for key, option in schema.get("properties", {}).items():
        return f"{key}={json.dumps(option['default'])}" if "default" in option else f"{key}=..."
    return "dropout=0.3"


def items_with_options(texts: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Names with options from texts such as `flip,cutout:share=0.5,fill=0`.

    Items are separated by commas outside brackets. Options follow a name after a colon, further ones after a colon or a
    comma: what holds `=` and no colon in front of it belongs to the item before.

    Returns:
        (name, texts `key=value`) of each item; the name may be `plugin:name`.

    Raises:
        click.UsageError: an option without a name in front of it.
    """
    items: list[tuple[str, list[str]]] = []
    for text in texts:
        for part in re.split(r",(?![^\[{]*[\]}])", text):
            if not part.strip():
                continue
            names, equals, _ = part.partition("=")
            pieces = [piece.strip() for piece in names.split(":")]
            if not equals:
                items.append((part.strip(), []))
            elif len(pieces) > 1:
                name = ":".join(pieces[:-1])
                items.append((name, _pairs(part.strip()[len(name) + 1 :])))
            elif items:
                items[-1][1].extend(_pairs(part.strip()))
            else:
                raise click.UsageError(f"{part!r} is an option without a name; write it as name:key=value.")
    return items


def _pairs(text: str) -> list[str]:
    """`a=1:b=2` as texts `key=value`; a colon that starts no further pair belongs to the value."""
    return [pair.strip() for pair in re.split(r":(?=\s*[A-Za-z_]\w*=)", text)]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if "," in text:
            return [_value(part.strip()) for part in text.split(",")]
        return text


def _keep_stdout_free(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value and not ctx.resilient_parsing:
        ctx.with_resource(only_json())
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_keep_stdout_free, help="Print JSON, and nothing else, on stdout."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress bars.")


def verbosity(quiet: bool) -> int | str:
    """Return what `verbose=` and `Display` take."""
    return 0 if quiet else "auto"


def check_folder(option: str, path: str | Path | None) -> None:
    """Refuse a file that cannot be written, since its folder is not there; None: no file is asked for.

    Raises:
        OptionError: the folder does not exist.
    """
    if path is not None and not Path(path).parent.is_dir():
        raise OptionError(f"{option} {str(path)!r}: the folder {str(Path(path).parent)!r} does not exist")


def json_goes_last(ctx: click.Context, as_json: bool) -> None:
    """Refuse `zoo heads --json show mlp`, where the option would be lost without a word.

    Raises:
        click.UsageError: the option was given in front of the subcommand.
    """
    if as_json:
        raise click.UsageError(f"Write --json after {ctx.invoked_subcommand!r}.", ctx)
