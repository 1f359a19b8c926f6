"""The time that a search may take."""

from __future__ import annotations

import time
from typing import Any


class OutOfTimeError(Exception):
    """The budget is used up; raised out of the progress of whatever is being done."""


class Clock:
    """Time since the call, and whether there is any left.

    Args:
        budget: seconds; None: no limit.
    """

    def __init__(self, budget: float | None) -> None:
        self.start, self.budget = time.perf_counter(), budget

    @property
    def seconds(self) -> float:
        """Seconds since the call."""
        return time.perf_counter() - self.start

    def check(self, *_: Any) -> None:
        """Raise when the budget is used up; takes what a progress callback takes.

        Raises:
            OutOfTimeError: it is.
        """
        if self.over:
            raise OutOfTimeError

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self.budget is not None and self.seconds >= self.budget
