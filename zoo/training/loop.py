"""Minibatch descent with Keras's own `fit`, fed in an order that depends on (seed, epoch, index) only."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.compose import as_pixels
from zoo.data import Dataset, batches
from zoo.specs import PhaseSpec, ResizeRule, Task

Transform = Callable[[np.ndarray, int], np.ndarray]
"""(image, index in the dataset) -> image: augmentation bound to a seed and an epoch."""


def order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of 0..count-1 that is a function of (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(count)


@dataclass(frozen=True)
class Images:
    """Images to train on or to validate with.

    Attributes:
        dataset: where they are.
        positions: which of them.
        size: side of the model's input, in pixels.
        rule: the resize rule.
        augment: epoch -> transform, or None.
        on_skip: told (id, reason) of images that cannot be decoded.
    """

    dataset: Dataset
    positions: np.ndarray
    size: int
    rule: ResizeRule
    augment: Callable[[int], Transform] | None = None
    on_skip: Callable[[str, str], None] | None = None

    def stream(self, *, seed: int, epoch: int, batch_size: int, shuffle: bool) -> Iterator[tuple[Any, Any]]:
        """One epoch of (float32 pixels 0..255, targets)."""
        positions = self.positions
        if shuffle:
            positions = positions[order(len(positions), seed=seed, epoch=epoch)]
        assert self.dataset.targets is not None
        for batch in batches(
            self.dataset,
            positions,
            size=self.size,
            rule=self.rule,
            batch_size=batch_size,
            transform=self.augment(epoch) if self.augment else None,
            on_skip=self.on_skip,
        ):
            yield as_pixels(batch.pixels), self.dataset.targets[batch.positions]


@dataclass(frozen=True)
class Rows:
    """Features to train a head on or to validate it with: values (n, d) and targets (n,)."""

    values: np.ndarray
    targets: np.ndarray

    @property
    def positions(self) -> np.ndarray:
        """The rows."""
        return np.arange(len(self.values))

    def stream(self, *, seed: int, epoch: int, batch_size: int, shuffle: bool) -> Iterator[tuple[Any, Any]]:
        """One epoch of (features, targets)."""
        rows = order(len(self.values), seed=seed, epoch=epoch) if shuffle else self.positions
        for start in range(0, len(rows), batch_size):
            chosen = rows[start : start + batch_size]
            yield self.values[chosen], self.targets[chosen]


def loss_for(task: Task, *, from_logits: bool) -> Any:
    """The Keras loss of a task."""
    import keras

    if task == "classification":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    if task == "multilabel":
        return keras.losses.BinaryCrossentropy(from_logits=from_logits)
    return keras.losses.MeanSquaredError()


def metrics_for(task: Task) -> list[Any]:
    """The Keras metrics of a task, under the names that `history` shows."""
    import keras

    if task == "classification":
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    if task == "multilabel":
        return [keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5)]
    return [keras.metrics.MeanAbsoluteError(name="mae")]


def descend(
    model: Any,
    phase: PhaseSpec,
    train: Images | Rows,
    validation: Images | Rows | None,
    *,
    task: Task,
    from_logits: bool,
    seed: int,
    class_weight: dict[int, float] | None = None,
    callbacks: Sequence[Any] = (),
    first_epoch: int = 0,
    verbose: int | str = 0,
) -> dict[str, list[float]]:
    """Train a model for one phase; compiles it anew, since a change of `trainable` is silent without that.

    Args:
        model: what to train, from the inputs of `train` to logits or values.
        phase: epochs, batch size, learning rate, warm-up, weight decay.
        train: examples to learn from.
        validation: examples to measure after every epoch, or None.
        task: decides loss and metrics.
        from_logits: whether the model gives logits rather than probabilities.
        seed: of the order of the examples.
        class_weight: class index -> weight, or None.
        callbacks: Keras callbacks.
        first_epoch: number of epochs that earlier phases did; epochs go on counting from there.
        verbose: as in Keras.

    Returns:
        Keras-style history: metric -> value per epoch.
    """
    import keras

    steps = math.ceil(len(train.positions) / phase.batch_size)
    total = steps * phase.epochs
    warmup = min(int(phase.warmup * total), total - 1)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=phase.learning_rate if warmup == 0 else phase.learning_rate / warmup,
        decay_steps=max(total - warmup, 1),
        warmup_target=phase.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    model.compile(
        # Keras's Adam decouples its weight decay, as AdamW does.
        optimizer=keras.optimizers.Adam(
            learning_rate=rate, weight_decay=phase.weight_decay or None, global_clipnorm=1.0
        ),
        loss=loss_for(task, from_logits=from_logits),
        metrics=metrics_for(task),
        # On a CPU compiling a whole network with XLA costs more than it saves in a few epochs.
        jit_compile=False,
    )
    # Otherwise Keras makes the optimizer's variables while it traces the step, which traces the network twice.
    model.optimizer.build(model.trainable_variables)

    def forever(source: Images | Rows, *, shuffle: bool) -> Iterator[tuple[Any, Any]]:
        epoch = first_epoch
        while True:
            yield from source.stream(seed=seed, epoch=epoch, batch_size=phase.batch_size, shuffle=shuffle)
            epoch += 1

    checking: dict[str, Any] = {}
    if validation is not None:
        checking = {
            "validation_data": forever(validation, shuffle=False),
            "validation_steps": math.ceil(len(validation.positions) / phase.batch_size),
        }
    result = model.fit(
        forever(train, shuffle=True),
        steps_per_epoch=steps,
        shuffle=False,  # the generator has its own order
        initial_epoch=first_epoch,
        epochs=first_epoch + phase.epochs,
        class_weight=class_weight,
        callbacks=list(callbacks),
        verbose=verbose,
        **checking,
    )
    return {name: [float(value) for value in values] for name, values in result.history.items()}
