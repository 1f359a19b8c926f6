"""What descent makes small, and what ends it: losses by name against their formulas, targets, one step an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.tiny import tiny_model

import zoo
from zoo.errors import OptionError
from zoo.specs import Output, PhaseSpec, RecipeSpec

LOGITS = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], np.float32)
CLASSES = np.array([0, 2])


def value(loss, true, predicted) -> float:
    return float(np.mean(np.asarray(loss(true, predicted))))


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_losses_of_classes() -> None:
    from zoo.training.descent.losses import loss_for

    outputs, likely = [Output(labels=("a", "b", "c"))], softmax(LOGITS)
    right = likely[np.arange(2), CLASSES]
    expected = {
        None: -np.log(right).mean(),
        "crossentropy": -np.log(right).mean(),
        "focal": (0.25 * (1 - right) ** 2 * -np.log(right)).mean(),  # Lin et al. 2017, with the alpha of Keras
        "mse": ((likely - np.eye(3)[CLASSES]) ** 2).mean(),
    }
    for name, number in expected.items():
        for given, from_logits in ((LOGITS, True), (likely, False)):
            loss = loss_for(outputs, from_logits=from_logits, scales={}, name=name)
            assert value(loss, CLASSES, given) == pytest.approx(number, rel=1e-5), name


def test_losses_of_values_count_in_the_unit_of_each_value() -> None:
    from zoo.training.descent.losses import loss_for

    outputs = [Output(name="size", task="regression", labels=("height", "weight"))]
    true, predicted = np.array([[0.0, 0.0]], np.float32), np.array([[1.0, 30.0]], np.float32)
    scales = {"size": np.array([2.0, 10.0])}  # errors of half a unit, and of three
    expected = {"mse": (0.25 + 9) / 2, "mae": 3.5 / 2, "huber": (0.125 + 2.5) / 2}
    for name, number in expected.items():
        loss = loss_for(outputs, from_logits=False, scales=scales, name=name)
        assert value(loss, true, predicted) == pytest.approx(number, rel=1e-5), name


def test_a_loss_is_refused_where_the_task_has_none_such(pictures) -> None:
    model = tiny_model()
    with pytest.raises(
        OptionError, match="loss='huber' is not for classification: take one of crossentropy, focal, mse"
    ):
        model.fit(pictures, loss="huber", epochs=1)
    with pytest.raises(OptionError, match="loss='hinge': choose one of crossentropy, focal, mse, mae, huber"):
        model.fit(pictures, loss="hinge", epochs=1)
    values = tiny_model(zoo.regressor(["brightness"]))
    with pytest.raises(OptionError, match="loss='focal' is not for regression: take one of mse, mae, huber"):
        values.fit((pictures[0], pictures[1].astype(np.float32)), loss="focal", epochs=1)
    smooth = RecipeSpec([PhaseSpec(name="smooth", epochs=1, label_smoothing=0.1)])
    with pytest.raises(OptionError, match="label_smoothing blend classes; this head does regression"):
        values.fit((pictures[0], pictures[1].astype(np.float32)), recipe=smooth)


def test_a_loss_and_label_smoothing_are_what_the_history_shows(pictures) -> None:
    losses = {}
    for name, changes in (("plain", {}), ("focal", {"loss": "focal"}), ("smooth", {"label_smoothing": 0.4})):
        recipe = RecipeSpec([PhaseSpec(name="one", epochs=1, batch_size="all", learning_rate=1e-9, **changes)])
        losses[name] = tiny_model().fit(pictures, recipe=recipe, validation=None).history["loss"][0]
    assert losses["focal"] < 0.5 * losses["plain"]
    assert losses["smooth"] != pytest.approx(losses["plain"], rel=1e-4)


def test_a_phase_stops_at_its_target(pictures) -> None:
    def epochs(**target: float) -> int:
        run = tiny_model().fit(pictures, recipe="head", epochs=4, stop_at=target, validation=0.25)
        return len(run.history["loss"])

    assert epochs(val_accuracy=0.0) == 1
    assert epochs(val_loss=1e9) == 1
    assert epochs(val_accuracy=0.0, val_loss=-1.0) == 4  # all of them
    with pytest.raises(OptionError, match=r"stops at a 'val_acuracy' that is not in the history: .*val_accuracy"):
        epochs(val_acuracy=0.9)
    with pytest.raises(OptionError, match="goes by 'val_accuracy' and nothing is held out"):
        tiny_model().fit(pictures, recipe="head", epochs=1, stop_at={"val_accuracy": 0.9}, validation=None)


def test_a_batch_of_all_is_one_step_an_epoch(pictures) -> None:
    import keras

    steps: list[int] = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    tiny_model().fit(pictures, recipe="head", epochs=3, batch_size="all", callbacks=counter, validation=None)
    assert steps == [0, 0, 0]
