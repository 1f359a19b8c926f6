"""Which columns of a table answer what: facts about the columns first, then one table of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from zoo.data.tables.columns import LABEL_NAMES, NUMBERING, SIZES, box_columns, slug
from zoo.data.tables.reading import Table
from zoo.errors import DataError
from zoo.matching import places
from zoo.specs import AnswerTask, Output, Task


@dataclass(frozen=True)
class Answer:
    """Columns that are one answer; task None: found out from what is in them. Labels: in a cell, where known."""

    name: str
    columns: tuple[str, ...]
    task: AnswerTask | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the rules look at.

    Attributes:
        table: the table.
        left: the columns that can be answers.
        kind: the task that is wanted; None: to be found out.
        labels: of a head, or ().
        named: whether the user named the columns.
    """

    table: Table
    left: tuple[str, ...]
    kind: AnswerTask | None
    labels: tuple[str, ...]
    named: bool

    @cached_property
    def of_labels(self) -> tuple[str, ...]:
        """The columns that the labels name, in their order; () if one of them has no column."""
        there = places(self.labels, self.left)
        return tuple(self.left[place] for place in there if place is not None) if None not in there else ()

    @cached_property
    def box(self) -> tuple[str, ...]:
        """The four columns of a box, where one is wanted or may be."""
        return box_columns(self.left) if self.kind in (None, "box") else ()

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """The other columns; one of them where it is clear that it is meant."""
        rest = [name for name in self.left if name not in self.box]
        if self.named:
            return tuple(rest)
        unasked = NUMBERING | SIZES if self.box else NUMBERING
        rest = [name for name in rest if not self.table.columns[name].called(unasked)]
        fitting = [name for name in rest if self.labels and self._holds_labels(name)]
        if self.kind == "classification" and len(fitting) == 1:
            return (fitting[0],)
        called = [name for name in rest if self.table.columns[name].called(LABEL_NAMES)]
        return tuple(called) if len(called) == 1 else tuple(rest)

    def _holds_labels(self, name: str) -> bool:
        return None not in places(sorted(set(self.table.cells[name])), self.labels)

    def all_zeros_and_ones(self, names: Sequence[str]) -> bool:
        """Return whether columns hold nothing but 0 and 1, or True and False."""
        return all(self.table.columns[name].zeros_and_ones is not None for name in names)

    @cached_property
    def all_numbers(self) -> bool:
        """Whether the plain columns hold numbers only."""
        return all(self.table.columns[name].numbers is not None for name in self.plain)


Rule = tuple[Callable[[Facts], bool], Callable[[Facts], list[Answer]]]

RULES: tuple[Rule, ...] = (
    # The labels of a head are names of columns.
    (
        lambda f: bool(f.of_labels) and (f.kind in ("multilabel", "regression") or f.all_zeros_and_ones(f.of_labels)),
        lambda f: [Answer("answer", f.of_labels, f.kind)],
    ),
    # A box was asked for, and there is none.
    (lambda f: f.kind == "box" and not f.box, lambda f: _no_box(f)),
    # A box, and at most one thing beside it.
    (lambda f: bool(f.box) and f.kind is None and not f.named and len(f.plain) > 1, lambda f: _unclear(f)),
    (
        lambda f: bool(f.box),
        lambda f: [*(_each(f, f.plain) if f.kind is None else []), Answer("box", f.box, "box")],
    ),
    # One column.
    (lambda f: len(f.plain) < 2, lambda f: [Answer(slug(name), (name,), f.kind, f.labels) for name in f.plain]),
    # Several: yes and no (one-hot or labels, `understand` tells), or values.
    (lambda f: f.all_zeros_and_ones(f.plain), lambda f: [Answer("answer", f.plain, f.kind)]),
    (lambda f: f.all_numbers and f.kind in (None, "regression"), lambda f: [Answer("answer", f.plain, "regression")]),
    # Several of different kinds, each named by the user.
    (lambda f: f.named and f.kind is None, lambda f: _each(f, f.plain)),
    (lambda f: f.named and f.kind == "multilabel", lambda f: [Answer("answer", f.plain, "multilabel")]),
    (lambda f: True, lambda f: _unclear(f)),
)
"""The first rule that applies says what the answers are."""


def decide(
    table: Table, left: Sequence[str], task: Task | None, labels: tuple[str, ...], *, named: bool
) -> list[Answer]:
    """Return the answers among the columns that are left, by `RULES`.

    Raises:
        DataError: it is not clear which columns are meant; the message lists them.
    """
    kind = "classification" if task is None and labels else None if task == "multi-output" else task
    facts = Facts(table, tuple(left), kind, labels, named)
    return next(answers(facts) for applies, answers in RULES if applies(facts))


def decide_for_head(table: Table, left: Sequence[str], outputs: Sequence[Output]) -> list[Answer]:
    """Return where the answers of a head with several stand.

    Raises:
        DataError: one of them has no column.
    """
    answers = []
    for output in outputs:
        columns = box_columns(left) if output.task == "box" else ()
        there = places(output.labels, left)
        if output.task in ("multilabel", "regression") and None not in there:
            columns = tuple(left[place] for place in there if place is not None)
        if not columns:
            columns = tuple(sorted((name for name in left if slug(name) == output.name), key=output.name.__ne__)[:1])
        if not columns:
            what = "the four columns of a box" if output.task == "box" else f"a column {output.name!r}"
            if output.task in ("multilabel", "regression"):
                what += f", or the columns {', '.join(output.labels)},"
            raise DataError(
                f"{table.name} has not what the head answers as {output.name} ({output.task}): {what} must be among "
                f"{table.described(left)}"
            )
        answers.append(Answer(output.name, columns, output.task, output.labels))
    return answers


def _each(facts: Facts, names: Sequence[str]) -> list[Answer]:
    return [Answer(slug(name), (name,)) for name in names]


def _no_box(facts: Facts) -> list[Answer]:
    raise DataError(f"{facts.table.name} has no four columns of a box among {facts.table.described(facts.left)}")


def _unclear(facts: Facts) -> list[Answer]:
    table, left = facts.table, facts.left
    name = next((name for name in left if not table.columns[name].called(NUMBERING)), left[0])
    raise DataError(
        f"{table.name}: which columns are to be learned? There are {table.described(left)}. Say one (answers={name!r}, "
        f"on the command line --answers {name}) or several; a head whose labels are names of columns says it too"
    )
