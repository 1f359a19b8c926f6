"""Several local devices: training under the `tf.distribute.MirroredStrategy` that a model was built in, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.errors import OptionError, ResumeError
from zoo.keras_internals import strategy_of, without_symbolic_build
from zoo.training.freeze import is_batchnorm


def names(composition: Composition) -> list[str] | None:
    """The devices that train the model, such as ["GPU:0", "GPU:1"]; None without a strategy."""
    strategy = strategy_of(composition.training)
    return None if strategy is None else _names(strategy)


def _names(strategy: Any) -> list[str]:
    return [name.rpartition("device:")[2] for name in strategy.extended.worker_devices]


def _active() -> Any | None:
    """The strategy whose scope we are in."""
    import keras

    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_strategy() if tf.distribute.has_strategy() else None


def check(composition: Composition) -> None:
    """Refuse what would not be exact on several devices, before any long work.

    Raises:
        OptionError: the model was built outside of the active scope, or under another kind of strategy; or it computes
            in float16.
    """
    own, active = strategy_of(composition.training), _active()
    if active is not None and active is not own:
        raise OptionError(
            "fit was called in the scope of a tf.distribute strategy, and the model was built outside of it: build or "
            "load the model in the scope"
        )
    if own is None:
        return
    import tensorflow as tf

    if isinstance(own, tf.distribute.MultiWorkerMirroredStrategy):
        raise OptionError(
            "the model was built under MultiWorkerMirroredStrategy, under which `fit` of Keras 3 does not run "
            "(github.com/keras-team/keras/issues/20585, open): build it under tf.distribute.MirroredStrategy, which "
            "trains on all devices of one machine"
        )
    if not isinstance(own, tf.distribute.MirroredStrategy | tf.distribute.OneDeviceStrategy):
        raise OptionError(
            f"the model was built under {type(own).__name__}; zoo trains on the devices of one machine, under "
            f"tf.distribute.MirroredStrategy"
        )
    if own.num_replicas_in_sync > 1 and composition.identity.precision == "mixed_float16":
        raise OptionError(
            "precision='mixed_float16' on several devices: Keras looks for overflow on the first of them only. Take "
            "'mixed_bfloat16' or float32"
        )


def mirrored(device_names: Sequence[str] | None) -> Any:
    """A strategy over devices of this machine.

    Args:
        device_names: such as ["GPU:0", "GPU:1"]; None: all GPUs, or the CPU where there are none.

    Raises:
        OptionError: there are no such devices here.
    """
    import keras

    if keras.config.backend() != "tensorflow":
        raise OptionError(f"several devices take the TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    here = [device.name.rpartition("device:")[2] for device in tf.config.list_logical_devices()]
    missing = [name for name in device_names or () if name not in here]
    if missing:
        raise OptionError(f"there is no device {', '.join(missing)} here; there are {', '.join(here)}")
    return tf.distribute.MirroredStrategy(None if device_names is None else list(device_names))


def as_before(device_names: Sequence[str] | None) -> AbstractContextManager[Any]:
    """The scope in which a run that was begun on these devices goes on.

    Args:
        device_names: what `names` gave; None: no strategy.

    Raises:
        ResumeError: the active strategy has other devices, or there are no such devices here.
    """
    active = _active()
    if active is not None and device_names != _names(active):
        before = "without a strategy" if device_names is None else f"on {', '.join(device_names)}"
        raise ResumeError(
            f"the run was begun {before}, and the active tf.distribute strategy has {', '.join(_names(active))}: "
            f"resume outside of its scope"
        )
    if active is not None or device_names is None:
        return nullcontext()
    try:
        scope: AbstractContextManager[Any] = mirrored(device_names).scope()
    except OptionError as error:
        raise ResumeError(
            f"the run was begun on {', '.join(device_names)}, and would not end the same here: {error}"
        ) from error
    return scope


def scope(model: Any) -> AbstractContextManager[Any]:
    """Where variables for this model, such as those of its optimizer, are made."""
    strategy = strategy_of(model)
    return nullcontext() if strategy is None else strategy.scope()


@contextmanager
def exactly(model: Any, layers: Sequence[Any]) -> Iterator[None]:
    """Compile and fit a model in here: each step then is that of one device, up to the rounding of sums.

    - BatchNorm that trains takes the mean and the variance of the whole batch (`synchronized=True`), not of the share
      of its device. Frozen BatchNorm takes none.
    - Keras averages the first batch over the devices to learn its shape, which fails where their shares are not of one
      size: it is kept from that. Call `build_metrics` with a whole batch, which makes the metrics.

    Args:
        model: what is trained.
        layers: every layer of it.
    """
    if strategy_of(model) is None:
        yield
        return
    norms = [(layer, layer.synchronized) for layer in layers if is_batchnorm(layer)]
    try:
        for layer, _ in norms:
            layer.synchronized = True
        with without_symbolic_build(model), scope(model):
            yield
    finally:
        for layer, synchronized in norms:
            layer.synchronized = synchronized


def fewest_copies(examples: int, count: int) -> int:
    """How often a batch of so many examples must be given for each of so many devices to have one of them."""
    # TensorFlow divides upward: the first devices get more, and the last ones what is left.
    enough = (n for n in range(1, count + 1) if n * examples > (count - 1) * -(-n * examples // count))
    return next(enough)


class Batch:
    """The whole batch of a step, of which each device sees a share: makes every example of it count once.

    Keras adds up means / devices, which weighs the examples of a small share more than the others: the last batch of an
    epoch seldom divides evenly. Here the gradient of each device counts by its share of the examples. And where a
    device would get none, on which TensorFlow's convolutions fail, the batch is given several times: that changes
    neither the mean of its gradients nor the mean and variance that BatchNorm takes, and running means count it once.

    Without a strategy of several devices all of this leaves everything as it is.

    Args:
        model: what is trained.
    """

    def __init__(self, model: Any) -> None:
        strategy = strategy_of(model)
        self._count = 1 if strategy is None else strategy.num_replicas_in_sync
        self._now = 0
        if self._count > 1:
            import keras

            with scope(model):
                self._examples, self._weight = (
                    keras.Variable(1.0, trainable=False, dtype="float32", autocast=False, name=name)
                    for name in ("batch_examples", "batch_weight")
                )

    def fill(self, batch: Any, examples: int) -> Any:
        """The arrays of a batch of so many examples, once or as often as it takes."""
        copies = fewest_copies(examples, self._count)
        if copies == 1:
            return batch
        import keras

        return keras.tree.map_structure(lambda array: np.concatenate([array] * copies), batch)

    def begin(self, examples: int) -> None:
        """The next step is that of a batch of so many examples.

        Told from outside: asking the other devices would be one more thing that all must do in the same order.
        """
        if self._count > 1 and 0 < examples != self._now:  # behind its last batch an epoch has none
            self._examples.assign(float(examples))
            self._weight.assign(1 / fewest_copies(examples, self._count))
            self._now = examples

    def loss(self, loss: Any) -> Any:
        """A loss whose gradients, summed over all devices, are those of the mean over the whole batch.

        Its value stays as it is: `count_once` sees to the running mean.

        Args:
            loss: a Keras loss, or a function of (true, predicted), that gives a mean over examples.
        """
        if self._count == 1:
            return loss
        import keras

        whole = self

        class Shared(keras.losses.Loss):
            """The loss with gradients by shares."""

            def __call__(self, true: Any, predicted: Any, sample_weight: Any = None) -> Any:
                value = (
                    loss(true, predicted)
                    if sample_weight is None
                    else loss(true, predicted, sample_weight=sample_weight)
                )
                still = keras.ops.stop_gradient(value)
                share = keras.ops.cast(keras.ops.shape(predicted)[0], "float32") * whole._weight
                return still + share * whole._count / whole._examples * (value - still)

        return Shared(name="loss")

    def count_once(self, metrics: Iterable[Any]) -> None:
        """Let running means, such as that of the loss, count a batch once that is given several times."""
        for metric in metrics if self._count > 1 else ():
            self._count_once(metric)

    def _count_once(self, metric: Any) -> None:
        import keras

        update = metric.update_state

        def weighted(*values: Any, sample_weight: Any = None) -> Any:
            if sample_weight is None:
                sample_weight = keras.ops.ones(keras.ops.shape(values[0])[:1])
            return update(*values, sample_weight=keras.ops.cast(sample_weight, "float32") * self._weight)

        metric.update_state = weighted


def several() -> bool:
    """Whether this is the part that one of several devices has in a step."""
    if _active() is None:
        return False
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    return replica is not None and replica.num_replicas_in_sync > 1


def read(variable: Any) -> np.ndarray:
    """The value of a variable; of one that every device counts for itself, such as a running metric, a row for each."""
    import keras

    parts = _parts(variable)
    if parts is None:
        return np.asarray(keras.ops.convert_to_numpy(variable))
    return np.stack([np.asarray(part) for part in parts])


def write(variable: Any, value: np.ndarray) -> None:
    """Put back what `read` gave."""
    parts = _parts(variable)
    if parts is None:
        variable.assign(value)
        return
    for part, own in zip(parts, value, strict=True):
        part.assign(own)


def shape(variable: Any) -> tuple[int, ...]:
    """The shape of what `read` gives."""
    parts, own = _parts(variable), tuple(variable.shape)
    return own if parts is None else (len(parts), *own)


def _parts(variable: Any) -> Sequence[Any] | None:
    if getattr(variable, "synchronization", None) != "on_read":
        return None
    parts: Sequence[Any] | None = getattr(variable.value, "values", None)
    return parts
