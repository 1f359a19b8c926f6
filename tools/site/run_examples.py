"""Runs the examples and stores what they printed and drew.

Run: python -m tools.site.run_examples [NAME ...]      (make examples; NAMES="digits variants" runs those)
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.site.examples import EXAMPLES, LARGEST, RESULTS, ROOT, Cell, Example, data_digest, data_folder, every, read


def main() -> int:
    """Run the named examples, each in a process of its own; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="examples to run; default all")
    parser.add_argument("--one", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        store(read(EXAMPLES / f"{options.names[0]}.py"), Path(options.one))
        return 0
    failed = []
    for example in every():
        if options.names and example.name not in options.names:
            continue
        start = time.perf_counter()
        code = _in_a_process(example)
        print(f"{example.name:28} {'failed' if code else 'done'} in {time.perf_counter() - start:.0f} s", flush=True)
        failed += [example.name] * bool(code)
    return 1 if failed else 0


def _in_a_process(example: Example) -> int:
    """Run one example in an empty folder with `data/` in it, features kept apart from the user's."""
    missing = [name for name in example.data if data_digest(name) is None]
    if missing:
        print(f"{example.name}: {', '.join(missing)} not in {data_folder()}; set ZOO_TEST_DATA", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").symlink_to(data_folder().resolve())
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ZOO_CACHE_DIR": str(Path(folder, "cache")),
            "ZOO_DATA_DIR": str(data_folder().resolve()),
            "ZOO_RUNS_DIR": str(Path(folder, "runs")),
            "ZOO_OFFLINE": "1",
            "MPLBACKEND": "agg",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        command = [sys.executable, "-m", "tools.site.run_examples", example.name, "--one", str(RESULTS / example.name)]
        return subprocess.run(command, cwd=folder, env=environment).returncode


def store(example: Example, folder: Path) -> None:
    """Run the cells here, in order, and write what they printed and drew.

    Args:
        example: what to run.
        folder: where result.json and the pictures go; replaced.

    Raises:
        ValueError: a picture is too large to be stored, or no cell set `figure`, the result in a few words.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    namespace: dict[str, Any] = {"__name__": "example"}
    outputs: list[dict[str, Any]] = []
    start = time.perf_counter()
    for cell in example.cells:
        if cell.kind == "markdown":
            continue
        text, drawn = run_cell(cell, example.name, namespace)
        pictures: list[str] = []
        for figure in drawn:
            pictures.append(_saved(figure, folder, f"{len(outputs)}-{len(pictures)}", example.name))
        outputs.append({"text": text, "pictures": pictures})
    if not isinstance(namespace.get("figure"), str):
        raise ValueError(f"{example.name}: a check cell must set figure, the result in a few words")
    result = {
        "script": example.digest,
        "data": {name: data_digest(name) for name in example.data},
        "figure": namespace["figure"],
        "seconds": round(time.perf_counter() - start, 1),
        "zoo": version("zoo-sdk"),
        "keras": version("keras"),
        "cells": outputs,
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _saved(figure: Any, folder: Path, stem: str, example: str) -> str:
    """Save a figure as PNG, or where that is too large (photos) as WebP; returns the name of the file."""
    for name, options in ((f"{stem}.png", {}), (f"{stem}.webp", {"pil_kwargs": {"quality": 75}})):
        figure.savefig(folder / name, dpi=110, bbox_inches="tight", **options)
        size = (folder / name).stat().st_size
        if size <= LARGEST:
            return name
        (folder / name).unlink()
    raise ValueError(f"{example}: a picture has {size} bytes; at most {LARGEST} are stored")


def run_cell(cell: Cell, name: str, namespace: dict[str, Any]) -> tuple[str, list[Any]]:
    """Run a cell as a notebook does: the value of a last expression is shown; returns text and figures."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    tree = ast.parse("\n" * (cell.line - 1) + cell.text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    drawn: list[Any] = []
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
            if isinstance(value, Figure):
                drawn.append(value)
            elif value is not None:
                print(value)
    drawn += [figure for figure in map(plt.figure, plt.get_fignums()) if figure not in drawn]
    plt.close("all")
    return printed.getvalue(), drawn


if __name__ == "__main__":
    sys.exit(main())
