"""`zoo push`: a model with its card on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.quiet import load_keras
from zoo.errors import OptionError


@click.command("push")
@click.argument("model")
@click.argument("repository")
@click.option("--license", "license_name", metavar="ID", help='Of the model, as the Hub calls it, e.g. "apache-2.0".')
@click.option("--private/--public", default=None, help="Of a new repository; default: as your settings say.")
@click.option("--branch", default="main", show_default=True, help="Where to.")
@click.option("--file", "files", multiple=True, metavar="FILE", help="A further file, such as an export (repeatable).")
def command(
    model: str, repository: str, license_name: str | None, private: bool | None, branch: str, files: tuple[str, ...]
) -> None:
    """Put a model with its card on the Hugging Face Hub.

    MODEL is a .keras file or the folder of a run, REPOSITORY is owner/name. Everything goes in one commit, whose
    address is printed: what it names never changes. The token is HF_TOKEN, or that of `hf auth login`.

    \b
    Example:
      zoo push runs/my_run me/flowers --license apache-2.0
    """
    folder = Path(model)
    path = folder / "model.keras" if folder.is_dir() else folder
    missing = [name for name in (str(path), *files) if not Path(name).is_file()]
    if missing:
        raise OptionError(f"there is no file {missing[0]!r}")
    load_keras()
    from zoo.building import load_trainable
    from zoo.run import load_run

    loaded = load_trainable(path)
    if (folder / "run.json").is_file():
        loaded.remember(load_run(folder))
    address = loaded.push(
        repository,
        license=license_name,
        private=private,
        branch=branch,
        files={Path(name).name: name for name in files},
    )
    click.echo(f"{address}\nzoo.load({address!r})")
