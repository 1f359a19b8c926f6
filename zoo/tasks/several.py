"""Several answers at once: each has its own task; what is asked of all together is asked of `zoo.tasks.columns`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from zoo.tasks.task import Measure, Task


class Several(Task):
    """The task of a model with several answers: it has no loss, measure or words of its own."""

    name = "multi-output"
    measure = Measure("answers", "figures of each answer")

    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None) -> NoReturn:
        """Raise TypeError: the loss is the weighted sum of those of the answers."""
        raise TypeError("several answers have no loss of their own: ask the task of each")

    def keras_metric(self) -> NoReturn:
        """Raise TypeError: each answer has its own metric."""
        raise TypeError("several answers have no metric of their own: ask the task of each")

    def history_figures(self, scores: np.ndarray, targets: np.ndarray, scale: Any = 1.0) -> NoReturn:
        """Raise TypeError: see `zoo.tasks.history_figures`, which takes the answers apart."""
        raise TypeError("several answers have no figures of their own: ask the task of each")

    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> NoReturn:
        """Raise TypeError: see `zoo.tasks.decode`, which takes the answers apart."""
        raise TypeError("several answers are decoded one by one")


SEVERAL = Several()
