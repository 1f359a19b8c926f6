"""Intake: everything that turns an example into the array that a graph takes, as frozen data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from zoo.specs import Spec

if TYPE_CHECKING:
    import numpy as np


class Intake(Spec):
    """How an example becomes the array that the graph takes; made by a modality.

    A value: it is a part of `zoo.json`, of `run.json` and of every cache key, so that two models with equal intakes and
    graphs have equal features. The core passes it on and never looks inside. What it was fitted to (a vocabulary,
    categories, mean and deviation) stands in its fields, as JSON can hold it.

    An intake with a field `encoded` equal to "picture", beside `size`, `rule` and `channels`, is answered from bytes of
    picture files by exported files too, where its modality is not loaded.

    On the way into a graph: `shape` makes an array of one example outside of it (decoding, resampling, texts to
    numbers); `front` is the first part of the graph itself (log-mel, normalization, embedding).
    """

    fitted: ClassVar[bool] = True
    """Whether it says anything of the training part; False: a model is composed with it once, and for good."""

    kind: str
    """Name of the modality that made it."""

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return the shape of the array of one example."""
        raise NotImplementedError

    @property
    def array_dtype(self) -> str:
        """Return the dtype of the array of one example, as it is kept; the graph takes it as float32."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """Return what a line about a model says of its input."""
        return f"input {' x '.join(map(str, self.array_shape))} ({self.kind})"

    @property
    def sentence(self) -> str:
        """Return what enters the network, in a sentence, for reports and cards."""
        return f"{self.summary[:1].upper()}{self.summary[1:]}, {self.array_dtype}."

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

    def front(self, inputs: Any) -> Any:
        """Return what the network takes, made of the inputs in the serving graph; the inputs themselves by default.

        Keras layers and ops only, so that a saved model loads without zoo and exports. Numbers that were fitted are
        constants of layers or ops. Nothing in it trains, and it must be the same each time it is made.

        Args:
            inputs: what `inputs` returned, or a tensor like it.
        """
        return inputs
