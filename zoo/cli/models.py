"""The options that say which model a verb works with, and the model they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.parameters import verbosity
from zoo.cli.quiet import load_keras
from zoo.errors import OptionError
from zoo.progress import Display

if TYPE_CHECKING:
    from zoo.exported import ExportedModel
    from zoo.model import TransferModel
    from zoo.specs import BackboneSpec, RecipeSpec

DEFAULT_BACKBONE = "efficientnet_lite0"
"""Its weights come with the installation, so that the first command needs no download."""


def default_backbone(modality: str) -> str:
    """Return the backbone that a command takes for examples of a modality where none is named.

    Raises:
        OptionError: the modality names none.
    """
    from zoo.data.modalities import kind_of

    name = kind_of(modality).spec.default_backbone
    if name is None:
        raise OptionError(f"there is no default backbone for examples of {modality!r}: name one with --backbone")
    return name


def may_be_pictures(data: str) -> bool:
    """Return whether a path holds pictures, as far as the endings of its files say; what is no path may hold them."""
    from zoo.data.modalities import has_pictures, modality_of_path

    return not Path(data).exists() or has_pictures(modality_of_path(data))


def takes_texts(file: str | None) -> bool:
    """Return whether a saved model takes what is given as such, and in no file: what its modality's cells are."""
    from zoo.data.modalities import provided
    from zoo.export.keras_file import recorded

    if file is None or not Path(file).exists():
        return False
    path = file_of(file)
    from zoo.export.formats import name_of
    from zoo.exported import cargo_of, is_exported

    record = cargo_of(path, name_of(path)).record if is_exported(path) else recorded(path)
    kind = record.get("intake", {}).get("kind")
    return any(spec.name == kind and spec.table == "cells" for spec in provided())


def modality_of_backbone(name: str | None) -> str | None:
    """Return what examples a named backbone takes; None of none.

    Raises:
        UnknownNameError: nobody provides it.
    """
    from zoo.plugin import registry

    if name is None:
        return None
    _refuse_address(name)
    modality: str = registry().get("backbones", name).spec.modality
    return modality


def _refuse_address(backbone: str) -> None:
    if backbone.startswith("hf://"):
        raise OptionError(
            f"{backbone}: a repository as a backbone is for Python, zoo.build({backbone!r}); on the command line name "
            f"the row, with --weights {backbone}/model.safetensors"
        )


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

    with Display(verbosity(quiet)) as shown:
        progress = shown.counter("weights", unit="bytes")
        return build(backbone or DEFAULT_BACKBONE, head, weights=weights or "pretrained", progress=progress)


def check_weights(backbone: str, weights: str | None, recipe: RecipeSpec) -> None:
    """What a backbone does not have is told before TensorFlow is loaded: weights, stages that a recipe names.

    Raises:
        UnknownNameError: there is no such backbone, or no such weights of it.
        WeightsError: the file is not there, or would have to be fetched and may not.
        OptionError: there is no such stage.
    """
    from zoo import settings
    from zoo.plugin import registry

    spec: BackboneSpec = registry().get("backbones", backbone).spec
    # Such a base trains from random weights, or not at all.
    random = not spec.pretrained or (not spec.sized and not spec.weights)
    if weights not in (None, "none") and (weights != "pretrained" or (settings.offline() and not random)):
        from zoo.weights import resolve

        resolve(spec, weights)
    if spec.stages:
        from zoo.training.recipes import choosing

        stages = [stage.name for stage in spec.stages]
        named = [name for phase in recipe.phases if isinstance(phase.unfreeze, tuple) for name in phase.unfreeze]
        if all(name in stages or name.startswith("stage") for name in named):  # layers are known once it is built
            choosing.resolve(recipe, stages)


def file_of(file: str) -> Path:
    """The model that a path means: of the folder of a run the export that answers fastest, else `model.keras`.

    Raises:
        OptionError: there is nothing.
    """
    if file.startswith("hf://"):
        raise OptionError(
            f"{file}: models of the Hub are loaded from Python, zoo.load({file!r}); on the command line give a file"
        )
    path = Path(file)
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        from zoo.export.listing import fastest

        path = fastest(path) or path / "model.keras"
    if not path.exists():
        raise OptionError(f"there is no model file {str(path)!r}; `zoo fit` writes one into its run folder")
    return path


def check_served(model: TransferModel | ExportedModel, name: str) -> None:
    """Refuse a model that `zoo serve` cannot answer with: it takes files of pictures.

    Raises:
        OptionError: it takes other examples.
    """
    from zoo.exported import ExportedModel
    from zoo.plugin.modalities import has_pictures

    intake = model.intake if isinstance(model, ExportedModel) else model.composition.intake
    if not has_pictures(intake.kind):
        raise OptionError(
            f"{name} takes examples of {intake.kind!r}, and `zoo serve` answers pictures only: use "
            f"`zoo predict FILE --model {name}`"
        )


def check_names(backbone: str, head: str | None) -> None:
    """A mistyped name is told before TensorFlow is loaded, which takes seconds."""
    from zoo.plugin import registry

    _refuse_address(backbone)
    registry().get("backbones", backbone)
    if head is not None:
        registry().get("heads", head)
