"""Minibatch descent with Keras's own `fit`, fed in an order that depends on (seed, epoch, index) only."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from zoo.augment.in_graph import PIXELS, Drawn
from zoo.data import Dataset, Transform, batches
from zoo.errors import OptionError
from zoo.progress import Display, figures
from zoo.specs import Output, PhaseSpec, ResizeRule
from zoo.tasks import columns
from zoo.training import devices
from zoo.training.mixing import Blend, blend, blends, shares
from zoo.training.optimizer import optimizer_for
from zoo.training.saving import Checkpointer


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
        boxes: the columns of the targets that hold boxes, which move with the pixels; or None.
        draws: epoch -> index -> what a graph that augments needs to know of an image; None: the graph takes pixels.
    """

    dataset: Dataset
    positions: np.ndarray
    size: int
    rule: ResizeRule
    augment: Callable[[int], Transform] | None = None
    boxes: slice | None = None
    draws: Callable[[int], Callable[[int], Drawn]] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, chosen: np.ndarray, epoch: int) -> tuple[Any, np.ndarray]:
        """Pixels of some of the images, with what was drawn for them if anything, and targets.

        The pixels are uint8, a quarter of the bytes to hand over; the graph makes them float32.
        """
        assert self.dataset.targets is not None
        (batch,) = batches(
            self.dataset,
            self.positions[chosen],
            size=self.size,
            rule=self.rule,
            batch_size=len(chosen),
            transform=self.augment(epoch) if self.augment else None,
            boxes=None if self.boxes is None else self.dataset.targets[:, self.boxes],
        )
        targets = self.dataset.targets[batch.positions]
        if self.boxes is not None:
            targets = targets.copy()
            targets[:, self.boxes] = batch.boxes
        if self.draws is None:
            return batch.pixels, targets
        draw = self.draws(epoch)
        rows = [draw(int(index)) for index in batch.positions]
        return {PIXELS: batch.pixels, **{name: np.stack([row[name] for row in rows]) for name in rows[0]}}, targets


@dataclass(frozen=True)
class Rows:
    """Features to train on or to validate with.

    Attributes:
        values: (views * n, ...), in memory or kept on disk, view after view.
        targets: (n, ...).
        views: how often each image is there. In so many epochs each image shows each of its views once, in an order
            drawn from (seed, epoch // views).
        seed: of the draw.
    """

    values: Any
    targets: np.ndarray
    views: int = 1
    seed: int = 0

    def __len__(self) -> int:
        return len(self.targets)

    def shown(self, epoch: int) -> np.ndarray:
        """The number of the view, int64 (n,), that each image shows in an epoch."""
        turn, place = divmod(epoch, self.views)
        every = np.tile(np.arange(self.views), (len(self), 1))
        return np.random.default_rng([self.seed, turn, self.views]).permuted(every, axis=1)[:, place]

    def take(self, chosen: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and targets of some of the images."""
        rows = chosen if self.views == 1 else chosen + len(self) * self._shown(epoch)[chosen]
        return self.values[rows], self.targets[chosen]

    def _shown(self, epoch: int) -> np.ndarray:
        """As `shown`, drawn once an epoch."""
        if self._drawn.get("epoch") != epoch:
            self._drawn.update(epoch=epoch, views=self.shown(epoch))
        return self._drawn["views"]

    _drawn: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def feed(
    source: Images | Rows,
    *,
    batch_size: int,
    first_epoch: int,
    seed: int | None,
    blend: Blend | None = None,
    whole: devices.Batch,
) -> Any:
    """A `keras.utils.PyDataset` that gives every example of the source once an epoch.

    Not a generator: Keras reads ahead of a generator across the end of an epoch, so that validation would see some
    examples twice and others not at all.

    Args:
        source: where examples come from.
        batch_size: examples in a batch; the last one of an epoch may be smaller.
        first_epoch: number of the first epoch.
        seed: shuffles anew every epoch; None: in order.
        blend: changes each batch; None: as it is.
        whole: fills it up for several devices.
    """
    import keras

    class Feed(keras.utils.PyDataset):
        """One epoch after the other of a source."""

        def __init__(self) -> None:
            super().__init__()
            self.start(first_epoch)

        def start(self, epoch: int, skip: int = 0) -> None:
            """The batches from here on are those of this epoch, without the first few."""
            self.epoch, self.skip = epoch, skip
            self._order = np.arange(len(source)) if seed is None else order(len(source), seed=seed, epoch=epoch)

        def __len__(self) -> int:
            return math.ceil(len(source) / batch_size) - self.skip

        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            index += self.skip
            chosen = self._order[index * batch_size : (index + 1) * batch_size]
            values, targets = source.take(chosen, self.epoch)
            batch = (values, targets) if blend is None else blend(values, targets, self.epoch, index)
            return whole.fill(batch, len(chosen))

        def examples(self, index: int) -> int:
            """How many the batch of this number has."""
            return min(batch_size, len(source) - (index + self.skip) * batch_size)

    return Feed()


def reseed(layers: Sequence[Any], *, seed: int, epoch: int) -> None:
    """Set the random state of every Dropout from (seed, epoch, its place), so that the same fit gives the same model.

    Args:
        layers: the layers of the whole model in the order of its graph: what is trained may be a part of it, and Keras
            sorts the layers of a part differently.
        seed: of the run.
        epoch: number of the first epoch.
    """
    generators = [layer.seed_generator for layer in layers if getattr(layer, "seed_generator", None) is not None]
    for index, generator in enumerate(generators):
        generator.state.assign(np.random.SeedSequence([seed, epoch, index]).generate_state(2))


def loss_scaled(optimizer: Any, layers: Sequence[Any]) -> Any:
    """The optimizer, with a loss scale where a layer computes in float16: small gradients would become zero.

    Keras does so itself for a model built under the policy, but not for one that was loaded, or cut out of another.
    """
    import keras

    if all(layer.compute_dtype != "float16" for layer in layers):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def loss_for(
    outputs: Sequence[Output], *, from_logits: bool, scales: Mapping[str, np.ndarray], shares: bool = False
) -> Any:
    """The Keras loss of the answers; of several the sum of their own, each times its weight.

    Args:
        outputs: the answers.
        from_logits: whether the model gives logits rather than probabilities.
        scales: name of each regression -> the unit of each of its values. Its error counts in these units, so that
            neither the choice of meters or millimeters nor a value with large numbers decides what is learned.
        shares: whether the targets of the one classification are shares of classes.
    """
    import keras

    if shares:
        return keras.losses.CategoricalCrossentropy(from_logits=from_logits)

    single = {
        "classification": keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        "multilabel": keras.losses.BinaryCrossentropy(from_logits=from_logits),
        "regression": keras.losses.MeanSquaredError(),
        "box": keras.losses.MeanAbsoluteError(),
    }

    def own(output: Output, true: Any, told: Any) -> Any:
        if output.task == "regression":
            scale = scales[output.name].astype(np.float32)
            true, told = keras.ops.cast(true, "float32") / scale, keras.ops.cast(told, "float32") / scale
        return single[output.task](true, told)

    if len(outputs) == 1 and outputs[0].task != "regression":
        return single[outputs[0].task]
    if len(outputs) == 1:
        return lambda true, told: own(outputs[0], true, told)

    def loss(true: Any, told: Any) -> Any:
        terms = [
            output.weight * own(output, true[:, there], told[:, where]) for output, where, there in columns(outputs)
        ]
        return sum(terms[1:], terms[0])

    return loss


def metrics_for(outputs: Sequence[Output], *, shares: bool = False) -> list[Any]:
    """The Keras metrics of the answers, under the names that `history` shows; `shares` as in `loss_for`."""
    import keras

    if shares:
        return [keras.metrics.CategoricalAccuracy(name="accuracy")]

    single = {
        "classification": lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        "multilabel": lambda: keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.5),
        "regression": lambda: keras.metrics.MeanAbsoluteError(name="mae"),
        "box": lambda: keras.metrics.MeanAbsoluteError(name="mae"),
    }
    if len(outputs) == 1:
        return [single[outputs[0].task]()]

    class OfPart(keras.metrics.Metric):
        """A metric of some of the columns."""

        def __init__(self, name: str, inner: Any, where: slice, there: slice) -> None:
            super().__init__(name=name)
            self.inner, self.where, self.there = inner, where, there

        def update_state(self, true: Any, told: Any, sample_weight: Any = None) -> None:
            self.inner.update_state(true[:, self.there], told[:, self.where], sample_weight=sample_weight)

        def result(self) -> Any:
            return self.inner.result()

        def reset_state(self) -> None:
            self.inner.reset_state()

    metrics = []
    for output, where, there in columns(outputs):
        inner = single[output.task]()
        metrics.append(OfPart(f"{output.name}_{inner.name}", inner, where, there))
    return metrics


def descend(
    model: Any,
    phase: PhaseSpec,
    train: Images | Rows,
    validation: Images | Rows | None,
    *,
    layers: Sequence[Any],
    outputs: Sequence[Output],
    from_logits: bool,
    scales: Mapping[str, np.ndarray],
    seed: int,
    class_weight: dict[int, float] | None = None,
    factors: Mapping[int, float] | None = None,
    callbacks: Sequence[Any] = (),
    first_epoch: int = 0,
    title: str = "",
    display: Display | None = None,
    checkpoint: Checkpointer | None = None,
) -> dict[str, list[float]]:
    """Train a model for one phase; compiles it anew, since a change of `trainable` is silent without that.

    Args:
        model: what to train, from the inputs of `train` to logits or values.
        phase: epochs or steps, batch size, and everything about the optimizer.
        train: examples to learn from.
        validation: examples to measure after every epoch, or None.
        layers: all layers that may draw random numbers, in the order of the whole model.
        outputs: the answers: they decide loss and metrics.
        from_logits: whether the model gives logits rather than probabilities.
        scales: see `loss_for`.
        seed: of the order of the examples.
        class_weight: class index -> weight, or None.
        factors: `id` of a variable -> factor on its learning rate; 1 for those not named.
        callbacks: Keras callbacks.
        first_epoch: number of epochs that earlier phases did; epochs go on counting from there.
        title: what the display calls the phase.
        display: shows epochs and steps; None: nothing is shown.
        checkpoint: saves the phase, and knows where it goes on after the run was resumed.

    Returns:
        Keras-style history: metric -> value per epoch.
    """
    import keras

    from zoo.architectures.backends import jit_compile  # here, not above: it loads Keras

    reseed(layers, seed=seed, epoch=first_epoch)
    blending = plain = None
    shared = blends(phase)
    if shared:
        classes = len(outputs[0].labels)
        blending = blend(phase, classes=classes, seed=seed, class_weight=class_weight)
        plain = lambda values, targets, epoch, batch: shares(values, targets, classes)  # noqa: E731
        class_weight = None
    whole = devices.Batch(model)
    feeding = partial(feed, batch_size=phase.batch_size, first_epoch=first_epoch, whole=whole)
    learning = feeding(train, seed=seed, blend=blending)
    checking: Any = None if validation is None else feeding(validation, seed=None, blend=plain)
    steps = math.ceil(len(train) / phase.batch_size)
    epochs = phase.epochs if phase.steps is None else math.ceil(phase.steps / steps)
    with devices.exactly(model, layers):
        optimizer = optimizer_for(phase, steps=phase.steps or steps * epochs, factors=factors)
        loss = loss_for(outputs, from_logits=from_logits, scales=scales, shares=shared)
        metrics = metrics_for(outputs, shares=shared)
        model.compile(
            optimizer=loss_scaled(optimizer, layers),
            loss=whole.loss(loss),
            metrics=metrics,
            jit_compile=jit_compile(),
        )
        whole.count_once([model._loss_tracker, *metrics])
        # Otherwise Keras makes the optimizer's variables while it traces the step, which traces the network twice.
        model.optimizer.build(model.trainable_variables)

        epoch_now, done = first_epoch, 0
        # By Keras's own count of epochs: it also calls `on_epoch_end` of a PyDataset before the first one.
        begins = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: learning.start(epoch, done if epoch == epoch_now else 0),
            on_train_batch_begin=lambda batch, logs: whole.begin(learning.examples(batch)),
            on_test_batch_begin=lambda batch, logs: whole.begin(checking.examples(batch)),
        )
        # Not by the optimizer's count: on JAX its variables are not up to date within an epoch.
        done_after = lambda batch: steps * (learning.epoch - first_epoch) + learning.skip + batch + 1  # noqa: E731
        everybody = [begins, *_ends(phase, model, done_after, validation is not None), *callbacks]
        if checkpoint is not None:
            epoch_now, done = checkpoint.begin(
                model, callbacks=everybody, first_epoch=first_epoch, epochs=epochs, steps=steps
            )
            everybody.append(checkpoint.callback())
        if display is not None and not display.silent:
            everybody.append(_shown(display, title, first_epoch=first_epoch, epochs=epochs, steps=steps, done=done))
        if done or devices.strategy_of(model) is not None:
            model._symbolic_build(data_batch=learning[0])  # makes the metrics, whose values come back
        with warnings.catch_warnings():
            if done:  # the first epoch has fewer batches than Keras counted
                warnings.filterwarnings("ignore", "Your input ran out of data")
            result = model.fit(
                learning,
                shuffle=False,  # the feed has its own order
                validation_data=checking,
                initial_epoch=epoch_now,
                epochs=first_epoch + epochs,
                class_weight=class_weight,
                callbacks=everybody,
                verbose=0,  # the display says it
            )
    return {name: [float(value) for value in values] for name, values in result.history.items()}


def _shown(display: Display, title: str, *, first_epoch: int, epochs: int, steps: int, done: int) -> Any:
    """A callback that moves the bar with every step and says what each epoch came to.

    Args:
        display: what shows it.
        title: of the phase.
        first_epoch: number of its first epoch.
        epochs: how many it has.
        steps: batches of an epoch.
        done: batches of the epoch it starts with that were done before.
    """
    import keras

    at: dict[str, Any] = {"epoch": 0, "before": done, "started": 0.0}

    def place() -> str:
        return f"{title}, epoch {at['epoch'] + 1} of {epochs}" if epochs > 1 else title

    def on_epoch_begin(epoch: int, logs: Any) -> None:
        at.update(epoch=epoch - first_epoch, started=time.monotonic())

    def on_batch_end(batch: int, logs: Any) -> None:
        count = at["epoch"] * steps + at["before"] + batch + 1
        display.show(title, count, epochs * steps, detail=f"{place().removeprefix(title)}: {figures(logs or {})}")

    def on_epoch_end(epoch: int, logs: Any) -> None:
        display.say(f"{place()}: {figures(logs or {})}, {time.monotonic() - at['started']:.1f} s")
        at["before"] = 0

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=on_epoch_begin,
        on_train_batch_end=on_batch_end,
        on_epoch_end=on_epoch_end,
        on_train_end=lambda logs: display.stop(),
    )


def _ends(phase: PhaseSpec, model: Any, done_after: Callable[[int], int], validated: bool) -> list[Any]:
    """Callbacks that end a phase before its last epoch, or go back to its best one.

    Args:
        phase: steps, patience, which epoch is kept.
        model: what is trained.
        done_after: number of a batch, as Keras counts them in an epoch -> batches of the phase that are then done.
        validated: whether examples are held out.

    Raises:
        OptionError: what it goes by is measured on held out examples, and there are none.
    """
    import keras

    ends: list[Any] = []
    if phase.steps is not None:
        last = phase.steps

        def stop(batch: int, logs: Any) -> None:
            if done_after(batch) >= last:
                model.stop_training = True

        ends.append(keras.callbacks.LambdaCallback(on_train_batch_end=stop))
    if phase.patience is not None or phase.keep == "best":
        if phase.monitor.startswith("val_") and not validated:
            raise OptionError(
                f"phase {phase.name!r} goes by {phase.monitor!r} and nothing is held out: pass validation=, or "
                f"monitor='loss'"
            )
        patience = phase.patience or max(phase.epochs, phase.steps or 0) + 1
        ends.append(
            keras.callbacks.EarlyStopping(
                phase.monitor, patience=patience, mode=_mode(phase.monitor), restore_best_weights=phase.keep == "best"
            )
        )
    return ends


def _mode(monitor: str) -> str:
    """Whether more is better: of accuracies; of losses and errors less."""
    return "max" if monitor.endswith("accuracy") else "min"
