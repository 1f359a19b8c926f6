"""The figures of an evaluation against values worked out by hand."""

from __future__ import annotations

import copy
import json
import math
import warnings

import numpy as np
import pytest

from zoo.errors import DataError, OptionError
from zoo.evaluation import Headline, evaluate_scores
from zoo.tasks import CLASSIFICATION, MULTILABEL, REGRESSION, intersection_over_union

LABELS = ("daisy", "roses", "tulips")
IDS = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
# True: daisy daisy roses roses tulips. Predicted: daisy roses roses daisy roses.
TARGETS = np.array([0, 0, 1, 1, 2])
SCORES = np.array(
    [
        [0.80, 0.10, 0.10],
        [0.20, 0.70, 0.10],
        [0.10, 0.50, 0.40],
        [0.60, 0.30, 0.10],
        [0.05, 0.90, 0.05],
    ],
    dtype=np.float32,
)


@pytest.fixture
def small():
    return evaluate_scores(
        SCORES, TARGETS, labels=LABELS, ids=IDS, skipped=[("bad.jpg", "cut short")], notes=["from a test"]
    )


def test_accuracy_and_loss_by_hand(small) -> None:
    assert small.count == 5
    assert small.accuracy == pytest.approx(2 / 5)
    assert small.error == pytest.approx(3 / 5)
    by_hand = -(math.log(0.8) + math.log(0.2) + math.log(0.5) + math.log(0.3) + math.log(0.05)) / 5
    assert small.log_loss == pytest.approx(by_hand, rel=1e-6)
    # Recall: daisy 1/2, roses 1/2, tulips 0/1.
    assert small.balanced_accuracy == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert small.top5 is None
    assert small.headline == Headline("accuracy", small.accuracy, small.interval)
    for bad in (0, 1.5, True):
        with pytest.raises(OptionError, match="whole number from 1"):
            small.top_k(bad)


def test_rows_that_add_up_to_almost_one_are_normalized() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate_scores(SCORES * np.float32(1.0008), TARGETS).log_loss
    assert found == pytest.approx(evaluate_scores(SCORES, TARGETS).log_loss, abs=1e-6)


def test_confusion_and_per_class_by_hand(small) -> None:
    np.testing.assert_array_equal(small.confusion, [[1, 1, 0], [1, 1, 0], [0, 1, 0]])
    daisy, roses, tulips = small.per_class
    assert (daisy.precision, daisy.recall, daisy.f1) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert (roses.precision, roses.recall, roses.f1) == pytest.approx((1 / 3, 1 / 2, 2 * (1 / 6) / (5 / 6)))
    assert (tulips.recall, tulips.f1, tulips.support, tulips.predicted) == (0.0, 0.0, 1, 0)
    assert math.isnan(tulips.precision)  # never predicted: 0 / 0
    assert (daisy.support, daisy.predicted, roses.support, roses.predicted) == (2, 2, 2, 3)


def test_mistakes_come_with_the_surest_first(small) -> None:
    found = [(m.id, m.true, m.predicted, round(m.score, 3)) for m in small.mistakes(2)]
    assert found == [("e.jpg", "tulips", "roses", 0.9), ("b.jpg", "daisy", "roses", 0.7)]
    assert [m.id for m in small.mistakes()] == ["e.jpg", "b.jpg", "d.jpg"]


def test_the_block_says_what_a_reader_needs(small) -> None:
    text = str(small)
    assert text.startswith("accuracy 0.400 (95 % interval 0.118 to 0.769) on 5 examples")
    assert "top-5" not in text
    rows = {line.split()[0]: line.split() for line in text.splitlines()}
    assert rows["roses"] == ["roses", "0.333", "0.500", "0.400", "2"]
    assert rows["tulips"] == ["tulips", "-", "0.000", "0.000", "1"]
    assert "skipped 1: bad.jpg (cut short)" in text
    assert "note: from a test" in text
    assert 'most often confused: "daisy" predicted as "roses" (once)' in text
    assert max(map(len, text.splitlines())) < 160


def test_many_classes_print_the_worst_only() -> None:
    labels = [f"class{index:02d}" for index in range(30)]
    targets = np.arange(30)
    scores = np.eye(30)
    scores[7] = np.eye(30)[8]
    text = str(evaluate_scores(scores, targets, labels=labels))
    assert text.splitlines()[2].startswith("class07")
    assert "(12 of 30 classes, the lowest F1 first)" in text


def test_dict_is_plain_json(small) -> None:
    written = small.to_dict()
    read = json.loads(json.dumps(written, allow_nan=False))
    assert read == written
    assert read["accuracy"] == pytest.approx(0.4)
    assert read["confusion"] == [[1, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert read["per_class"][2]["precision"] is None
    assert read["top5"] is None
    assert read["skipped"] == [{"id": "bad.jpg", "reason": "cut short"}]
    assert read["notes"][0] == "from a test"


def test_large_confusion_is_left_out_of_the_dict() -> None:
    evaluation = evaluate_scores(np.eye(101), np.arange(101))
    assert evaluation.to_dict()["confusion"] is None
    assert evaluation.confusion.shape == (101, 101)


def test_top5_by_hand() -> None:
    # Six classes; the true class is ranked first, fifth and sixth.
    scores = np.tile([0.30, 0.25, 0.20, 0.12, 0.08, 0.05], (3, 1))
    found = evaluate_scores(scores, np.array([0, 4, 5]))
    assert found.top5 == pytest.approx(2 / 3)
    assert [found.top_k(k) for k in (1, 4, 5, 6, 9)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1, 1])
    # Of equal scores the first is the answer, so it is the first of the k too.
    ties = evaluate_scores(np.full((3, 6), 1 / 6), np.array([0, 0, 5]))
    assert (ties.accuracy, ties.top_k(1), ties.top5) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


def test_classes_without_examples_are_left_out_of_means() -> None:
    evaluation = evaluate_scores(SCORES[:4], TARGETS[:4], labels=LABELS, ids=IDS[:4])
    assert evaluation.balanced_accuracy == pytest.approx(0.5)
    assert any('no examples of 1 of 3 labels ("tulips")' in note for note in evaluation.notes)
    assert math.isnan(evaluation.per_class[2].f1)


def test_a_set_too_small_to_tell_says_so() -> None:
    right = np.tile([0.9, 0.1], (400, 1))
    assert evaluate_scores(right, np.arange(400) % 2 * 0).notes == (
        'no examples of 1 of 2 labels ("1"): means over labels leave them out',
    )
    small = evaluate_scores(right[:30], np.arange(30) % 2)
    assert any("only 30 examples" in note and "0.332" in note and "0.668" in note for note in small.notes)


def test_multilabel_by_hand() -> None:
    # Three labels; nobody has the third.
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
    scores = np.array([[0.9, 0.2, 0.1], [0.4, 0.8, 0.2], [0.6, 0.7, 0.1], [0.1, 0.3, 0.9]], np.float32)
    evaluation = evaluate_scores(scores, targets, labels=("sun", "rain", "snow"), task="multilabel")
    # Told: [1 0 0] right, [0 1 0] wrong, [1 1 0] wrong, [0 0 1] wrong.
    assert evaluation.subset_accuracy == pytest.approx(1 / 4)
    # sun by score: 0.9 yes (1/1), 0.6 no, 0.4 yes (2/3): (1 + 2/3) / 2. rain: 0.8 yes, 0.7 yes: 1.
    sun, rain, snow = evaluation.per_class
    assert (sun.average_precision, rain.average_precision) == pytest.approx((5 / 6, 1.0))
    assert math.isnan(snow.average_precision)
    assert evaluation.mean_average_precision == pytest.approx((5 / 6 + 1) / 2)
    assert (sun.precision, sun.recall, sun.f1, sun.support) == pytest.approx((1 / 2, 1 / 2, 1 / 2, 2))
    assert (snow.precision, snow.support) == (0.0, 0)
    assert math.isnan(snow.recall)
    p = np.where(targets == 1, scores.astype(float), 1 - scores.astype(float))
    assert evaluation.log_loss == pytest.approx(float(-np.log(p).mean()))
    assert any("snow" in note for note in evaluation.notes)
    json.dumps(evaluation.to_dict(), allow_nan=False)
    assert "mean average precision 0.917" in str(evaluation)
    assert evaluation.headline.name == "mean average precision"


def test_a_single_label_has_the_figures_of_yes() -> None:
    (only,) = evaluate_scores(
        np.array([[0.9], [0.8], [0.2], [0.1], [0.3]]), np.array([[1], [0], [1], [0], [0]]), task="multilabel"
    ).per_class
    assert (only.precision, only.recall, only.f1, only.support) == (0.5, 0.5, 0.5, 2)
    (never,) = evaluate_scores(np.array([[0.9], [0.2]]), np.array([[0], [0]]), task="multilabel").per_class
    assert never.precision == 0
    assert math.isnan(never.recall)


def test_mean_average_precision_with_its_interval_against_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score

    from zoo.evaluation.of_labels import mean_average_precision

    random = np.random.default_rng(0)
    true = random.random((60, 4)) < 0.3
    scores = np.round(random.random((60, 4)) * 0.5 + true * 0.3, 1)  # rounded: many are equal
    counts = random.integers(0, 4, (5, 60)).astype(float)
    expected = [
        np.mean([average_precision_score(true[:, k], scores[:, k], sample_weight=row) for k in range(4)])
        for row in counts
    ]
    np.testing.assert_allclose(mean_average_precision(scores, true)(counts), expected, rtol=1e-12)
    counts[:, true[:, 0]] = 0  # a label that nothing drawn has is left out of the mean
    expected = [
        np.mean([average_precision_score(true[:, k], scores[:, k], sample_weight=row) for k in range(1, 4)])
        for row in counts
    ]
    np.testing.assert_allclose(mean_average_precision(scores, true)(counts), expected, rtol=1e-12)
    found = evaluate_scores(scores, true.astype(int), task="multilabel")
    assert found.mean_average_precision == pytest.approx(mean_average_precision(scores, true)(np.ones((1, 60)))[0])
    assert found.map_interval[0] < found.mean_average_precision < found.map_interval[1]


def test_boxes_by_hand() -> None:
    true = np.array([[0.0, 0.0, 0.5, 0.5], [0.2, 0.2, 0.6, 0.6]])
    told = np.array([[0.0, 0.0, 0.5, 1.0], [0.2, 0.2, 0.6, 0.6]])  # twice as high: 0.25 of 0.5; the same
    found = evaluate_scores(told, true, labels=("x_min", "y_min", "x_max", "y_max"), task="box")
    assert found.mean_iou == pytest.approx((0.5 + 1) / 2)
    assert found.right == 1
    assert found.headline.interval == (0.5, 1.0)  # of two examples a resample has either twice, or both
    assert found.mae == pytest.approx(0.5 / 8)


def test_overlap_of_boxes_against_counted_cells() -> None:
    """Boxes on a grid of 12 x 12: apart in one direction or both, touching, one in the other, inside out."""
    corners = np.random.default_rng(4).integers(0, 13, (300, 2, 4))
    told, true = corners[:, 0], np.sort(corners[:, 1].reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    true[:, 2:] += true[:, :2] == true[:, 2:]  # none is empty
    told[:100] = np.clip(true[:100] + told[:100] % 3 - 1, 0, 13)
    y, x = np.mgrid[:13, :13]

    def cells(box: np.ndarray) -> np.ndarray:
        return (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3])

    counted = [(cells(a) & cells(b)).sum() / (cells(a) | cells(b)).sum() for a, b in zip(told, true, strict=True)]
    np.testing.assert_allclose(intersection_over_union(told, true), counted, rtol=1e-12)
    assert sum(value == 0 for value in counted) > 100
    assert max(counted) > 0.5


def test_regression_by_hand() -> None:
    evaluation = evaluate_scores(np.array([1.0, 2.0, 5.0]), np.array([1.0, 4.0, 4.0]), task="regression")
    assert evaluation.mae == pytest.approx((0 + 2 + 1) / 3)
    assert evaluation.mse == pytest.approx((0 + 4 + 1) / 3)
    assert evaluation.rmse == pytest.approx(math.sqrt(5 / 3))
    # Mean 3, total sum of squares 4 + 1 + 1 = 6, residual 5.
    assert evaluation.r2 == pytest.approx(1 - 5 / 6)
    assert evaluation.notes[0].startswith("only 3 examples: with 95 % confidence the mean absolute error lies between")
    assert evaluation.notes[0].endswith("so few give an interval that is itself too narrow")
    assert len(str(evaluation).splitlines()) == 2
    alone = evaluate_scores(np.array([1.0]), np.array([2.0]), task="regression")
    assert math.isnan(alone.headline.interval[0])
    assert alone.to_dict()["mae_interval"] == [None, None]


def test_intervals_of_a_regression_hold_what_theory_says() -> None:
    random = np.random.default_rng(3)
    true = random.normal(50, 10, (2000, 1))
    told = true + random.normal(0, 2, true.shape)
    found = evaluate_scores(told, true, task="regression")
    # |normal(0, 2)|: mean 2 sqrt(2 / pi), standard deviation 2 sqrt(1 - 2 / pi).
    half = 1.96 * 2 * math.sqrt(1 - 2 / math.pi) / math.sqrt(2000)
    assert np.diff(found.mae_interval)[0] / 2 == pytest.approx(half, rel=0.08)
    # The standard error of a root mean square of n normal values is sigma / sqrt(2 n).
    assert np.diff(found.rmse_interval)[0] / 2 == pytest.approx(1.96 * 2 / math.sqrt(4000), rel=0.08)
    for figure, interval in (("mae", found.mae_interval), ("rmse", found.rmse_interval), ("r2", found.r2_interval)):
        assert interval[0] < getattr(found, figure) < interval[1]
    assert found.notes == ()
    assert not found.headline.larger_is_better


def test_values_and_the_r2_of_a_resample_against_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    from zoo.evaluation.of_values import _explained

    random = np.random.default_rng(6)
    true = random.normal(50, 10, (12, 2))
    told = true + random.normal(0, 4, true.shape) * (1, 3)
    found = evaluate_scores(told, true, task="regression")
    figures = (found.mae, found.mse, found.rmse, found.r2)
    mse = mean_squared_error(true, told)
    assert figures == pytest.approx((mean_absolute_error(true, told), mse, math.sqrt(mse), r2_score(true, told)))
    counts = random.integers(0, 4, (5, 12)).astype(float)
    expected = [r2_score(true, told, sample_weight=row) for row in counts]
    np.testing.assert_allclose(_explained(told, true)(counts), expected, rtol=1e-12)


def test_regression_with_two_outputs_one_constant() -> None:
    targets = np.array([[1.0, 7.0], [3.0, 7.0]])
    scores = np.array([[1.0, 8.0], [2.0, 7.0]])
    evaluation = evaluate_scores(scores, targets, labels=("height", "width"), task="regression")
    height, width = evaluation.per_output
    assert (height.mae, height.rmse, height.r2) == pytest.approx((0.5, math.sqrt(0.5), 0.5))
    assert math.isnan(width.r2)
    assert math.isnan(evaluation.r2_interval[0])
    assert evaluation.mae == pytest.approx(0.5)
    assert evaluation.rmse == pytest.approx(math.sqrt(0.5))
    assert evaluation.to_dict()["r2"] is None
    assert any("width" in note for note in evaluation.notes)
    assert "width" in str(evaluation)


def test_r2_of_a_resample_that_does_not_vary_is_left_out() -> None:
    true = np.array([4.1, 5.3, 2.3])  # one of nine resamples draws the same example three times
    found = evaluate_scores(true + np.array([0.1, -0.2, 0.3]), true, task="regression")
    assert -1e3 < found.r2_interval[0] < found.r2


def test_figures_of_another_task_say_which_task_they_belong_to(small) -> None:
    with pytest.raises(AttributeError, match=r"mae is for a regression or box task.*classification.*accuracy"):
        _ = small.mae
    regression = evaluate_scores(np.zeros(3), np.zeros(3), task="regression")
    for name in ("accuracy", "confusion", "mistakes", "top5"):
        with pytest.raises(AttributeError, match=f"{name} is for a classification task.*has: mae, mse, rmse, r2"):
            getattr(regression, name)
    with pytest.raises(AttributeError, match="Did you mean 'accuracy'"):
        _ = small.acuracy
    assert copy.copy(small).accuracy == small.accuracy
    assert not hasattr(regression, "accuracy")


def test_headline_agrees_with_the_evaluation() -> None:
    assert CLASSIFICATION.history_figures(SCORES, TARGETS) == pytest.approx(
        {"loss": evaluate_scores(SCORES, TARGETS).log_loss, "accuracy": 0.4}
    )
    sure_and_wrong = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert CLASSIFICATION.history_figures(sure_and_wrong, np.array([1, 1]))["loss"] == pytest.approx(
        evaluate_scores(sure_and_wrong, np.array([1, 1])).log_loss
    )
    values = REGRESSION.history_figures(np.array([[1.0], [2.0], [5.0]]), np.array([1.0, 4.0, 4.0]))
    assert values == pytest.approx({"loss": 5 / 3, "mae": 1.0})
    several = MULTILABEL.history_figures(np.array([[0.9, 0.2], [0.4, 0.8]]), np.array([[1, 0], [1, 1]]))
    loss = -(math.log(0.9) + math.log(0.8) + math.log(0.4) + math.log(0.8)) / 4
    assert several == pytest.approx({"loss": loss, "accuracy": 3 / 4})


@pytest.mark.parametrize(
    ("scores", "targets", "task", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "classification", "nothing to measure"),
        (SCORES, TARGETS[:3], "classification", "5 rows of scores but 3 targets"),
        (SCORES, TARGETS + 1, "classification", r"0\.\.2; found 1\.\.3"),
        (SCORES * 9, TARGETS, "classification", "not its logits"),
        (SCORES / 2, TARGETS, "classification", "add up to 1"),
        (np.full((5, 3), np.nan), TARGETS, "classification", "5 of 5 rows of scores hold NaN"),
        (SCORES, np.eye(3)[TARGETS], "classification", "class indices"),
        (SCORES, TARGETS, "multilabel", "shape of the scores"),
        (SCORES, TARGETS, "regression", "do not fit"),
        (np.zeros(2), np.array([1.0, np.nan]), "regression", "1 of 2 targets"),
    ],
)
def test_what_cannot_be_measured_is_refused(scores, targets, task, message) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_scores(scores, targets, task=task)


def test_labels_and_task_must_fit() -> None:
    with pytest.raises(DataError, match="2 labels"):
        evaluate_scores(SCORES, TARGETS, labels=("a", "b"))
    with pytest.raises(OptionError, match="no task 'ranking'"):
        evaluate_scores(SCORES, TARGETS, task="ranking")  # type: ignore[arg-type]
