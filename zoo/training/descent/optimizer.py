"""The optimizer of a phase: its schedule, a learning rate for each stage, and a rate that callbacks can set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from zoo.specs import PhaseSpec
from zoo.training.descent import devices


def optimizer_for(phase: PhaseSpec, *, steps: int, factors: Mapping[int, float] | None = None) -> Any:
    """The Keras optimizer of a phase.

    One optimizer for all stages, not Keras's `MultiOptimizer`: that one has no learning rate for a callback to set,
    clips each group by its own norm, and cannot be wrapped for float16. Here every variable has a factor, by which its
    step (and its weight decay, which is a share of the rate) is multiplied. All state is in `optimizer.variables`.

    Args:
        phase: optimizer, learning rate, schedule, clip, weight decay.
        steps: steps of the phase, over which the schedule runs.
        factors: `id` of a variable -> factor on its learning rate; 1 for those not named (paths are not unique).
    """
    options: dict[str, Any] = {"global_clipnorm": phase.clip}
    if phase.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = phase.momentum
    optimizer = _staged(phase.optimizer)(learning_rate=_schedule(phase, steps), **options)
    optimizer.factors = dict(factors or {})
    optimizer.decay = phase.weight_decay
    return optimizer


@cache
def _staged(name: str) -> type:
    """The Keras optimizer of a name, with factors and a rate that can be set."""
    import keras

    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.Adam,  # the decay is below, at the rate of the variable
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    base: Any = kinds[name]

    class Staged(base):
        """An optimizer with a factor on the learning rate of each variable.

        What a callback sets as the learning rate (`ReduceLROnPlateau`, `LearningRateScheduler`) takes over from the
        schedule from there on; the factors stay.
        """

        def build(self, variables: Any) -> None:
            if not self.built:
                self._given = self.add_variable((), initializer="zeros", name="rate_given")  # 0: the schedule's
                self._factors = [self.factors.get(id(variable), 1.0) for variable in variables]
            super().build(variables)

        def _get_current_learning_rate(self) -> Any:
            planned = super()._get_current_learning_rate()
            if not self.built:
                return planned
            given = keras.ops.convert_to_tensor(self._given)  # JAX takes no variable here
            return keras.ops.where(given > 0, given, planned)

        @property
        def learning_rate(self) -> Any:
            return self._get_current_learning_rate()

        @learning_rate.setter
        def learning_rate(self, rate: Any) -> None:
            self._given.assign(rate)

        def _clip_gradients(self, gradients: Any) -> Any:
            """Keras would clip what each of several devices has; the norm is meant of their sum, see below."""
            return gradients if devices.several() else super()._clip_gradients(gradients)

        def _all_reduce_sum_gradients(self, pairs: Any) -> Any:
            """The sum over devices, clipped; TensorFlow's optimizers call it before they take a step."""
            pairs = super()._all_reduce_sum_gradients(pairs)
            if not devices.several():
                return pairs
            gradients, variables = zip(*pairs, strict=True)
            return list(zip(super()._clip_gradients(list(gradients)), variables, strict=True))

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = learning_rate * self._factors[self._get_variable_index(variable)]
            if self.decay:
                self.assign_sub(variable, variable * keras.ops.cast(rate * self.decay, variable.dtype))
            super().update_step(gradient, variable, rate)

    Staged.__name__ = Staged.__qualname__ = base.__name__
    return Staged


def _schedule(phase: PhaseSpec, steps: int) -> Any:
    """The learning rate as a function of the step, as `PhaseSpec.schedule` and `warmup` say.

    Warm-up rises in a straight line from peak / (warm-up steps) on; what follows runs over the rest of the steps.
    """
    import keras
    from keras import ops

    peak = phase.learning_rate
    up = min(int(phase.warmup * steps), steps - 1)
    rest = max(steps - up, 1)

    class Planned(keras.optimizers.schedules.LearningRateSchedule):
        """One schedule of a phase."""

        def __call__(self, step: Any) -> Any:
            step = ops.cast(step, "float32")
            done = ops.clip((step - up) / rest, 0.0, 1.0)
            if phase.schedule == "one-cycle":
                first = _cosine(peak / 25, peak, ops.clip(step / max(up, 1), 0.0, 1.0))
                return ops.where(step < up, first, _cosine(peak, peak / 1e5, done))
            if phase.schedule == "cosine":
                rate = _cosine(peak, 0.0, done)
            elif phase.schedule == "steps":
                rate = peak * 1.0
                for share in phase.step_at:
                    rate = ops.where(step >= share * steps, rate * phase.step_factor, rate)
            else:
                rate = ops.ones_like(step) * peak
            rising = peak * (1 + step * (1 - 1 / up)) / up if up > 1 else peak
            return ops.where(step < up, rising if up > 1 else peak, rate)

        def get_config(self) -> dict[str, Any]:
            return {"phase": phase.model_dump(mode="json"), "steps": steps}

    return Planned()


def _cosine(start: float, end: float, done: Any) -> Any:
    from keras import ops

    return end + (start - end) * 0.5 * (1 + ops.cos(math.pi * done))
