"""The options that say which model a verb works with, and the model they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.quiet import load_keras
from zoo.errors import OptionError
from zoo.progress import Display

if TYPE_CHECKING:
    from zoo.exported import ExportedModel
    from zoo.model import TransferModel

DEFAULT_BACKBONE = "efficientnet_lite0"
"""Its weights come with the installation, so that the first command needs no download."""

Function = TypeVar("Function", bound=Callable[..., Any])


def model_options(function: Function) -> Function:
    """Adds `--model`, `--backbone`, `--head` and `--weights` to a command."""
    for option in reversed(
        (
            click.option(
                "--model",
                "file",
                metavar="FILE|RUN",
                help="What zoo saved or exported, or the folder of a run: its fastest export, else model.keras.",
            ),
            click.option("--backbone", metavar="NAME", help="A pretrained backbone; `zoo list` shows them."),
            click.option("--head", metavar="NAME", help="A head with shipped weights; none: ImageNet labels."),
            click.option("--weights", metavar="ID|FILE", help="Weights of the backbone, when not the default ones."),
        )
    ):
        function = option(function)
    return function


def open_model(
    file: str | None, backbone: str | None, head: str | None, weights: str | None, *, quiet: bool
) -> TransferModel | ExportedModel:
    """The model that the options mean; without `file` and `backbone` the default backbone.

    An exported file is opened without Keras; a SavedModel is one that the user names, so it is trusted.

    Raises:
        click.UsageError: a file, and a backbone or a part of one.
        OptionError: there is no such file.
    """
    if file is not None:
        for name, value in (("--backbone", backbone), ("--head", head), ("--weights", weights)):
            if value is not None:
                raise click.UsageError(f"--model and {name} do not go together: the file holds the whole model.")
        path = file_of(file)
        from zoo.exported import is_exported, open_exported

        if is_exported(path):
            if path.is_dir():
                load_keras()  # TensorFlow reads a SavedModel
            return open_exported(path, trust=True)
        load_keras()
        from zoo.building import load_trainable

        return load_trainable(path)
    check_names(backbone or DEFAULT_BACKBONE, head)
    load_keras()
    from zoo.building import build

    with Display(0 if quiet else "auto") as shown:
        progress = shown.counter("weights", unit="bytes")
        return build(backbone or DEFAULT_BACKBONE, head, weights=weights or "pretrained", progress=progress)


def file_of(file: str) -> Path:
    """The model that a path means: of the folder of a run the export that answers fastest, else `model.keras`.

    Raises:
        OptionError: there is nothing.
    """
    path = Path(file)
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        from zoo.export.listing import fastest

        path = fastest(path) or path / "model.keras"
    if not path.exists():
        raise OptionError(f"there is no model file {str(path)!r}; `zoo fit` writes one into its run folder")
    return path


def check_names(backbone: str, head: str | None) -> None:
    """A mistyped name is told before TensorFlow is loaded, which takes seconds."""
    from zoo.plugin import registry

    registry().get("backbones", backbone)
    if head is not None:
        registry().get("heads", head)
