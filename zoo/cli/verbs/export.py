"""`zoo export`: a model written in the format of another runtime, checked against predict."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.models import check_served
from zoo.cli.output import print_fields, print_json
from zoo.cli.parameters import json_option
from zoo.cli.quiet import load_keras
from zoo.errors import OptionError


@click.command("export")
@click.argument("model")
@click.argument("out")
@click.option("--format", "format_name", metavar="NAME", help="onnx, savedmodel, litert, openvino, or of a plugin.")
@click.option("--quantize", type=click.Choice(["float16", "int8"]), help="LiteRT: half or a quarter of the size.")
@click.option("--samples", metavar="FOLDER", help="For int8: photos like those to come, some 100 of them.")
@click.option("--examples", metavar="FOLDER", help="What the file is compared on; four travel in it. Default: drawn.")
@click.option("--docker", is_flag=True, help="Also write a Dockerfile beside OUT that serves it.")
@json_option
def command(
    model: str,
    out: str,
    format_name: str | None,
    quantize: str | None,
    samples: str | None,
    examples: str | None,
    docker: bool,
    as_json: bool,
) -> None:
    """Write a model in the format of another runtime, checked against predict.

    MODEL is a .keras file or the folder of a run; OUT says the format: m.onnx, m.tflite, m.xml (OpenVINO), or a folder
    for a SavedModel. What the file answers is compared with predict before it gets its name.

    \b
    Example:
      zoo export runs/my_run m.onnx
      zoo export m.keras m.tflite --quantize int8 --samples photos/
      zoo export m.keras serve/m.onnx --docker
    """
    path = Path(model) / "model.keras" if Path(model).is_dir() else Path(model)
    if not path.is_file():
        raise OptionError(f"there is no model file {str(path)!r}; `zoo fit` writes one into its run folder")
    _check_there("--samples", samples)
    _check_there("--examples", examples)
    if quantize == "int8" and samples is None:
        raise OptionError("--quantize int8 needs --samples FOLDER: photos like those to come, some 100 of them")
    from zoo.export.container import check_dockerfile, write_dockerfile

    if docker:
        check_dockerfile(Path(out))
    load_keras()
    from zoo.building import load_trainable

    loaded = load_trainable(path)
    if docker:
        check_served(loaded, model)
    target, record = loaded.export_measured(
        out, format=format_name, quantize=quantize, samples=samples, examples=examples
    )
    container = write_dockerfile(Path(target), record) if docker else None
    if as_json:
        print_json({"path": str(target), **record.model_dump(mode="json")})
        return
    compared = "drawn examples" if record.generated else "examples"
    print_fields(
        [
            ("written", f"{target}, {record.format}, {record.bytes / 1e6:.1f} MB"),
            (
                "checked",
                f"on {record.examples} {compared}: differs from predict by at most {record.difference:.1e}"
                f" ({record.tolerance:g} is allowed)",
            ),
            (
                "time",
                f"{record.milliseconds:.1f} ms an example, {record.milliseconds_in_batch:.1f} ms in a batch of "
                f"{record.batch_size} ({record.machine})",
            ),
            ("container", f"{container}, to be built in its folder" if container else ""),
            ("next", f"zoo predict FILE --model {target}"),
        ]
    )


def _check_there(option: str, folder: str | None) -> None:
    if folder is not None and not Path(folder).exists():
        raise OptionError(f"{option} {folder!r}: there is no such file or folder")
