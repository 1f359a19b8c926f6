"""`zoo recipes`: the ways to train, and what each of them does."""

from __future__ import annotations

from typing import Any

import click

from zoo.cli.output import print_fields, print_json, print_table
from zoo.cli.parameters import json_goes_last, json_option
from zoo.registry import Table


@click.group("recipes", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List recipes, or show one with its phases.

    \b
    Example:
      zoo recipes
      zoo recipes show lp-ft
      zoo recipes show mine.yaml
    """
    if ctx.invoked_subcommand is not None:
        json_goes_last(ctx, as_json)
        return
    _list(as_json)


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List recipes.

    \b
    Example:
      zoo recipes list
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    from zoo.training.recipes import RECIPES

    rows = [
        {"name": recipe.name, "phases": [phase.name for phase in recipe.phases], "summary": recipe.summary}
        for recipe in RECIPES.values()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(Table(rows, columns=("name", "phases", "summary")), expendable=("phases",))


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@json_option
def show_command(name: str, as_json: bool) -> None:
    """Show a recipe: its phases, and what they say beside the defaults.

    NAME is one that `zoo recipes` lists, or a file of yours (.yaml, .yml, .json): it is checked.

    \b
    Example:
      zoo recipes show lp-ft
    """
    from zoo.training.recipes import choose

    recipe = choose(name)
    if as_json:
        print_json(recipe.model_dump(mode="json"))
        return
    click.echo(f"{recipe.name}: {recipe.summary}" if recipe.summary else recipe.name)
    if recipe.source:
        print_fields([("source", recipe.source)], indent="  ")
    for phase in recipe.phases:
        click.echo(f"  {phase.name}")
        said: dict[str, Any] = phase.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        fields = [("solver", phase.solver), *((key, value) for key, value in said.items() if key != "solver")]
        print_fields([(key, _text(value)) for key, value in fields], indent="    ")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
