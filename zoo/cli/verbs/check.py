"""`zoo check`: the examples that travel in an exported file, replayed on this machine."""

from __future__ import annotations

import click

from zoo.cli.output import print_fields, print_json
from zoo.cli.parameters import json_option


@click.command("check")
@click.argument("file")
@click.option("--format", "format_name", metavar="NAME", help="When the name of the file does not say it.")
@json_option
def command(file: str, format_name: str | None, as_json: bool) -> None:
    """Replay the examples that travel in an exported file.

    FILE is what `zoo export` wrote. It answers them here, and the answers are compared with those of the model that it
    was written from. Exit code 1 says that they differ by more than the file allows.

    \b
    Example:
      zoo check m.onnx
    """
    from zoo.export.replaying import replay
    from zoo.exported import open_exported

    result = replay(open_exported(file, format=format_name, trust=True))
    if as_json:
        print_json(result.to_dict())
    else:
        print_fields(
            [
                ("file", f"{result.file}, {result.format}"),
                ("examples", f"{result.examples}, answered here by {result.runtime}"),
                ("differs", f"by at most {result.difference:.1e}; {result.tolerance:g} is allowed"),
                ("result", "the same answers" if result.same else "OTHER ANSWERS: do not use this file here"),
            ]
        )
    if not result.same:
        click.get_current_context().exit(1)
