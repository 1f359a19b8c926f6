"""Composition: the graphs of one model, and what is needed to feed and read them; holds no verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.compose.forks import note_built
from zoo.compose.heads import activation_of
from zoo.modality import Intake
from zoo.specs import Output, Task
from zoo.specs.record import Identity
from zoo.tasks import parts, task_of

if TYPE_CHECKING:
    import keras

    from zoo.architectures import Stage


@dataclass
class Composition:
    """The graphs of one model, which share their layers, and everything needed to feed and read them.

    `serving`: float32 arrays as the intake makes them (of images values 0..255, (n, size, size, channels)) ->
    probabilities or values, float32; with several answers a dict of them.
    `scoring`: the same, all answers side by side (n, columns); `serving` itself for a single answer.
    `training`: arrays -> what the loss is computed of: logits (unless a Keras layer with its own activation is given)
    and values in the unit of the targets. `rows`: the same from features.
    `features`: arrays -> features (n, d). `head`: features -> the head's own output; None for the pretrained
    classifier, as are `features` and `rows`.
    `units`: for each regression its layer `value = z * scale + mean` behind the head; set once by a fit.
    """

    serving: keras.Model
    scoring: keras.Model
    training: keras.Model
    rows: keras.Model | None
    features: keras.Model | None
    backbone: Any
    head: keras.Model | None
    units: dict[str, Any]
    stages: list[Stage]
    outputs: tuple[Output, ...]
    from_logits: bool
    intake: Intake
    identity: Identity

    def __post_init__(self) -> None:
        note_built()

    @property
    def task(self) -> Task:
        """What the model answers."""
        return task_of(self.outputs)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all answers, in the order of the columns of `scoring`."""
        return tuple(label for output in self.outputs for label in output.labels)

    @property
    def width(self) -> int:
        """Number of columns: classes, labels and values."""
        return int(self.scoring.output_shape[-1])

    @property
    def stage_names(self) -> list[str]:
        """Return the names of the stages of the base, from the input upward."""
        return [stage.name for stage in self.stages]

    def take_labels(self, labels: Sequence[str]) -> None:
        """Name the columns of a single answer."""
        (output,) = self.outputs
        self.outputs = (output.model_copy(update={"labels": tuple(labels)}),)

    def head_weights(self) -> list[np.ndarray]:
        """The weights behind the features: of the head, and the units of its values."""
        assert self.head is not None
        return [*self.head.get_weights(), *(w for layer in self.units.values() for w in layer.get_weights())]

    def fresh_head_weights(self) -> list[np.ndarray]:
        """What `head_weights` gave when the head was new: its layers say how they are initialized."""
        import keras

        assert self.head is not None
        plain = [
            same
            for layer in self.units.values()
            for scale in layer.get_weights()[:1]
            for same in (np.ones_like(scale), np.zeros_like(scale))
        ]
        return [*keras.models.clone_model(self.head).get_weights(), *plain]

    def set_head_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Put back what `head_weights` gave."""
        assert self.head is not None
        count = len(self.head.weights)
        self.head.set_weights(list(weights[:count]))
        for index, layer in enumerate(self.units.values()):
            layer.set_weights(list(weights[count + 2 * index : count + 2 * index + 2]))

    def set_units(self, targets: np.ndarray) -> None:
        """Mean and standard deviation of the targets as the units of the values: the head itself gives numbers near 0.

        Args:
            targets: (n, columns) of the training examples.
        """
        for output, _, true in parts(self.outputs, None, targets):
            if output.name in self.units:
                scale = true.std(axis=0)
                self.units[output.name].set_weights([np.where(scale > 0, scale, 1.0), true.mean(axis=0)])

    def scales(self) -> dict[str, np.ndarray]:
        """Name of each regression -> the unit of each of its values, in which its error counts."""
        return {name: layer.get_weights()[0] for name, layer in self.units.items()}

    def linear_layer(self) -> Any | None:
        """The one Dense layer of a linear head, or None when the head is something else.

        A Dropout in front of it does not count: it is the identity when the probe's features are read.
        """
        import keras

        if self.head is None:
            return None
        layers = [
            layer for layer in self.head.layers if not isinstance(layer, keras.layers.InputLayer | keras.layers.Dropout)
        ]
        linear = len(layers) == 1 and isinstance(layers[0], keras.layers.Dense) and layers[0].use_bias
        return layers[0] if linear and activation_of(layers[0]) in {"linear", "softmax"} else None
