"""`zoo recipes`: the ways to train, and what each of them does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.output import print_fields, print_json, print_table
from zoo.cli.parameters import json_goes_last, json_option

if TYPE_CHECKING:
    from zoo.specs import RecipeSpec


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
    from zoo.plugin.listing import recipes

    table = recipes()
    if as_json:
        print_json(list(table))
    else:
        print_table(table, expendable=("provider", "phases"))


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
    recipe, provider = _found(name)
    if as_json:
        print_json({**({"provider": provider} if provider else {}), **recipe.model_dump(mode="json")})
        return
    click.echo(f"{recipe.name}: {recipe.summary}" if recipe.summary else recipe.name)
    if provider:
        print_fields([("provided by", provider)], indent="  ")
    if recipe.source:
        print_fields([("source", recipe.source)], indent="  ")
    for phase in recipe.phases:
        click.echo(f"  {phase.name}")
        said: dict[str, Any] = phase.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
        fields = [("solver", phase.solver), *((key, value) for key, value in said.items() if key != "solver")]
        print_fields([(key, _text(value)) for key, value in fields], indent="    ")


def _found(name: str) -> tuple[RecipeSpec, str]:
    """The recipe of a name or in a file, and who provides it (empty for a file)."""
    if Path(name).suffix:  # a file, most likely; what reads it takes longer to load
        from zoo.training.recipes.files import is_file, read_recipe

        if is_file(name):
            return read_recipe(Path(name)), ""
    from zoo.plugin import registry

    entry = registry().get("recipes", name)
    return entry.spec, str(entry.provider)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
