"""`zoo fit`: a model trained on the user's data, measured on what was held out, and written to a run folder."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.finished import print_run
from zoo.cli.models import DEFAULT_BACKBONE, check_weights, default_backbone, modality_of_backbone
from zoo.cli.named_data import data_options
from zoo.cli.output import notes, print_fields
from zoo.cli.parameters import (
    HeldOut,
    check_folder,
    items_with_options,
    json_option,
    named_options,
    names,
    quiet_option,
    verbosity,
)
from zoo.cli.quiet import load_keras
from zoo.cli.tables import open_data, table_options
from zoo.errors import OptionError
from zoo.plugin import manager, option_schema, registry
from zoo.progress import Display
from zoo.settings import PRECISIONS

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.head_request import Head
    from zoo.model import TransferModel

DEFAULT_HEAD = "linear"

_EXPORTED = {"onnx": "model.onnx", "litert": "model.tflite", "savedmodel": "saved_model"}
"""Formats of `--export`, and what the file in the run folder is called."""


@click.command("fit")
@click.argument("data")
@data_options
@table_options
@click.option(
    "--backbone",
    metavar="NAME",
    help=f"`zoo list` shows them. Default: {DEFAULT_BACKBONE} for images, of other examples that of their modality.",
)
@click.option(
    "--option",
    "backbone_pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the backbone, e.g. filters=16,32 (repeatable); `zoo show NAME` lists them.",
)
@click.option(
    "--head",
    default=DEFAULT_HEAD,
    show_default=True,
    metavar="NAME",
    help="`zoo heads` shows them; one without labels of its own takes those of DATA.",
)
@click.option(
    "--head-option",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of the head, e.g. units=256,128 (repeatable); `zoo heads show NAME` lists them.",
)
@click.option(
    "--weights",
    default="pretrained",
    show_default=True,
    metavar="ID|FILE",
    help='Weights of the backbone; "none" for random ones.',
)
@click.option("--features", metavar="NAME", help="What the head reads: avg, max, a stage, or a layer.")
@click.option("--input-size", type=click.IntRange(min=1), metavar="PX", help="Side of the input.")
@click.option("--resize", type=click.Choice(["crop", "stretch", "pad"]), help="How pictures become squares.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="What base and head compute in; default float32.")
@click.option("--devices", metavar="all|NAMES", help="Train on several devices, e.g. GPU:0,GPU:1; all: every GPU.")
@click.option(
    "--recipe",
    metavar="NAME",
    help="Default: auto, chosen from the data and explained. probe: solve the head exactly; head: "
    "gradient descent on features; lp-ft: probe, then fine-tune the last "
    "stages; scratch: everything from random weights.",
)
@click.option("--epochs", type=int, help="Passes over the data of the gradient phase.")
@click.option("--batch-size", type=int, help="Examples per step of the gradient phase.")
@click.option("--learning-rate", type=float, help="Peak learning rate of the gradient phase.")
@click.option(
    "--stages",
    multiple=True,
    metavar="NAMES",
    help="Stages of the base that train, e.g. stage3,stage4 (`zoo show NAME`).",
)
@click.option(
    "--batchnorm",
    type=click.Choice(["frozen", "adapt"]),
    help="adapt: BatchNorm of the stages that train moves too, and run and model say so. Default: frozen.",
)
@click.option("--validation", default="0.2", show_default=True, type=HeldOut(), help="What to hold out and measure on.")
@click.option(
    "--test", default="0", show_default=True, type=HeldOut(), help="A third part, measured at the end and never before."
)
@click.option(
    "--group",
    metavar="COLUMN",
    help='Keep examples of equal cells, a "folder", or names that match alike (name:REGEX) on one side of a split.',
)
@click.option("--seed", default=0, show_default=True, help="Of the split, the order, and the solver.")
@click.option(
    "--augment", multiple=True, metavar="NAMES", help="Random changes while training, e.g. flip,noise:stddev=5."
)
@click.option(
    "--augment-in",
    type=click.Choice(["pipeline", "graph", "none"]),
    help="Where --augment runs: on the CPU ahead of each training step, or within it. Default: pipeline.",
)
@click.option(
    "--views",
    type=click.IntRange(min=2),
    metavar="K",
    help="With --augment: compute the features of K views of each photo once, the plain one and augmented ones.",
)
@click.option("--class-weight", type=click.Choice(["balanced"]), help="Let rare classes count more.")
@click.option("--out", metavar="FILE", help="Save the model here too (.keras).")
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="FORMAT",
    help="Also write onnx, litert or savedmodel into the run folder (repeatable); `zoo predict --model RUN` uses it.",
)
@click.option("--directory", metavar="RUN", help="Folder of the run; default a new one under runs/.")
@json_option
@quiet_option
def command(
    data: str,
    answers: str | None,
    task: str | None,
    separator: str | None,
    backbone: str | None,
    backbone_pairs: tuple[str, ...],
    head: str,
    pairs: tuple[str, ...],
    weights: str,
    features: str | None,
    input_size: int | None,
    resize: str | None,
    precision: str | None,
    devices: str | None,
    recipe: str | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    stages: tuple[str, ...],
    batchnorm: str | None,
    validation: Any,
    test: Any,
    group: str | None,
    seed: int,
    augment: tuple[str, ...],
    augment_in: str | None,
    views: int | None,
    class_weight: str | None,
    out: str | None,
    exports: tuple[str, ...],
    directory: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a head (and more) on your data, and measure it.

    DATA is a folder of class folders, a CSV file (file and label in each line; values, several labels or a box in
    place of a label) or the name of a dataset. What it answers is what is learned.

    \b
    Example:
      zoo fit photos/
      zoo fit prices.csv --answers price --group house
      zoo fit photos/ --recipe lp-ft --epochs 4 --augment flip,zoom --out mine.keras
    """
    from zoo.building import build
    from zoo.training.recipes.auto import AUTO
    from zoo.training.recipes.choosing import choose

    # What needs no Keras, which takes seconds to load, is checked before.
    changes: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "stages": names(stages) or None,
        "batchnorm": batchnorm,
        "views": views,
        "augment_in": augment_in,
    }
    recipe = None if recipe == AUTO else recipe
    chosen = choose(recipe or _least(stages, batchnorm), **changes)
    _check_out(out, directory)
    _check_exports(exports)
    operations = _operations(augment)
    modality = modality_of_backbone(backbone)
    reading = {"answers": answers, "task": task, "separator": separator, "group": group, "modality": modality}
    options, dataset, notices = _options_and_data(head, pairs, data, reading)
    backbone = backbone or default_backbone(dataset.modality)
    of_backbone = backbone_options(backbone, backbone_pairs)
    check_weights(backbone, weights, chosen)

    quiet = quiet or as_json
    load_keras()
    request = _head(head, dataset, options)
    with Display(verbosity(quiet)) as shown, _scope(devices):
        model = build(
            backbone,
            request,
            weights=None if weights == "none" else weights,
            features=features,
            input_size=input_size,
            resize=resize,
            precision=precision,
            options=of_backbone or None,
            augment=operations or None,
            seed=seed,
            progress=shown.counter("weights", unit="bytes"),
        )
    _print_what_is_trained(notices, model, as_json=as_json)
    run = model.fit(
        dataset,
        validation=validation,
        test=test,
        group=group,
        recipe=recipe,
        **changes,
        class_weight=class_weight,
        seed=seed,
        directory=directory,
        verbose=verbosity(quiet),
    )
    _export(model, Path(str(run.directory)), exports)
    print_run(run, model.save(out) if out is not None else Path(str(run.directory)) / "model.keras", as_json=as_json)


def _least(stages: tuple[str, ...], batchnorm: str | None) -> str:
    """The simplest recipe that has a use for these options."""
    return "lp-ft" if stages or batchnorm else "head"


def _scope(devices: str | None) -> AbstractContextManager[Any]:
    """Where a model is built that several devices train."""
    if devices is None:
        return nullcontext()
    from zoo.training.descent.devices import mirrored

    scope: AbstractContextManager[Any] = mirrored(None if devices == "all" else names([devices])).scope()
    return scope


def _check_exports(exports: tuple[str, ...]) -> None:
    unknown = [name for name in exports if name not in _EXPORTED]
    if unknown:
        raise OptionError(
            f"--export {unknown[0]!r}: a run folder takes {', '.join(_EXPORTED)}; `zoo export` writes the others"
        )


def _export(model: TransferModel, folder: Path, exports: tuple[str, ...]) -> None:
    for name in exports:
        model.export(folder / _EXPORTED[name])


def _check_out(out: str | None, directory: str | None) -> None:
    if directory is not None and Path(directory).exists():
        place = Path(directory)
        if not place.is_dir() or any(place.iterdir()):
            raise OptionError(
                f"--directory {directory!r} exists and is not an empty folder: a run needs one of its own"
            )
    if out is None:
        return
    path = Path(out)
    if path.suffix != ".keras":
        raise OptionError(f"--out {out!r}: the name must end in .keras")
    check_folder("--out", out)


def _operations(augment: tuple[str, ...]) -> list[dict[str, Any]]:
    """What `--augment` means, its options checked.

    Raises:
        UnknownNameError: there is no augmentation of a name.
        OptionError: an option is unknown or does not fit.
    """
    operations = []
    for name, pairs in items_with_options(augment):
        entry = registry().get("augmentations", name)
        options = named_options(pairs, option_schema(entry), flag=f"--augment {name}:")
        manager().options(entry, options)
        operations.append({name: options})
    return operations


def backbone_options(backbone: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return what `--option` means, checked by the types that the options of the row have.

    Args:
        backbone: its name.
        pairs: texts `key=value`.

    Raises:
        OptionError: an option is unknown or its value does not fit.
    """
    if not pairs:
        return {}
    entry = registry().get("backbones", backbone)
    known = {**entry.spec.intake_options, **entry.spec.builder_options}
    schema = option_schema(entry) or {"properties": {name: {"default": value} for name, value in known.items()}}
    options = named_options(pairs, schema, flag="--option")
    if entry.spec.sized:
        manager().options(entry, options)  # before any data is read
    return options


def _options_and_data(
    head: str, pairs: tuple[str, ...], data: str, reading: dict[str, str | None]
) -> tuple[dict[str, Any], Dataset, list[str]]:
    """The options of the head, the data in the order of the head's own labels if it has any, and notices about it.

    Both are checked.

    Raises:
        OptionError: an option of the head is unknown or does not fit.
        DataError: the data cannot be used.
    """
    from zoo.data import check

    entry = registry().get("heads", head)
    options = named_options(pairs, option_schema(entry), flag="--head-option")
    manager().options(entry, options)
    labels = entry.spec.labels or None
    dataset = open_data(data, labels=labels, **reading)
    return options, dataset, check(dataset, labels=labels)


def _head(name: str, dataset: Dataset, options: dict[str, Any]) -> Head:
    """A head with its own labels, if it has any; else with those of the data."""
    from zoo.head_request import Head, head_for

    own_labels = registry().get("heads", name).spec.labels
    return Head(name=name, options=options) if own_labels else head_for(dataset, head=name, **options)


def _print_what_is_trained(notices: list[str], model: TransferModel, *, as_json: bool) -> None:
    if not as_json:
        print_fields([("data", _data_line(notices)), ("model", _model_line(model))])


def _data_line(notices: list[str]) -> str:
    """What the data is, from the notices about it; the others are said as notes."""
    described = [notice for notice in notices if re.match(r"\d+ (images|examples)\b", notice)]
    for notice in notices:
        (notes.shown if notice in described else notes)(notice)
    return "\n".join(described)


def _model_line(model: TransferModel) -> str:
    from zoo.tasks import of

    who = model.composition.identity
    parts = [
        f"{_bare(who.backbone)} with {'random weights' if who.weights is None else 'weights ' + who.weights}",
        f"head {_bare(str(who.head))} on {who.features} features",
        "; ".join(of(output).summary(output.labels) for output in model.outputs),
        model.composition.intake.summary,
    ]
    return ", ".join(parts)


def _bare(name: str) -> str:
    """The name without its plugin, as a user would type it."""
    return name.rpartition(":")[2]
