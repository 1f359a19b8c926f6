"""Tasks: what the graph ends in, what Keras learns by, and what NumPy computes say the same thing."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from zoo import tasks
from zoo.errors import DataError, OptionError
from zoo.specs import BOX_LABELS, AnswerTask, Output
from zoo.specs import Task as TaskName

RANDOM = np.random.default_rng(0)
RAW = RANDOM.normal(size=(12, 4)).astype(np.float32)
TARGETS = {
    "classification": RANDOM.integers(0, 4, 12),
    "multilabel": RANDOM.integers(0, 2, (12, 4)).astype(np.float32),
    "regression": RANDOM.normal(size=(12, 4)).astype(np.float32),
    "box": np.tile(np.array([0.1, 0.2, 0.6, 0.9], np.float32), (12, 1)),
}
each = pytest.mark.parametrize("task", tasks.SINGLE, ids=lambda task: task.name)


def test_there_is_one_object_for_every_name_of_the_vocabulary() -> None:
    assert [task.name for task in tasks.SINGLE] == list(get_args(AnswerTask))
    assert {task.name for task in (*tasks.SINGLE, tasks.SEVERAL)} == set(get_args(TaskName))
    for task in (*tasks.SINGLE, tasks.SEVERAL):
        assert tasks.named(task.name) is task
    assert tasks.of(Output(task="box", labels=BOX_LABELS)) is tasks.BOX


def test_an_unknown_name_is_refused_with_what_is_near() -> None:
    with pytest.raises(OptionError, match=r"no task 'classify'.*classification.*multi-output"):
        tasks.named("classify")


@each
def test_what_the_graph_ends_in_is_what_numpy_computes(task: tasks.Task) -> None:
    import keras

    served = keras.ops.convert_to_numpy(keras.layers.Activation(task.activation)(RAW))
    np.testing.assert_allclose(task.activated(RAW), served, atol=1e-6)
    assert task.probabilities == (task in (tasks.CLASSIFICATION, tasks.MULTILABEL))


@each
@pytest.mark.parametrize("from_logits", [True, False])
def test_the_loss_and_metric_of_keras_are_the_figures_of_a_history(task: tasks.Task, from_logits: bool) -> None:
    import keras

    scores, targets = task.activated(RAW), TARGETS[task.name]
    scale = np.array([1.0, 2.0, 0.5, 10.0]) if task.in_units else None
    loss = task.keras_loss(from_logits=from_logits, scale=scale)
    metric = task.keras_metric()
    metric.update_state(targets, scores)
    figures = task.history_figures(scores.astype(np.float64), targets, 1.0 if scale is None else scale)
    assert list(figures) == ["loss", task.history_metric] == ["loss", metric.name]
    predicted = RAW if from_logits else scores
    assert float(keras.ops.convert_to_numpy(loss(targets, predicted))) == pytest.approx(figures["loss"], rel=1e-5)
    assert float(keras.ops.convert_to_numpy(metric.result())) == pytest.approx(figures[task.history_metric], rel=1e-5)


def test_shares_of_classes_are_learned_as_classes_are() -> None:
    shares, targets = np.eye(4, dtype=np.float32)[TARGETS["classification"]], TARGETS["classification"]
    of_shares = tasks.CLASSIFICATION.keras_loss(from_logits=True, shares=True)(shares, RAW)
    of_classes = tasks.CLASSIFICATION.keras_loss(from_logits=True)(targets, RAW)
    assert float(of_shares) == pytest.approx(float(of_classes), rel=1e-6)
    accuracy = tasks.CLASSIFICATION.keras_metric(shares=True)
    accuracy.update_state(shares, RAW)
    assert float(accuracy.result()) == pytest.approx(float((RAW.argmax(axis=1) == targets).mean()))


@each
def test_targets_are_packed_as_floats_and_unpacked(task: tasks.Task) -> None:
    output = Output(task=task.name, labels=task.fixed_labels or ("a", "b", "c", "d"))
    packed = task.packed_targets(output, TARGETS[task.name], "data: answer")
    assert packed.dtype == np.float32
    assert packed.shape == (12, output.target_width)
    np.testing.assert_array_equal(task.unpacked(packed), TARGETS[task.name])
    with pytest.raises(DataError, match="data: answer must hold finite numbers"):
        task.packed_targets(output, np.full((12, output.target_width), np.nan), "data: answer")


@each
def test_an_answer_is_decoded(task: tasks.Task) -> None:
    labels = task.fixed_labels or ("a", "b", "c", "d")
    scores = np.array([0.6, 0.7, 0.1, 0.9], np.float32)
    prediction = task.decode(labels, scores, "x.jpg")
    assert prediction.names == labels
    given = {
        "classification": prediction.label == "d" and prediction.score == pytest.approx(0.9),
        "multilabel": prediction.given == ("a", "b", "d"),
        "regression": prediction.values == pytest.approx(dict(zip(labels, scores.tolist(), strict=True))),
        "box": prediction.box == pytest.approx((0.1, 0.7, 0.6, 0.9)),  # never inside out
    }
    assert given[task.name]


def test_several_answers_have_no_loss_of_their_own() -> None:
    for question in (
        lambda: tasks.SEVERAL.keras_loss(from_logits=True),
        lambda: tasks.SEVERAL.keras_metric(),
        lambda: tasks.SEVERAL.history_figures(RAW, RAW),
        lambda: tasks.SEVERAL.decode((), RAW[0], "x"),
    ):
        with pytest.raises(TypeError, match="several answers"):
            question()
    outputs = (Output(name="kind", labels=("a", "b", "c", "d")), Output(name="size", task="regression", labels=("s",)))
    targets = tasks.pack(outputs, {"kind": TARGETS["classification"], "size": RAW[:, 0]}, "data")
    scores = np.concatenate([tasks.CLASSIFICATION.activated(RAW), RAW[:, :1] + 1], axis=1)
    figures = tasks.history_figures(outputs, scores, targets, {"size": np.array([2.0])})
    alone = tasks.CLASSIFICATION.history_figures(scores[:, :4], TARGETS["classification"])
    assert figures["kind_accuracy"] == alone["accuracy"]
    assert figures["size_mae"] == pytest.approx(1.0)
    assert figures["loss"] == pytest.approx(alone["loss"] + 0.25, rel=1e-6)
