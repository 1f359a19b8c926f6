"""One head, dataset, augmentation or other named thing as a page: what it is, who provides it, its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zoo.cli.output import print_fields, print_table
from zoo.plugin import option_schema

if TYPE_CHECKING:
    from zoo.registry import Entry
    from zoo.table import Table


def page_data(entry: Entry) -> dict[str, Any]:
    """Everything about an entry as JSON-ready data."""
    return {
        "kind": entry.kind,
        "id": entry.id,
        "provider": str(entry.provider),
        **entry.spec.model_dump(mode="json"),
        **({"option_schema": option_schema(entry)} if "option_schema" in type(entry.spec).model_fields else {}),
    }


_OWN = {"name", "summary", "options", "option_schema", "trained", "deprecated"}
"""Fields that have a place of their own on the page."""


def print_page(entry: Entry) -> None:
    """The page on stdout."""
    data = page_data(entry)
    click.echo(f"{data['id']}: {data['summary']}" if data["summary"] else data["id"])
    fields = [("provided by", data["provider"])]
    fields += [
        (name, _text(value))
        for name, value in data.items()
        if name not in _OWN | {"id", "kind", "provider"} and value not in (None, "", [], {})
    ]
    print_fields(fields, indent="  ")
    for record in data.get("trained", ()):
        share, count = record["validation_accuracy"], record["validation_count"]
        click.echo(
            f"  trained weights for {record['backbone']} ({record['input_size']} px): "
            f"accuracy {share:.3f} on {count} files held out"
        )
    if "option_schema" in data:
        table = option_table(data["option_schema"])
        click.echo("  options" if len(table) else "  no options")
        if len(table):
            print_table(table)


def option_table(schema: dict[str, Any]) -> Table:
    """The options of a schema: name, type with its limits, default, description."""
    from zoo.table import Table

    required = schema.get("required", ())
    rows = [
        {
            "name": name,
            "type": type_name(option),
            "default": "required" if name in required else _text(option.get("default")),
            "description": option.get("description", ""),
        }
        for name, option in schema.get("properties", {}).items()
    ]
    return Table(rows, columns=("name", "type", "default", "description"))


_LIMITS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
}


def type_name(option: dict[str, Any]) -> str:
    """The type of an option in words: `number >= 0, < 1`, `list of integer`, `'constant' or 'reflect'`."""
    if "const" in option or "enum" in option:
        return " or ".join(repr(value) for value in option.get("enum", [option.get("const")]))
    if "anyOf" in option:
        return " or ".join(type_name(branch) for branch in option["anyOf"])
    name = str(option.get("type", "anything"))
    if name == "array":
        items = option.get("items", {})
        return f"list of {type_name(items)}" if items else "list"
    limits = _limits(option)
    return f"{name} {limits}" if limits else name


def _limits(option: dict[str, Any]) -> str:
    return ", ".join(text.format(option[key]) for key, text in _LIMITS.items() if key in option)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    return "-" if value is None else str(value)
