"""Intake: everything that turns an example into the array that a graph takes, as frozen data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.specs import Spec

if TYPE_CHECKING:
    import numpy as np


class Intake(Spec):
    """How an example becomes the array that the graph takes; made by a modality.

    A value: it is a part of `zoo.json`, of `run.json` and of every cache key, so that two models with equal intakes and
    graphs have equal features. The core passes it on and never looks inside.
    """

    kind: str
    """Name of the modality that made it."""

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return the shape of the array of one example."""
        raise NotImplementedError

    @property
    def array_dtype(self) -> str:
        """Return the dtype of the array of one example."""
        raise NotImplementedError

    def shape(self, example: Any) -> np.ndarray:
        """Return the array of one example.

        Args:
            example: as the modality reads it.

        Raises:
            DataError: it is no such example.
        """
        raise NotImplementedError

    def inputs(self) -> Any:
        """Return the `keras.Input` of the serving graph: float32, a batch of arrays."""
        raise NotImplementedError
