"""What figures show, read off them: numbers, places, order, colors; and that they fit into a page."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

import zoo
from zoo.augment import transform
from zoo.errors import DataError, OptionError
from zoo.evaluation import evaluate_scores
from zoo.plots.results import boundaries
from zoo.plots.style import COLORS, COLUMN, INK, to_svg
from zoo.specs import Preprocessing
from zoo.testing.tiny import tiny_backbone, tiny_dataset

SCORES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.05, 0.9, 0.05], [0.1, 0.7, 0.2]]
)
TARGETS = np.array([0, 1, 1, 2, 2, 2])


@pytest.fixture
def evaluation():
    return evaluate_scores(SCORES, TARGETS, labels=["a", "$b_1$ <i>", "c"], ids=[str(n) for n in range(6)])


@pytest.fixture(scope="module")
def model() -> zoo.TransferModel:
    numbers = Preprocessing(scale=2 / 255, mean=(1.0, 1.0, 1.0))
    return zoo.build(
        tiny_backbone(), head=zoo.classifier(["red", "green", "blue"]), preprocessing=numbers, augment="flip"
    )


def test_curves_have_the_history_and_the_borders_of_phases() -> None:
    history = {
        "loss": [2.0, 1.0, 0.5, 0.4],
        "accuracy": [0.2, 0.5, 0.8, 0.9],
        "val_loss": [2.1, 1.2, 0.9, 1.0],
        "val_accuracy": [0.1, 0.4, 0.6, 0.6],
    }
    phases = [
        {"name": "features", "seconds": 1},
        {"name": "probe", "solver": "convex", "epochs_done": 1},
        {"name": "tune", "solver": "gradient", "epochs": 6, "epochs_done": 3},
    ]
    assert boundaries(phases) == [("probe", 1, 1), ("tune", 4, 2)]
    figure = zoo.plots.learning_curves(SimpleNamespace(history=history, phases=phases))
    assert figure.get_figwidth() == COLUMN
    loss, accuracy = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in loss.lines if len(line.get_xydata()) == 4}
    np.testing.assert_allclose(drawn["training"], list(zip([1, 2, 3, 4], history["loss"], strict=True)))
    np.testing.assert_allclose(drawn["held out"][:, 1], history["val_loss"])
    assert accuracy.get_ylabel() == "accuracy"
    for axes in figure.axes:
        (border,) = [line for line in axes.lines if len(line.get_xydata()) == 2]
        assert border.get_xdata()[0] == 1.5
    assert [text.get_text() for text in loss.texts] == ["probe", "tune"]
    with pytest.raises(OptionError, match="no history"):
        zoo.plots.learning_curves(SimpleNamespace(history={}, phases=[]))


def test_the_confusion_matrix_shows_counts_on_shares(evaluation) -> None:
    (axes,) = zoo.plots.confusion_matrix(evaluation).axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[1, 0, 0], [0.5, 0.5, 0], [0, 2 / 3, 1 / 3]])
    written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert written == {(0, 0): "1", (1, 0): "1", (1, 1): "1", (2, 1): "2", (2, 2): "1"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "$b_1$ <i>", "c"]
    many = evaluate_scores(np.eye(30), np.arange(30))
    assert not zoo.plots.confusion_matrix(many).axes[0].texts


def test_the_most_confused_pairs(evaluation) -> None:
    (axes,) = zoo.plots.most_confused(evaluation).axes
    assert [bar.get_width() for bar in axes.patches] == [2, 1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c as $b_1$ <i>", "$b_1$ <i> as a"]
    assert [text.get_text() for text in axes.texts] == ["2 of 3", "1 of 2"]
    with pytest.raises(OptionError, match="nothing was confused"):
        zoo.plots.most_confused(evaluate_scores(np.eye(3), np.arange(3)))


def test_reliability_shows_the_bins_and_their_intervals(evaluation) -> None:
    """Of six: 0.6 twice, once right; 0.7 twice, once right; 0.8 right; 0.9 wrong."""
    from scipy.stats import binomtest

    upper, lower = zoo.plots.reliability_diagram(evaluation).axes
    (bars,) = upper.containers
    points, _, (lengths,) = bars.lines
    np.testing.assert_allclose(points.get_xydata(), [[0.6, 0.5], [0.7, 0.5], [0.8, 1], [0.9, 0]], atol=1e-9)
    for (right, total), length in zip(((1, 2), (1, 2), (1, 1), (0, 1)), lengths.get_segments(), strict=True):
        ends = binomtest(right, total).proportion_ci(method="wilson")
        np.testing.assert_allclose(length[:, 1], (ends.low, ends.high), atol=1e-9)
    assert lower.patches[0].get_data().values.sum() == 6
    assert upper.get_legend().get_texts()[0].get_text() == f"as it is: error {evaluation.ece:.3f}"
    both = zoo.plots.reliability_diagram(evaluation, evaluation.at_temperature(2.0)).axes[0]
    assert len(both.containers) == 2
    values = evaluate_scores(np.zeros(3), np.zeros(3), task="regression")
    with pytest.raises(AttributeError, match="reliability is for a classification task"):
        zoo.plots.reliability_diagram(values)


def test_losses_of_examples_by_hand(evaluation) -> None:
    np.testing.assert_allclose(evaluation.example_losses(), -np.log([0.7, 0.8, 0.3, 0.6, 0.05, 0.2]))
    assert evaluation.worst_rows(9) == [4, 5, 2]
    labels = evaluate_scores(np.array([[0.9, 0.2]]), np.array([[1, 1]]), task="multilabel")
    np.testing.assert_allclose(labels.example_losses(), -(np.log(0.9) + np.log(0.2)) / 2)
    values = evaluate_scores(
        np.array([[1.0, 10.0], [2.0, 30.0]]), np.array([[0.0, 10.0], [4.0, 20.0]]), task="regression"
    )
    np.testing.assert_allclose(values.example_losses(), [np.sqrt((1 / 2) ** 2 / 2), np.sqrt((1 + 4) / 2)])
    box = evaluate_scores(np.array([[0.0, 0.0, 0.5, 1.0]]), np.array([[0.0, 0.0, 1.0, 1.0]]), task="box")
    np.testing.assert_allclose(box.example_losses(), [0.5])


def test_top_losses_shows_the_pictures_of_the_worst(evaluation) -> None:
    data = tiny_dataset(count=6)
    figure = zoo.plots.top_losses(evaluation, data, k=2)
    for axes, row, title in zip(figure.axes, (4, 5), ("$b_1$ <i> 0.90\nis c", "$b_1$ <i> 0.70\nis c"), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), data.image(row))
        assert axes.get_title("left") == title
    with pytest.raises(DataError, match="are not in"):
        zoo.plots.top_losses(evaluation, tiny_dataset(count=3))


def test_boxes_are_drawn_where_they_are() -> None:
    from matplotlib.colors import to_hex

    data = tiny_dataset("box", count=2)
    told = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.9, 0.8]])
    found = evaluate_scores(told, data.targets, task="box", ids=data.ids)
    axes = zoo.plots.top_losses(found, data, k=1).axes[0]
    row = found.worst_rows(1)[0]
    boxes = [(p.get_x() + 0.5, p.get_y() + 0.5, p.get_width(), p.get_height()) for p in axes.patches]
    for box, drawn in zip((data.targets[row], told[row]), boxes, strict=True):
        np.testing.assert_allclose(drawn, 32 * np.array([box[0], box[1], box[2] - box[0], box[3] - box[1]]), rtol=1e-5)
    assert [to_hex(patch.get_edgecolor()).upper() for patch in axes.patches] == list(COLORS[:2])


def test_what_labels_and_boxes_cost() -> None:
    """Three examples that have the label, ranked first, second and fourth of four."""
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.1], [0.2, 0.1]])
    found = evaluate_scores(
        scores, np.array([[1, 0], [1, 0], [0, 0], [1, 0]]), labels=["sun", "snow"], task="multilabel"
    )
    (axes,) = zoo.plots.precision_recall(found).axes
    curve, dot = axes.lines  # nobody has snow
    np.testing.assert_allclose(curve.get_xydata()[:4], [[1, 3 / 4], [2 / 3, 2 / 3], [2 / 3, 1], [1 / 3, 1]])
    np.testing.assert_allclose(dot.get_xydata(), [[2 / 3, 1]])
    assert curve.get_label() == "sun 0.92"
    told = np.array([[0.0, 0, 0.5, 1], [0.0, 0, 1, 1]])
    boxes = evaluate_scores(told, np.tile([0.0, 0, 1, 1], (2, 1)), task="box")
    counts, edges, _ = zoo.plots.overlaps(boxes).axes[0].patches[0].get_data()
    np.testing.assert_allclose(edges[np.flatnonzero(counts)], [0.5, 0.95])
    for draw, wrong in ((zoo.plots.overlaps, found), (zoo.plots.precision_recall, boxes)):
        with pytest.raises(OptionError, match=f"is an? .*{wrong.task} task"):
            draw(wrong)


def test_values_against_truth() -> None:
    found = evaluate_scores(np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]]), task="regression", labels=["age"])
    (axes,) = zoo.plots.predicted_against_true(found).axes
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[2, 1], [4, 3]])
    assert axes.get_xlabel() == "true age"
    with pytest.raises(OptionError, match="no value number 1"):
        zoo.plots.predicted_against_true(found, 1)


def test_a_batch_is_what_training_sees(model: zoo.TransferModel) -> None:
    """First the picture as it is, then the very pixels of epochs 0 and 1 of a run with this seed."""
    data = tiny_dataset(count=9)
    figure = model.show_batch(data, images=2, views=3, seed=7)
    drawn = np.sort(np.random.default_rng(7).permutation(9)[:2])
    assert len(figure.axes) == 6
    for number, axes in enumerate(figure.axes):
        row, column = divmod(number, 3)
        index, picture = int(drawn[row]), data.image(int(drawn[row]))
        if column:
            picture, _ = transform(model.state.ops, seed=7, epoch=column - 1)(picture, index)
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
        assert axes.get_title("left") == (f"epoch {column}" if column else data.labels[index % 3])


def test_what_is_inside(model: zoo.TransferModel) -> None:
    composition = model.composition
    figure = zoo.plots.network(model, trained=["stage3"])
    written = [text.get_text() for text in figure.axes[0].texts]
    weights = [int(text.get_text().replace(",", "")) for text in figure.axes[0].texts if text.get_ha() == "right"]
    assert sum(weights) == composition.backbone.count_params() + composition.head.count_params()
    assert "4 × 4 × 24" in written
    maps = zoo.plots.feature_maps(model, tiny_dataset(count=1).image(0), "relu0", channels=[5, 2])
    first = composition.backbone.get_layer("relu0")
    picture, five, two = (axes.images[0].get_array() for axes in maps.axes)
    assert picture.shape == (32, 32, 3)
    assert five.shape == two.shape == (16, 16)
    assert first is not None
    assert not np.array_equal(five, two)
    assert len(zoo.plots.first_layer_filters(model).axes) == 8
    with pytest.raises(OptionError, match=r"channels 0..7; got \[8\]"):
        zoo.plots.feature_maps(model, tiny_dataset(count=1).image(0), "relu0", channels=[8])
    with pytest.raises(OptionError, match="no label 'rde'"):
        zoo.plots.grad_cam(model, tiny_dataset(count=1).image(0), label="rde")
    titles = [axes.get_title("left") for axes in zoo.plots.grad_cam(model, tiny_dataset(count=1).image(0), "red").axes]
    assert titles[1].startswith("red ")


def test_the_map_has_a_point_for_each_image_in_the_color_of_its_class(model: zoo.TransferModel) -> None:
    (axes,) = zoo.plots.map_of_features(model, tiny_dataset(count=12), cache=False).axes
    assert [len(points.get_offsets()) for points in axes.collections] == [4, 4, 4]
    assert len({tuple(points.get_facecolor()[0]) for points in axes.collections}) == 3


def test_a_figure_stands_in_a_page(evaluation) -> None:
    """No address of any kind, ids of its own, the page's color of text; the same twice."""
    one, two = (to_svg(zoo.plots.confusion_matrix(evaluation), title='"it" <b>', name=name) for name in ("one", "two"))
    assert one == to_svg(zoo.plots.confusion_matrix(evaluation), title='"it" <b>', name="one")
    assert "http" not in one
    assert INK not in one
    assert "currentColor" in one
    assert 'aria-label="&#34;it&#34; &lt;b&gt;"' in one
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, two)]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one))
    assert {first or second for first, second in used} <= ids[0]
