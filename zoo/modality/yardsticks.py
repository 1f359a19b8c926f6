"""What a modality can offer beside a network: simple models to compare it with, and parts of an array to shuffle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from zoo.modality.intake import Intake

if TYPE_CHECKING:
    import numpy as np


@runtime_checkable
class HasYardsticks(Protocol):
    """A modality on whose examples simple models are good: every fit then measures them beside the network.

    A class behind `Modality` that has these two methods is one; nothing else is needed.
    """

    def yardsticks(
        self, intake: Intake, arrays: np.ndarray, targets: np.ndarray, task: str, seed: int
    ) -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
        """Yield simple models, fitted; none for a task that they do not do.

        Args:
            intake: that made the arrays.
            arrays: (n, *array_shape), the training part.
            targets: int64 (n,) classes, or float32 (n, k) values.
            task: "classification", "multilabel" or "regression".
            seed: of whatever is random.

        Yields:
            A name; and a function from arrays (m, *array_shape) to scores (m, columns): probabilities or values.
        """
        ...

    def parts(self, intake: Intake) -> Mapping[str, tuple[int, ...]]:
        """Return name of a part -> its places in an array (d,), to be shuffled together between examples.

        How much worse the model gets then is what it owes to the part.
        """
        ...
