"""The examples of docs/examples: scripts in cells, their stored results, and the pages and notebooks made of both.

An example is a Python script. Its docstring is title and opening of the page, a block `# /// example` says on which
data it ran and whose pictures it shows, `# %%` starts a cell, `# %% [markdown]` one of text, and `# %% [check]` one
that runs and is not shown.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
RESULTS = EXAMPLES / "results"

MAY_SHOW = {
    "digits": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI; CC BY 4.0",
    "sample_images": "photos that come with scikit-learn: china.jpg by rawpixel, flower.jpg by dany13; CC BY 2.0",
    "fashion_mnist": "Fashion-MNIST, Zalando SE; MIT",
    "mednist6": "MedNIST, B. Erickson; CC BY-SA 4.0",
}
"""Data whose pictures a page may show, with source and license; of other data figures and numbers only."""

LARGEST = 100_000
"""Bytes of a stored picture at most."""

_HEADER = re.compile(r"^# /// example\n(?P<body>(?:#.*\n)*?)# ///$", re.M)
_CELL = re.compile(r"^# %%(?: \[(?P<kind>markdown|check)\])?[ ]*$", re.M)


class ExamplesError(Exception):
    """An example, or what is stored of it, is not as it should be."""


@dataclass(frozen=True)
class Cell:
    """A cell: "code", "markdown" or "check", its text, and the line of the script where it starts, from 1."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Example:
    """An example as it is written.

    Attributes:
        name: of its file.
        title: first line of its docstring.
        opening: the rest of it, Markdown.
        data: folders of the data it reads, below `data/`.
        shows: data whose pictures are on the page, each one of `MAY_SHOW`.
        cells: in order.
        digest: sha256 of the script.
    """

    name: str
    title: str
    opening: str
    data: tuple[str, ...]
    shows: tuple[str, ...]
    cells: tuple[Cell, ...]
    digest: str


def every() -> list[Example]:
    """Return all examples, by name."""
    return [read(path) for path in sorted(EXAMPLES.glob("*.py"))]


def read(path: Path) -> Example:
    """Return the example of a script.

    Raises:
        ExamplesError: it has no docstring or header, or shows pictures of data whose license is not known to allow it.
    """
    text = path.read_text(encoding="utf-8")
    title, _, opening = (ast.get_docstring(ast.parse(text)) or "").partition("\n")
    header = _HEADER.search(text)
    if not title or header is None:
        raise ExamplesError(f"{path.name} needs a docstring and a block '# /// example'")
    settings = tomllib.loads(re.sub(r"^# ?", "", header["body"], flags=re.M))
    shows = tuple(settings.get("shows", ()))
    for name in shows:
        if name not in MAY_SHOW:
            raise ExamplesError(
                f"{path.name} shows pictures of {name!r}; only of {', '.join(MAY_SHOW)} may pages do so"
            )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Example(path.stem, title.rstrip("."), opening.strip(), tuple(settings["data"]), shows, _cells(text), digest)


def _cells(text: str) -> tuple[Cell, ...]:
    marks = list(_CELL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end].strip("\n")
        kind = mark["kind"] or "code"
        line = text.count("\n", 0, mark.end()) + 2
        cells.append(Cell(kind, re.sub(r"^# ?", "", body, flags=re.M) if kind == "markdown" else body, line))
    return tuple(cells)


def data_folder() -> Path:
    """Return where the data of the examples are: `ZOO_TEST_DATA`, or beside the checkout."""
    return Path(os.environ.get("ZOO_TEST_DATA", ROOT.parent / "shared" / "data"))


@cache
def data_digest(name: str) -> str | None:
    """Return the sha256 of names and contents of the files of a folder of data; None where it is not here."""
    folder = data_folder() / name
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def stored(example: Example) -> dict[str, Any]:
    """Return the stored result of an example.

    Raises:
        ExamplesError: there is none, or it is of another script or of other data.
    """
    path = RESULTS / example.name / "result.json"
    if not path.is_file():
        raise ExamplesError(f"{example.name} has no stored result: make examples")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if result["script"] != example.digest:
        raise ExamplesError(f"{example.name} has changed since it ran: make examples NAMES={example.name}")
    for name in example.data:
        digest = data_digest(name)
        if digest is not None and digest != result["data"].get(name):
            raise ExamplesError(f"the data {name!r} have changed since {example.name} ran: make examples")
    return result


# -- pages ---------------------------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Return pages and notebooks: path below docs -> text."""
    examples = every()
    made = {}
    lines = [
        "# Examples",
        "",
        "Each example is a script and a notebook. What it printed and drew is stored with the digests of both "
        "script and data; the site is not built where one of them has changed. `make examples` runs them all.",
        "",
        "| example | data | result | seconds |",
        "|---|---|---|---:|",
    ]
    for example in examples:
        result = stored(example)
        made[f"examples/{example.name}.md"] = _page(example, result)
        made[f"examples/{example.name}.ipynb"] = notebook(example)
        data = ", ".join(example.data) or "embedded"
        figure = result["figure"].replace("|", "\\|")
        lines.append(f"| [{example.title}]({example.name}.md) | {data} | {figure} | {result['seconds']:.0f} |")
    lines += ["", "Seconds are those of the machine that ran them, two cores without a GPU, shared with other work."]
    return {"examples/index.md": "\n".join(lines) + "\n", **made}


def _page(example: Example, result: dict[str, Any]) -> str:
    lines = [f"# {example.title}", "", example.opening, ""]
    outputs = iter(result["cells"])
    for cell in example.cells:
        if cell.kind == "markdown":
            lines += [cell.text, ""]
            continue
        output = next(outputs)
        if cell.kind == "check":
            continue
        lines += ["```python", cell.text, "```", ""]
        if output["text"]:
            lines += ["```text", output["text"].rstrip("\n"), "```", ""]
        for picture in output["pictures"]:
            lines += [f"![Figure: {example.title}](results/{example.name}/{picture})", ""]
    lines += ["---", ""]
    if example.shows:
        lines += [f"Pictures: {'; '.join(MAY_SHOW[name] for name in example.shows)}.", ""]
    lines.append(
        f"Ran in {result['seconds']:.0f} s with zoo {result['zoo']}, Keras {result['keras']}. "
        f"[Notebook]({example.name}.ipynb), [script]({example.name}.py)."
    )
    return "\n".join(lines) + "\n"


def notebook(example: Example) -> str:
    """Return the example as a Jupyter notebook without outputs (nbformat 4.5)."""
    opening = f"# {example.title}\n\n{example.opening}".strip()
    cells = [Cell("markdown", opening, 1), *(cell for cell in example.cells if cell.kind != "check")]
    made = []
    for place, cell in enumerate(cells):
        shared = {"id": f"cell-{place}", "metadata": {}, "source": cell.text.splitlines(keepends=True)}
        if cell.kind == "markdown":
            made.append({"cell_type": "markdown", **shared})
        else:
            made.append({"cell_type": "code", "execution_count": None, "outputs": [], **shared})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"
