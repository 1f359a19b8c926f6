"""Several local devices: training under the `tf.distribute.MirroredStrategy` that a model was built in, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from zoo.compose import Composition
from zoo.errors import OptionError, ResumeError
from zoo.training.freeze import is_batchnorm


def strategy_of(model: Any) -> Any | None:
    """The strategy in whose scope a Keras model was made; None without one, and on other backends than TensorFlow."""
    return getattr(model, "_distribute_strategy", None)


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

    if not isinstance(own, tf.distribute.MirroredStrategy | tf.distribute.OneDeviceStrategy):
        raise OptionError(
            f"the model was built under {type(own).__name__}; zoo trains on the devices of one machine, under "
            f"tf.distribute.MirroredStrategy"
        )
    if own.num_replicas_in_sync > 1 and composition.identity.get("precision") == "mixed_float16":
        raise OptionError(
            "precision='mixed_float16' on several devices: Keras looks for overflow on the first of them only. Take "
            "'mixed_bfloat16' or float32"
        )


def mirrored(wanted: Sequence[str] | None) -> Any:
    """A strategy over devices of this machine.

    Args:
        wanted: such as ["GPU:0", "GPU:1"]; None: all GPUs, or the CPU where there are none.

    Raises:
        OptionError: there are no such devices here.
    """
    import keras

    if keras.config.backend() != "tensorflow":
        raise OptionError(f"several devices take the TensorFlow backend; this is {keras.config.backend()}")
    import tensorflow as tf

    here = [device.name.rpartition("device:")[2] for device in tf.config.list_logical_devices()]
    missing = [name for name in wanted or () if name not in here]
    if missing:
        raise OptionError(f"there is no device {', '.join(missing)} here; there are {', '.join(here)}")
    return tf.distribute.MirroredStrategy(None if wanted is None else list(wanted))


def _fits(examples: int, batch_size: int, count: int) -> bool:
    """Whether every batch has something for each of so many devices; TensorFlow gives the first ones more."""
    sizes = {min(batch_size, examples), examples % batch_size or batch_size}
    return all(size > (count - 1) * -(-size // count) for size in sizes)


def check_batches(model: Any, *, examples: int, batch_size: int) -> None:
    """Refuse batches that leave a device without an image, on which TensorFlow's convolutions fail.

    Raises:
        OptionError: the message names the nearest batch size that does.
    """
    strategy = strategy_of(model)
    count = 1 if strategy is None else strategy.num_replicas_in_sync
    if _fits(examples, batch_size, count):
        return
    near = sorted(range(count, max(examples, batch_size) + 1), key=lambda size: abs(size - batch_size))
    better = next((size for size in near if _fits(examples, size, count)), None)
    raise OptionError(
        f"batch_size={batch_size} with {examples} training images leaves one of {count} devices without an image in "
        f"the last batch: " + (f"take batch_size={better}" if better else "take fewer devices")
    )


def measuring_batch(model: Any, *, examples: int, batch_size: int) -> int:
    """The batch size to measure with: as asked, or the next below it that leaves no device without an image.

    Raises:
        OptionError: there is none.
    """
    strategy = strategy_of(model)
    count = 1 if strategy is None else strategy.num_replicas_in_sync
    for size in range(batch_size, count - 1, -1):
        if _fits(examples, size, count):
            return size
    raise OptionError(f"{examples} held out images are too few for {count} devices: hold out more")


def as_before(wanted: Sequence[str] | None) -> AbstractContextManager[Any]:
    """The scope in which a run that was begun on these devices goes on.

    Args:
        wanted: what `names` gave; None: no strategy.

    Raises:
        ResumeError: the active strategy has other devices, or there are no such devices here.
    """
    active = _active()
    if active is not None and wanted != _names(active):
        before = "without a strategy" if wanted is None else f"on {', '.join(wanted)}"
        raise ResumeError(
            f"the run was begun {before}, and the active tf.distribute strategy has {', '.join(_names(active))}: "
            f"resume outside of its scope"
        )
    if active is not None or wanted is None:
        return nullcontext()
    try:
        scope: AbstractContextManager[Any] = mirrored(wanted).scope()
    except OptionError as error:
        raise ResumeError(
            f"the run was begun on {', '.join(wanted)}, and would not end the same here: {error}"
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
      size: it is kept from that. Call `_symbolic_build` with a whole batch, which makes the metrics.

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
        model._maybe_symbolic_build = lambda *args, **kwargs: None
        with scope(model):
            yield
    finally:
        del model._maybe_symbolic_build
        for layer, synchronized in norms:
            layer.synchronized = synchronized


def shared(loss: Any, model: Any, optimizer: Any, *, examples: int, batch_size: int) -> Any:
    """A loss whose gradients, summed over all devices, are those of the mean over the whole batch.

    Keras adds up means / devices, which weighs the examples of a small share more than the others: the last batch of an
    epoch seldom divides evenly. Here the gradient of each device counts by its share of the examples; the value stays
    as it is, since Keras's running mean weighs it by the number of examples. How large the whole batch is follows from
    the step: asking the other devices would be one more thing that all must do in the same order.

    Args:
        loss: a Keras loss, or a function of (true, told), that gives a mean over examples.
        model: what is trained; without a strategy the loss itself is returned.
        optimizer: counts the steps.
        examples: of an epoch.
        batch_size: examples of all devices in every batch but the last.
    """
    strategy = strategy_of(model)
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return loss
    import keras

    steps, count = -(-examples // batch_size), strategy.num_replicas_in_sync
    last = examples - (steps - 1) * batch_size

    class Shared(keras.losses.Loss):
        """The loss with gradients by shares."""

        def __call__(self, true: Any, told: Any, sample_weight: Any = None) -> Any:
            value = loss(true, told) if sample_weight is None else loss(true, told, sample_weight=sample_weight)
            still = keras.ops.stop_gradient(value)
            ends = keras.ops.equal((keras.ops.cast(optimizer.iterations, "int32") + 1) % steps, 0)
            whole = keras.ops.where(ends, float(last), float(batch_size))
            share = keras.ops.cast(keras.ops.shape(told)[0], "float32") * count / whole
            return still + share * (value - still)

    return Shared(name="loss")


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
