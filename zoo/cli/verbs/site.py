"""`zoo site`: the catalog of this installation as pages for a browser."""

from __future__ import annotations

import click


@click.command("site")
@click.option("--out", metavar="DIR", default="catalog", show_default=True, help="Folder to write the pages into.")
@click.option("--home", metavar="ADDRESS", default="", help="Address of a site that the catalog is a part of.")
def command(out: str, home: str) -> None:
    """Write the catalog of this installation as pages for a browser.

    It lists backbones, heads, datasets, augmentations and recipes.
    Plugins are included, and none is imported. The pages need no server and ask the network for nothing.

    \b
    Example:
      zoo site --out catalog
    """
    from zoo.catalog_site import write_site

    first, *others = write_site(out, home=home)
    click.echo(f"{first} and {len(others)} pages of backbones")
