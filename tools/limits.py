"""The limits of the code, and what is beyond them: sizes, parameters, branches, names, private names of Keras.

Run: python -m tools.limits
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = ROOT / "zoo"

FILE_LINES = 400
BODY_LINES = 60
PARAMETERS = 8
COMPLEXITY = 15
BRANCHING = 10
"""A function of a higher complexity than this counts in the share below."""

BRANCHING_SHARE = 0.025
"""Share of all functions that may be above `BRANCHING`."""

EMPTY_NAMES = frozenset({"found", "told", "wanted", "asked", "mine"})
"""Locals that say nothing of what they hold."""

KERAS_FILE = "keras_internals.py"
"""The one file that may name what Keras keeps to itself."""

PUBLIC_VERBS = frozenset(
    {
        "building.build",
        "cli.verbs",
        "comparison.comparing.compare",
        "architectures.mobile.build",
        "architectures.vit.build",
        "data.dataset.Dataset.__init__",
        "data.tables.csv_files.from_csv",
        "embedding.embed",
        "features.nearest.neighbors",
        "model.TransferModel.fit",
        "plugin.listing.backbones",
        "ranking.recommending.recommend",
        "resuming.resume",
    }
)
"""Verbs that users call with keywords: as many parameters as there are things to say; and builders, whose parameters
are the options of rows, by name. A room stands for all in it."""

_KERAS_PRIVATE = re.compile(
    r"\._(?:inbound_nodes|outbound_nodes|distribute_strategy|functional|operations|layers|tracker|lock_state|"
    r"is_graph_network|nested_layers|flatten_layers|keras_history|compile_config|losses_override|call_context)\b"
    r"|keras\.src\b"
)


@dataclass(frozen=True)
class Function:
    """A function or method.

    Attributes:
        name: module, class and function, below `zoo`.
        line: where it starts.
        body: lines of its body without its docstring.
        parameters: without self and cls.
        complexity: decisions + 1 (McCabe); functions within it count for themselves.
        empty_names: names of `EMPTY_NAMES` that it assigns.
    """

    name: str
    line: int
    body: int
    parameters: int
    complexity: int
    empty_names: tuple[str, ...]


@dataclass(frozen=True)
class Beyond:
    """Something beyond a limit.

    Attributes:
        limit: which.
        name: of the file or function.
        figure: how far, or what.
    """

    limit: str
    name: str
    figure: str


def module_name(file: Path) -> str:
    """Return the dotted name of a file below `zoo`."""
    parts = file.relative_to(CODE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files() -> list[Path]:
    """Return the Python files of zoo."""
    return sorted(CODE.rglob("*.py"))


def functions(file: Path) -> Iterator[Function]:
    """Yield the functions of a file, those within others too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    yield from _functions(tree, module_name(file))


def _functions(node: ast.AST, inside: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{inside}.{child.name}"
            yield Function(name, child.lineno, _body(child), _parameters(child), _complexity(child), _empty(child))
            yield from _functions(child, name)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{inside}.{child.name}")
        else:
            yield from _functions(child, inside)


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = node.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return sum(name not in ("self", "cls") for name in names) + sum(a is not None for a in (given.vararg, given.kwarg))


_DECISIONS = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, but not in the functions within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from _own(child)


def _complexity(node: ast.AST) -> int:
    count = 1
    for child in _own(node):
        count += isinstance(child, _DECISIONS)
        if isinstance(child, ast.BoolOp):
            count += len(child.values) - 1
        if isinstance(child, ast.comprehension):
            count += len(child.ifs)
    return count


def _empty(node: ast.AST) -> tuple[str, ...]:
    names = {child.id for child in _own(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)}
    return tuple(sorted(names & EMPTY_NAMES))


def _is_verb(name: str) -> bool:
    return any(name == verb or name.startswith(f"{verb}.") for verb in PUBLIC_VERBS)


def branching_share() -> float:
    """Return the share of all functions that are above `BRANCHING`."""
    every = [function.complexity for file in files() for function in functions(file)]
    return sum(complexity > BRANCHING for complexity in every) / len(every)


def beyond() -> list[Beyond]:
    """Return everything beyond the limits of a file or a function."""
    rows: list[Beyond] = []
    for file in files():
        text = file.read_text(encoding="utf-8")
        name, lines = module_name(file), text.count("\n")
        if lines > FILE_LINES:
            rows.append(Beyond("file", name, f"{lines} lines"))
        if file.name != KERAS_FILE:
            rows += [Beyond("keras", name, word) for word in sorted(set(_KERAS_PRIVATE.findall(text)))]
        rows += [row for function in functions(file) for row in _of_function(function)]
    return rows


def _of_function(function: Function) -> Iterator[Beyond]:
    if function.body > BODY_LINES:
        yield Beyond("body", function.name, f"{function.body} lines")
    if function.parameters > PARAMETERS and not _is_verb(function.name):
        yield Beyond("parameters", function.name, str(function.parameters))
    if function.complexity > COMPLEXITY:
        yield Beyond("complexity", function.name, str(function.complexity))
    if function.empty_names:
        yield Beyond("names", function.name, ", ".join(function.empty_names))


def main() -> None:
    """Print the table."""
    rows = beyond()
    for row in rows:
        print(f"{row.limit:<12}{row.figure:<24}{row.name}")
    counts = {limit: sum(row.limit == limit for row in rows) for limit in dict.fromkeys(row.limit for row in rows)}
    print(", ".join(f"{limit}: {count}" for limit, count in counts.items()) or "nothing beyond the limits")
    print(f"complexity above {BRANCHING}: {100 * branching_share():.1f} % (at most {100 * BRANCHING_SHARE:.1f} %)")


if __name__ == "__main__":
    main()
