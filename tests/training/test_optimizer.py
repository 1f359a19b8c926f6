"""The optimizer of a phase: each stage moves by what it says, on the schedule it says, and callbacks are heard."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import backend
from helpers.descending import descend

from zoo.specs import Output, PhaseSpec
from zoo.training.descent.optimizer import optimizer_for
from zoo.training.descent.sources import Rows

TOLD = {"layers": [], "outputs": (Output(),), "from_logits": True, "scales": {}, "seed": 0}


def phase(**fields) -> PhaseSpec:
    return PhaseSpec.model_validate({"name": "tune", "epochs": 1, **fields})


@pytest.fixture
def rows() -> Rows:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 6)).astype(np.float32)
    return Rows(values, (values[:, 0] > 0).astype(np.int64))


@pytest.fixture
def net():
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    lower = keras.layers.Dense(5, activation="tanh")
    upper = keras.layers.Dense(2)
    return keras.Model(inputs, upper(lower(inputs))), lower, upper


def gradients(model, rows: Rows, smoothing: float = 0.0) -> list[np.ndarray]:
    import keras

    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    targets = np.eye(2, dtype=np.float32)[rows.targets]
    return backend.gradients(lambda: loss(targets, model(rows.values)), model.trainable_variables)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_ten_times_the_rate_is_ten_times_the_movement(net, rows: Rows, clip: float | None) -> None:
    model, lower, upper = net
    before = [np.asarray(v) for v in model.trainable_variables]
    expected = gradients(model, rows)
    norm = np.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in expected))
    shrink = 1.0 if clip is None else min(1.0, clip / norm)
    assert clip is None or shrink < 1
    plain = phase(optimizer="sgd", schedule="constant", warmup=0, clip=clip, learning_rate=0.5, batch_size=24)
    factors = {id(w): 1.0 for w in lower.weights} | {id(w): 10.0 for w in upper.weights}
    descend(model, plain, rows, None, factors=factors, **TOLD)
    moved = [old - np.asarray(v) for old, v in zip(before, model.trainable_variables, strict=True)]
    for got, gradient, factor in zip(moved, expected, (1, 1, 10, 10), strict=True):
        np.testing.assert_allclose(got, 0.5 * factor * shrink * gradient, rtol=1e-5, atol=2e-7)


def test_a_second_phase_goes_by_its_own_rate_and_loss(net, rows: Rows) -> None:
    """A step that was compiled for the phase before would go by that one's: the shapes are the same."""
    model, *_ = net
    for rate, smoothing in ((0.5, 0.0), (0.05, 0.0), (0.05, 0.3), (0.05, 0.6)):
        before = [np.asarray(v) for v in model.trainable_variables]
        expected = gradients(model, rows, smoothing)
        plain = phase(
            optimizer="sgd",
            schedule="constant",
            warmup=0,
            clip=None,
            learning_rate=rate,
            batch_size=24,
            label_smoothing=smoothing,
        )
        descend(model, plain, rows, None, **TOLD | {"outputs": (Output(labels=("a", "b")),)})
        for old, variable, gradient in zip(before, model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(old - np.asarray(variable), rate * gradient, rtol=1e-5, atol=2e-7)


def test_weight_decay_goes_with_the_rate_of_the_stage(net, rows: Rows) -> None:
    model, _, upper = net
    before = [np.asarray(v) for v in model.trainable_variables]
    expected = gradients(model, rows)
    plain = phase(
        optimizer="sgd", weight_decay=0.1, schedule="constant", warmup=0, clip=None, learning_rate=0.5, batch_size=24
    )
    descend(model, plain, rows, None, factors={id(w): 3.0 for w in upper.weights}, **TOLD)
    for old, variable, gradient, rate in zip(
        before, model.trainable_variables, expected, (0.5, 0.5, 1.5, 1.5), strict=True
    ):
        np.testing.assert_allclose(np.asarray(variable), old * (1 - rate * 0.1) - rate * gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_without_factors_it_is_keras_own_optimizer(name: str) -> None:
    import keras

    start, gradient = np.linspace(-1, 1, 5, dtype=np.float32), np.linspace(0.1, 0.4, 5, dtype=np.float32)
    ours, theirs = keras.Variable(start), keras.Variable(start)
    decay = {"weight_decay": 0.01} if name in ("adamw", "sgd") else {}
    own = optimizer_for(
        phase(optimizer=name, schedule="constant", warmup=0, learning_rate=0.02, clip=0.3, **decay), steps=3
    )
    kinds = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}
    # AdamW of Keras has a weight decay of its own unless told otherwise.
    keras_own = getattr(keras.optimizers, kinds[name])(0.02, global_clipnorm=0.3, **decay)
    own.build([ours])
    for _ in range(3):
        own.apply([keras.ops.convert_to_tensor(gradient)], [ours])
        keras_own.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-6)
    assert np.abs(np.asarray(ours) - start).max() > 1e-3


def planned(**fields) -> np.ndarray:
    import keras

    optimizer = optimizer_for(phase(learning_rate=0.4, **fields), steps=20)
    optimizer.build([keras.Variable(np.zeros(2, np.float32))])
    found = []
    for step in range(20):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return np.array(found)


def test_the_schedules_are_what_they_say() -> None:
    import keras

    keras_own = keras.optimizers.schedules.CosineDecay(0.4 / 4, 16, warmup_target=0.4, warmup_steps=4)
    np.testing.assert_allclose(planned(warmup=0.2), [float(keras_own(step)) for step in range(20)], rtol=1e-5)
    assert set(np.round(planned(schedule="constant", warmup=0), 6)) == {0.4}
    steps = planned(schedule="steps", warmup=0, step_at=(0.5, 0.75))
    np.testing.assert_allclose(steps, [0.4] * 10 + [0.04] * 5 + [0.004] * 5, rtol=1e-5)
    cycle = planned(schedule="one-cycle", warmup=0.25)
    assert cycle.argmax() == 5
    assert cycle[0] == pytest.approx(0.4 / 25)
    assert cycle[5] == pytest.approx(0.4)
    assert cycle[-1] < 0.01
    assert planned(schedule="constant", warmup=1.0)[0] < 0.05  # all of it warm-up


def test_callbacks_that_set_the_rate_take_over_from_the_schedule(net, rows: Rows) -> None:
    import keras

    model, *_ = net
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: seen.append(float(model.optimizer.learning_rate))
    )
    setter = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5 if epoch == 1 else rate)
    history = descend(
        model, phase(epochs=3, batch_size=8, learning_rate=0.1), rows, None, callbacks=[setter, watch], **TOLD
    )
    assert seen[1:] == [0.5, 0.5]
    assert history["learning_rate"][1] == 0.5
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=1e9, min_lr=0)
    descend(
        model,
        phase(epochs=3, batch_size=8, learning_rate=0.1, schedule="constant", warmup=0),
        rows,
        None,
        callbacks=[plateau],
        **TOLD,
    )
    assert float(model.optimizer.learning_rate) < 0.06


def test_the_state_of_the_optimizer_comes_back_whole(net, rows: Rows) -> None:
    model, *_ = net
    one = phase(epochs=1, batch_size=8, optimizer="sgd", momentum=0.9)
    descend(model, one, rows, None, **TOLD)
    model.optimizer.learning_rate = 0.25
    state = [np.asarray(v) for v in model.optimizer.variables]
    fresh = optimizer_for(one, steps=3)
    fresh.build(model.trainable_variables)
    for variable, value in zip(fresh.variables, state, strict=True):
        variable.assign(value)
    assert float(fresh.learning_rate) == 0.25
    assert int(fresh.iterations) == 3


def test_a_phase_in_steps_ends_after_that_many(net, rows: Rows) -> None:
    model, *_ = net
    history = descend(model, phase(epochs=0, steps=5, batch_size=8), rows, None, **TOLD)
    assert int(model.optimizer.iterations) == 5
    assert len(history["loss"]) == 2


def test_the_best_epoch_is_kept_and_patience_ends_a_phase(net, rows: Rows) -> None:
    from zoo.errors import OptionError

    model, *_ = net
    wild = {
        "optimizer": "sgd",
        "schedule": "constant",
        "warmup": 0,
        "learning_rate": 30.0,
        "clip": None,
        "batch_size": 4,
    }
    history = descend(model, phase(epochs=6, keep="best", **wild), rows, rows, **TOLD)
    best = int(np.argmin(history["val_loss"]))
    assert best < 5
    assert model.evaluate(rows.values, rows.targets, verbose=0)[0] == pytest.approx(history["val_loss"][best], rel=1e-5)
    history = descend(model, phase(epochs=9, patience=1, **wild | {"learning_rate": 60.0}), rows, rows, **TOLD)
    assert len(history["loss"]) < 9
    with pytest.raises(OptionError, match="nothing is held out"):
        descend(model, phase(keep="best"), rows, None, **TOLD)
