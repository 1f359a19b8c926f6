"""Reads the code blocks of a Markdown page and says of each what a test does with it; runs those that run here.

A block says what becomes of it by its language, or by an HTML comment on the line above, which readers do not see:

- ```` ```python ```` runs, in order, in one namespace a page;
- ```` ``` ```` (no language) holds commands; those of a line that starts with `zoo ` run, others are not allowed;
- `<!-- file: PATH -->`: the block is the text of a file, `<!-- append: PATH -->`: it is appended to it;
- `<!-- process: NAME=VALUE -->`: Python that runs in a process of its own, with this environment variable;
- `<!-- shell -->`: the commands run in a shell, in an author's environment;
- `<!-- not run: REASON -->`: it does not run, and why;
- ```` ```text ````: what something prints, for reading.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent

PROSE = (
    "classics",
    "data",
    "embedding",
    "evaluation",
    "exports",
    "features",
    "heads",
    "recipes",
    "sound",
    "serving",
    "tables_of_rows",
    "text",
    "training",
    "video",
    "weights",
)

SITE_PAGES = (
    "index",
    "tutorials/first-model",
    "tutorials/your-photos",
    "tutorials/which-backbone",
    "tutorials/fine-tuning",
    "explanations/batchnorm",
    "explanations/kept",
    "explanations/intervals",
    "explanations/saved",
)
"""Start page, tutorials and explanations: they run in this order in one folder, each with a namespace of its own."""

PAGES = (
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in PROSE),
    *(ROOT / "docs" / f"{name}.md" for name in SITE_PAGES),
    *sorted((ROOT / "docs" / "plugins").rglob("*.md")),
)
"""The pages whose blocks run."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)$")
_DIRECTIVE = re.compile(r"<!-- *(?P<what>not run|file|append|process|shell)\b *:?(?P<rest>.*?)-->")

_NEEDS = {"not run": "reason", "file": "path", "append": "path", "process": "variable"}


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        page: its file.
        line: where it starts, from 1.
        text: what is in it.
        fate: "python", "process", "zoo", "shell", "file", "append", "not run" or "text".
        argument: the path of a file, the environment variable, the reason of a block that does not run.
    """

    page: Path
    line: int
    text: str
    fate: str
    argument: str = ""

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every block of a page, in order.

    Raises:
        ValueError: a block that nothing is known of, a comment without its reason, or one that stands alone.
    """
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    directive: re.Match[str] | None = None
    inside: tuple[int, str, str] | None = None  # line, language, indent
    for number, line in enumerate(lines, start=1):
        if inside is not None:
            start, language, indent = inside
            if line == f"{indent}```":
                body = "\n".join(part.removeprefix(indent) for part in lines[start : number - 1]) + "\n"
                found.append(_block(page, start, language, body, directive))
                inside = directive = None
            continue
        opening = _FENCE.match(line)
        if opening:
            inside = (number, opening["language"], opening["indent"])
        elif "```" in line:
            raise ValueError(f"{page.name}:{number}: a fence that is not understood: {line!r}")
        elif directive is not None:
            raise ValueError(f"{page.name}:{number - 1}: the comment {directive[0]!r} stands above no block")
        else:
            directive = _DIRECTIVE.fullmatch(line)
    if inside is not None:
        raise ValueError(f"{page.name}:{inside[0]}: the block does not end")
    return found


def _block(page: Path, line: int, language: str, body: str, directive: re.Match[str] | None) -> Block:
    if directive is not None:
        what, rest = directive["what"], (directive["rest"] or "").strip()
        if what != "shell" and not rest:
            raise ValueError(f"{page.name}:{line}: {what!r} needs its {_NEEDS[what]}")
        return Block(page, line, body, what, rest)
    fates = {"python": "python", "": "zoo", "text": "text"}
    if language not in fates:
        raise ValueError(f"{page.name}:{line}: nothing is known of the language {language!r}")
    return Block(page, line, body, fates[language])


def run_python(found: list[Block]) -> dict[str, Any]:
    """Run the Python blocks, in order, in one namespace; gives it, with all that was printed as `printed`."""
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = io.StringIO()
    for block in found:
        if block.fate == "python":
            padding = "\n" * block.line  # so that a traceback names the line of the page
            with redirect_stdout(printed):
                exec(compile(padding + block.text, str(block.page), "exec"), namespace)
    return {**namespace, "printed": printed.getvalue()}


def run_process(block: Block, cwd: Path) -> str:
    """Run a Python block in a process of its own; gives what it printed."""
    name, _, value = block.argument.partition("=")
    done = subprocess.run(
        [sys.executable, "-c", block.text], capture_output=True, text=True, cwd=cwd, env={**os.environ, name: value}
    )
    assert done.returncode == 0, f"{block.where}: {done.stderr[-2000:]}"
    return done.stdout


def run_zoo(block: Block) -> dict[str, str]:
    """Run the commands of a block, each as if in a process of its own; command -> what it printed.

    Raises:
        ValueError: a line is no command of zoo.
    """
    from zoo.cli.main import cli
    from zoo.plugin import use_manager

    said = {}
    for line in block.text.splitlines():
        command = line.partition("  #")[0].strip()
        if not command:
            continue
        if not command.startswith("zoo "):
            raise ValueError(f"{block.where}: {command!r} is no command of zoo: mark the block `shell` or `not run`")
        out = io.StringIO()
        before = use_manager(None)
        with redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
            for name in ("ZOO_PLUGINS", "ZOO_DEBUG"):  # which options of the command line set
                patch.setenv(name, os.environ.get(name, ""))
                if name not in os.environ or not os.environ[name]:
                    patch.delenv(name)
            cli(shlex.split(command)[1:], standalone_mode=False)
        use_manager(before)
        said[command] = out.getvalue()
    return said
