"""The commands `heads`, `datasets` and `augmentations`, which are one: a listing, and `show NAME` below it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from zoo.cli.output import print_json, print_table
from zoo.cli.parameters import json_goes_last, json_option


def listing_group(kind: str, *, text: str, show: str, example: str, expendable: Sequence[str]) -> click.Group:
    """The command of a kind of thing.

    Args:
        kind: "heads", "datasets" or "augmentations": what the registry and the Python API call it.
        text: what the listing does, in one line.
        show: what `show NAME` does, in one line.
        example: a name to show in the help.
        expendable: columns to leave out on a narrow terminal, the least important first.
    """

    @click.group(
        kind, invoke_without_command=True, help=f"{text}\n\n\b\nExample:\n  zoo {kind}\n  zoo {kind} show {example}"
    )
    @json_option
    @click.pass_context
    def command(ctx: click.Context, as_json: bool) -> None:
        if ctx.invoked_subcommand is not None:
            json_goes_last(ctx, as_json)
            return
        table = getattr(import_module("zoo.plugin.listing"), kind)()
        if as_json:
            print_json(list(table))
        else:
            print_table(table, expendable=expendable)

    @command.command("show", help=f"{show}\n\n\b\nExample:\n  zoo {kind} show {example}")
    @click.argument("name")
    @json_option
    def show_command(name: str, as_json: bool) -> None:
        from zoo.cli.pages import page_data, print_page
        from zoo.plugin import registry

        entry = registry().get(kind, name)
        if as_json:
            print_json(page_data(entry))
        else:
            print_page(entry)

    return command
