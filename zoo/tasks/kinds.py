"""All tasks, and the one of a given thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zoo.errors import OptionError, did_you_mean
from zoo.tasks.box import BOX
from zoo.tasks.classification import CLASSIFICATION
from zoo.tasks.multilabel import MULTILABEL
from zoo.tasks.regression import REGRESSION
from zoo.tasks.several import SEVERAL
from zoo.tasks.task import Task

if TYPE_CHECKING:
    from zoo.specs import Task as TaskName

SINGLE: tuple[Task, ...] = (CLASSIFICATION, MULTILABEL, REGRESSION, BOX)
"""The tasks that one answer can have."""

_BY_NAME: dict[str, Task] = {task.name: task for task in (*SINGLE, SEVERAL)}


class HasTask(Protocol):
    """What says which task it is for: an `Output`, a dataset, a composition, an evaluation."""

    @property
    def task(self) -> TaskName:
        """Name of the task."""


def of(thing: HasTask) -> Task:
    """Return the task of an output, a dataset, a composition or an evaluation."""
    return _BY_NAME[thing.task]


def named(name: str) -> Task:
    """Return the task of this name.

    Raises:
        OptionError: there is none.
    """
    if name not in _BY_NAME:
        known = ", ".join(_BY_NAME)
        raise OptionError(f"there is no task {name!r}.{did_you_mean(name, _BY_NAME)} Tasks are {known}")
    return _BY_NAME[name]
