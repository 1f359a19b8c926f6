"""`zoo show`: one backbone, or whatever else has that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.cli.output import notes, print_json, print_table
from zoo.cli.parameters import json_option
from zoo.errors import OptionError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from zoo.registry import Entry

_KINDS = {"backbones": "backbone", "heads": "head", "datasets": "dataset", "augmentations": "augmentation"}
"""Where a name is looked for, in this order."""


@click.command("show")
@click.argument("name")
@click.option("--layers", is_flag=True, help="Add the table of all layers of a backbone.")
@json_option
def command(name: str, layers: bool, as_json: bool) -> None:
    """Describe a backbone, a head, a dataset or an augmentation.

    \b
    Example:
      zoo show vgg16 --layers
    """
    entries = _find(name)
    entry = entries[0]
    if entry.kind == "backbones":
        _show_backbone(entry, layers=layers, as_json=as_json)
    elif layers:
        raise OptionError(f"{entry.id!r} is a {_KINDS[entry.kind]}: only backbones have layers")
    else:
        _show_other(entry, as_json=as_json)
    for other in entries[1:]:
        notes(f"there is also a {_KINDS[other.kind]} of this name: `zoo {other.kind} show {name}`")


def _find(name: str) -> list[Entry]:
    """Everything that has this name.

    Raises:
        UnknownNameError: nothing has; near misses of all kinds are suggested.
    """
    from zoo.plugin import registry

    matches = []
    for kind in _KINDS:
        try:
            matches.append(registry().get(kind, name))
        except UnknownNameError:
            continue
    if not matches:
        raise _unknown(name)
    return matches


def _unknown(name: str) -> UnknownNameError:
    """The error for a name that nothing has, with near misses."""
    from zoo.plugin import registry

    entries = [entry for kind in _KINDS for entry in registry().entries(kind)]
    known = {spelling for entry in entries for spelling in entry.spellings}
    known |= {entry.id for entry in entries} if ":" in name else set()
    *but_last, last = _KINDS.values()
    hint = _families(name) or did_you_mean(name, known)
    return UnknownNameError(
        f"there is no {', '.join(but_last)} or {last} named {name!r}.{hint} "
        "`zoo list`, `zoo heads`, `zoo datasets` and `zoo augmentations` list them."
    )


def _families(name: str) -> str:
    """The families of backbones that are called like it, with some of theirs; "" for none."""
    from zoo.catalogue import families_like
    from zoo.plugin.listing import backbones

    sentences = []
    for family, names in families_like(name, backbones()).items():
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        sentences.append(f" The family {family} has {', '.join(names[:4])}{more} (`zoo list --family {family}`).")
    return "".join(sentences)


def _show_backbone(entry: Entry, *, layers: bool, as_json: bool) -> None:
    from zoo.describing import Description

    description = Description(entry)
    if as_json:
        data = {"kind": entry.kind, **description.to_dict()}
        print_json({**data, "layer_table": list(description.layers)} if layers else data)
        return
    click.echo(str(description))
    if layers:
        click.echo()
        print_table(description.layers)


def _show_other(entry: Entry, *, as_json: bool) -> None:
    from zoo.cli.pages import page_data, print_page

    if as_json:
        print_json(page_data(entry))
    else:
        print_page(entry)
