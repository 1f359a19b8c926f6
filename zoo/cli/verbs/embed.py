"""`zoo embed`: one vector an image, in a file that needs no zoo."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.models import DEFAULT_BACKBONE, default_backbone, modality_of_backbone
from zoo.cli.output import notes, print_json
from zoo.cli.parameters import json_option, quiet_option, verbosity
from zoo.cli.quiet import load_keras
from zoo.cli.tables import open_data, table_options
from zoo.errors import OptionError
from zoo.progress import Display

_ENDINGS = (".npz", ".npy", ".parquet")


@click.command("embed")
@click.argument("data")
@table_options
@click.option("--backbone", metavar="NAME", help=f"Whose features; default {DEFAULT_BACKBONE}, or the modality's own.")
@click.option("--weights", default="pretrained", show_default=True, help="The id of a source, or a file.")
@click.option(
    "--features", metavar="NAME", help="avg, max, cls, cls+avg, map, a stage or a layer. Default: the network's."
)
@click.option("--input-size", type=click.IntRange(min=1), metavar="PX", help="Side of the input.")
@click.option("--out", required=True, metavar="FILE", help="A file .npz, .npy or .parquet.")
@click.option("--cache/--no-cache", default=True, help="Keep the vectors, and use those that are kept.")
@json_option
@quiet_option
def command(
    data: str,
    answers: str | None,
    task: str | None,
    separator: str | None,
    backbone: str | None,
    weights: str,
    features: str | None,
    input_size: int | None,
    out: str,
    cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write one vector an image, by a pretrained network.

    DATA is a folder, an image, a CSV file or the name of a dataset. Labels are not needed, and kept where there are
    some.

    \b
    Example:
      zoo embed photos/ --backbone dinov2_small --out features.parquet
      zoo embed photos/ --backbone dinov2_small --features cls+avg --out features.npz
    """
    # What can be told without Keras, which takes seconds to load, is told before.
    path = Path(out).expanduser()
    if path.suffix.lower() not in _ENDINGS:
        raise OptionError(f"--out {out!r}: endings are {', '.join(_ENDINGS)}")
    if not path.parent.is_dir():
        raise OptionError(f"--out {out!r}: the folder {str(path.parent)!r} does not exist")
    reading = {"answers": answers, "task": task, "separator": separator}
    dataset = open_data(data, modality=modality_of_backbone(backbone), **reading)
    backbone = backbone or default_backbone(dataset.modality)
    load_keras()
    from zoo.embedding import embed

    with Display(verbosity(quiet or as_json)) as shown:
        embeddings = embed(
            dataset,
            backbone,
            weights=weights,
            features=features,
            input_size=input_size,
            cache=cache,
            progress=shown.counter("images"),
        )
    embeddings.save(path)
    said = {
        "file": str(path),
        "images": len(embeddings),
        "shape": list(embeddings.array.shape[1:]),
        "features": embeddings.features,
        "fingerprint": embeddings.fingerprint,
        "skipped": [list(pair) for pair in embeddings.skipped],
        "seconds": round(embeddings.seconds, 3),
    }
    if as_json:
        print_json(said)
        return
    size = " x ".join(str(length) for length in embeddings.array.shape[1:])
    click.echo(f"{path}: {len(embeddings)} examples, {size} numbers each ({embeddings.features})")
    for name, reason in embeddings.skipped:
        notes(f"skipped {name}: {reason}")
