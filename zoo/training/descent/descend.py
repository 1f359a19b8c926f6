"""Minibatch descent with Keras's own `fit`, fed in an order that depends on (seed, epoch, index) only."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.compose import Composition
from zoo.compose.forks import check_not_forked
from zoo.keras_internals import build_metrics, loss_tracker
from zoo.specs import Output, PhaseSpec
from zoo.training.descent import devices
from zoo.training.descent.ends import ends, is_number, keeper_of, shown
from zoo.training.descent.mixing import blend, blends, shares
from zoo.training.descent.optimizer import optimizer_for
from zoo.training.descent.sources import Images, Rows
from zoo.training.freeze import leaves

if TYPE_CHECKING:
    from zoo.training.descent.keeping import KeepBest
    from zoo.training.runs.checkpointer import Checkpointer
    from zoo.training.settings import Live


@dataclass(frozen=True)
class Goal:
    """What the output of a training graph means.

    Attributes:
        layers: every layer of base and head that may draw random numbers, in the order of the whole graph.
        outputs: the answers: they decide loss and metrics.
        from_logits: whether the graph gives logits rather than probabilities.
        scales: see `loss_for`.
    """

    layers: Sequence[Any]
    outputs: Sequence[Output]
    from_logits: bool
    scales: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, composition: Composition) -> Goal:
        """Return the goal of a model with a head."""
        assert composition.head is not None
        base = [leaf for stage in composition.stages for layer in stage.layers for leaf in leaves(layer)]
        return cls(
            layers=[*base, *leaves(composition.head)],
            outputs=composition.outputs,
            from_logits=composition.from_logits,
            scales=composition.scales(),
        )


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


@dataclass(frozen=True)
class Descent:
    """One phase of gradient descent.

    Attributes:
        model: what is trained, from the inputs of `learning` to logits or values.
        phase: epochs or steps, batch size, and everything about the optimizer.
        learning: examples to learn from.
        checking: examples to measure after every epoch, or None.
        goal: what the output means.
        seed: of the order of the examples.
        first_epoch: number of epochs that earlier phases did; epochs go on counting from there.
        title: what the display calls the phase.
        class_weight: class index -> weight, or None.
        factors: `id` of a variable -> factor on its learning rate; 1 for those not named.
        compare_start: whether the weights from before the phase are a candidate, where the best epoch is kept.
    """

    model: Any
    phase: PhaseSpec
    learning: Images | Rows
    checking: Images | Rows | None
    goal: Goal
    seed: int
    first_epoch: int = 0
    title: str = ""
    class_weight: dict[int, float] | None = None
    factors: Mapping[int, float] = field(default_factory=dict)
    compare_start: bool = False

    @property
    def steps(self) -> int:
        """Return the number of batches in an epoch."""
        return math.ceil(len(self.learning) / self.batch_size)

    @property
    def batch_size(self) -> int:
        """Return the number of examples in a step."""
        count = self.phase.batch_size
        return max(len(self.learning), 1) if isinstance(count, str) else count

    @property
    def epochs(self) -> int:
        """Return the number of epochs, the last of which may be cut short."""
        return self.phase.epochs if self.phase.steps is None else math.ceil(self.phase.steps / self.steps)

    def run(self, live: Live, checkpoint: Checkpointer | None = None) -> Descended:
        """Train for the phase; compiles anew, since a change of `trainable` is silent without that.

        Args:
            live: callbacks and display.
            checkpoint: saves the phase, and knows where it goes on after the run was resumed.

        Returns:
            What each epoch came to, and which one was kept.

        Raises:
            OptionError: the phase goes by what is measured on held out examples, and there are none.
        """
        check_not_forked()
        goal, model, keeper = self.goal, self.model, keeper_of(self.phase)
        reseed(goal.layers, seed=self.seed, epoch=self.first_epoch)
        whole = devices.Batch(model)
        learning, checking = self._feeds(whole)
        with devices.exactly(model, goal.layers):
            self._compile(whole)
            place = _Place(self.first_epoch)
            begins = self._begins(learning, checking, whole, place)
            everybody = [begins, *self._ends(learning, checking, keeper), *live.callbacks]
            if checkpoint is not None:
                place.epoch, place.done = checkpoint.begin(
                    model, callbacks=everybody, first_epoch=self.first_epoch, epochs=self.epochs, steps=self.steps
                )
                everybody.append(checkpoint.callback())
            if not live.display.silent:
                everybody.append(shown(live.display, self, done=place.done))
            if place.done or devices.strategy_of(model) is not None:
                build_metrics(model, learning[0])  # makes the metrics, whose values come back
            if keeper is not None and self.compare_start and (place.epoch, place.done) == (self.first_epoch, 0):
                before = model.evaluate(checking, callbacks=[begins], verbose=0, return_dict=True)
                everybody.append(_starting(keeper, before[self.phase.monitor.removeprefix("val_")]))
            with warnings.catch_warnings():
                if place.done:  # the first epoch has fewer batches than Keras counted
                    warnings.filterwarnings("ignore", "Your input ran out of data")
                result = model.fit(
                    learning,
                    shuffle=False,  # the feed has its own order
                    validation_data=checking,
                    initial_epoch=place.epoch,
                    epochs=self.first_epoch + self.epochs,
                    class_weight=None if blends(self.phase) else self.class_weight,
                    callbacks=everybody,
                    verbose=0,  # the display says it
                )
        history = {
            name: [float(value) for value in values]
            for name, values in result.history.items()
            if all(is_number(value) for value in values)
        }
        return Descended(history, None if keeper is None else self._kept(keeper))

    def _kept(self, keeper: KeepBest) -> dict[str, Any]:
        """What the report of the phase says of the epoch that was kept."""
        before, best = keeper.values
        epoch = None if keeper.best_epoch is None else max(keeper.best_epoch - self.first_epoch + 1, 0)
        return {"monitor": self.phase.monitor, "kept_epoch": epoch, "value_before": before, "value_kept": best}

    def _feeds(self, whole: devices.Batch) -> tuple[Any, Any]:
        """Return what gives the batches to learn from, and those to check with or None."""
        from zoo.training.descent.feeding import Feed  # here, not above: it loads Keras

        blending = plain = None
        if blends(self.phase):
            classes = len(self.goal.outputs[0].labels)
            blending = blend(self.phase, classes=classes, seed=self.seed, class_weight=self.class_weight)

            def plain(values: Any, targets: Any, epoch: int, batch: int) -> Any:
                return shares(values, targets, classes)

        feeding = partial(Feed, batch_size=self.batch_size, first_epoch=self.first_epoch, whole=whole)
        learning = feeding(self.learning, seed=self.seed, blend=blending)
        return learning, None if self.checking is None else feeding(self.checking, seed=None, blend=plain)

    def _compile(self, whole: devices.Batch) -> None:
        from zoo.architectures.backends import jit_compile  # here, not above: these load Keras
        from zoo.training.descent.losses import loss_for, loss_scaled, metrics_for

        goal, phase, shared = self.goal, self.phase, blends(self.phase)
        optimizer = optimizer_for(phase, steps=phase.steps or self.steps * self.epochs, factors=self.factors)
        loss = loss_for(goal.outputs, from_logits=goal.from_logits, scales=goal.scales, shares=shared, name=phase.loss)
        metrics = metrics_for(goal.outputs, shares=shared)
        # What `ModelCheckpoint` writes is a plain Keras model: the optimizer is code of zoo
        self.model.get_compile_config = lambda: None
        self.model.compile(
            optimizer=loss_scaled(optimizer, goal.layers),
            loss=whole.loss(loss),
            metrics=metrics,
            jit_compile=jit_compile(),
        )
        whole.count_once([loss_tracker(self.model), *metrics])
        # Otherwise Keras makes the optimizer's variables while it traces the step, which traces the network twice.
        self.model.optimizer.build(self.model.trainable_variables)

    def _begins(self, learning: Any, checking: Any, whole: devices.Batch, place: _Place) -> Any:
        import keras

        # By Keras's own count of epochs: it also calls `on_epoch_end` of a PyDataset before the first one.
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: learning.start(epoch, place.done if epoch == place.epoch else 0),
            on_train_batch_begin=lambda batch, logs: whole.begin(learning.examples(batch)),
            on_test_batch_begin=lambda batch, logs: whole.begin(checking.examples(batch)),
        )

    def _ends(self, learning: Any, checking: Any, keeper: KeepBest | None) -> list[Any]:
        # Not by the optimizer's count: on JAX its variables are not up to date within an epoch.
        def done_after(batch: int) -> int:
            return int(self.steps * (learning.epoch - self.first_epoch) + learning.skip + batch + 1)

        return ends(self.phase, self.model, done_after, checking is not None, keeper)


@dataclass(frozen=True)
class Descended:
    """What a phase of gradient descent came to.

    Attributes:
        history: Keras-style: metric -> value per epoch.
        kept: what the report of the phase says of the epoch that was kept; None where it is the last.
    """

    history: dict[str, list[float]]
    kept: dict[str, Any] | None


def _starting(keeper: KeepBest, value: float) -> Any:
    """A callback that makes the weights from before the phase the first candidate of a keeper."""
    import keras

    return keras.callbacks.LambdaCallback(on_train_begin=lambda logs: keeper.note_start(value))


@dataclass
class _Place:
    """Where a phase starts: the epoch, and how many of its batches are done."""

    epoch: int
    done: int = 0
