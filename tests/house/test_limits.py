"""The limits of the code hold, but for the exceptions that are listed; the list shrinks and never grows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools import limits

EXCEPTIONS = Path(__file__).with_name("exceptions.txt")


def listed() -> set[str]:
    """`limit name`, a line each."""
    return {line for line in EXCEPTIONS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}


def test_what_is_beyond_a_limit_is_listed() -> None:
    rows = {f"{row.limit} {row.name}": row.figure for row in limits.beyond()}
    new = {name: figure for name, figure in rows.items() if name not in listed()}
    assert not new, f"beyond the limits (python -m tools.limits shows all): {new}"


def test_what_complies_again_leaves_the_list() -> None:
    rows = {f"{row.limit} {row.name}" for row in limits.beyond()}
    assert not listed() - rows, "these comply now: take them off tests/house/exceptions.txt"


def test_the_rooms_that_comply_are_not_on_the_list() -> None:
    for room in ("tasks", "ranking", "comparison", "reporting", "evaluation.of_", "features.probe", "page"):
        assert not [line for line in listed() if line.partition(" ")[2].startswith(room)], room


def test_few_functions_branch_much() -> None:
    assert limits.branching_share() <= limits.BRANCHING_SHARE


@pytest.mark.parametrize(
    ("code", "figures"),
    [
        ("def f(self, a, *b, c=1, **d):\n    '''Doc.'''\n    return a", (1, 4, 1, ())),
        (
            "def f(a):\n    found = a\n    for b in a:\n        if b and a or b:\n            return b",
            (4, 1, 5, ("found",)),
        ),
        ("def f(a):\n    return [b for b in a if b]", (1, 1, 3, ())),
    ],
)
def test_what_is_counted(code: str, figures: tuple[object, ...], tmp_path: Path) -> None:
    function = next(limits._functions(ast.parse(code), "m"))
    assert (function.body, function.parameters, function.complexity, function.empty_names) == figures


def test_private_names_of_keras_are_seen() -> None:
    assert limits._KERAS_PRIVATE.findall("layer._inbound_nodes[0], x._my_own, keras.src.utils") == [
        "._inbound_nodes",
        "keras.src",
    ]
