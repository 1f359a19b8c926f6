"""The options that say how a CSV file is read, and the data that a user means by a path or a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.parameters import names
from zoo.errors import OptionError

if TYPE_CHECKING:
    from zoo.data import Dataset

Function = TypeVar("Function", bound=Callable[..., Any])

TASKS = ("classification", "multilabel", "regression", "box")
"""The names of `zoo.tasks.SINGLE`, written out: the help of a command imports neither pydantic nor NumPy."""


def table_options(function: Function) -> Function:
    """Adds `--answers`, `--task` and `--separator` to a command."""
    for option in (
        click.option("--separator", metavar="TEXT", help="Of a CSV file: what stands between the labels in a cell."),
        click.option("--task", type=click.Choice(TASKS), help="Of a CSV file: what its answers are."),
        click.option("--answers", metavar="COLUMNS", help="Of a CSV file: the columns to learn, e.g. species,age."),
    ):
        function = option(function)
    return function


def open_data(
    data: str,
    *,
    answers: str | None = None,
    task: str | None = None,
    separator: str | None = None,
    group: str | None = None,
    labels: Sequence[str] | None = None,
    modality: str | None = None,
) -> Dataset:
    """The data that is meant.

    Raises:
        OptionError: options of a CSV file for something else.
        DataError: it cannot be used.
    """
    from zoo.data import from_csv, is_table, load

    if is_table(data):
        chosen: Any = {"task": task, "labels": labels or (), "modality": modality}
        columns = names([answers]) if answers else None
        dataset = from_csv(data, answers=columns, group=group, separator=separator, **chosen)
        return dataset if labels is None else dataset.relabel(labels)
    for name, value in (("--answers", answers), ("--task", task), ("--separator", separator)):
        if value is not None:
            raise OptionError(f"{name} says how a CSV file is read; {data!r} is none")
    return load(data, labels=labels, group=group, modality=modality)
