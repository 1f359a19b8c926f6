"""Heads for every kind of answer: several labels, values, a box, and several answers at once, each learning something.

The pictures are drawn, and honestly so: rectangles of two colors on noise, where everything is known.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError
from zoo.fitting.options import usual_recipe
from zoo.specs import BOX_LABELS, Output
from zoo.tasks import as_boxes, decode, pack, parts, read_scores

COLORS = {"red": (220, 40, 40), "green": (40, 200, 60)}
SIDE = 64


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """240 pictures uint8 (64, 64, 3) with a rectangle each: its color, its box, its area."""
    random = np.random.default_rng(0)
    pictures = random.integers(90, 130, (240, SIDE, SIDE, 3)).astype(np.uint8)
    boxes, kinds = [], []
    for picture in pictures:
        kind = str(random.choice(list(COLORS)))
        width, height = random.integers(16, 40, 2)
        x, y = random.integers(0, SIDE - width + 1), random.integers(0, SIDE - height + 1)
        picture[y : y + height, x : x + width] = COLORS[kind]
        boxes.append([x / SIDE, y / SIDE, (x + width) / SIDE, (y + height) / SIDE])
        kinds.append(kind)
    found = np.array(boxes, np.float32)
    area = 100 * (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])  # per cent of the picture
    return {"x": pictures, "kind": np.array(kinds), "box": found, "area": area}


@pytest.fixture(scope="module")
def base():
    """Fixed features that keep places: the picture at an eighth of its size, as a vector."""
    import keras

    pixels = keras.Input((SIDE, SIDE, 3))
    cells = keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, keras.layers.Flatten()(cells), name="cells")


def both() -> zoo.Head:
    return zoo.multi_output(kind=zoo.classifier(["red", "green"]), box=zoo.locator())


# -- one answer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "recipe"), [("linear", "probe"), pytest.param("mlp", "head", marks=pytest.mark.slow)])
def test_values_in_the_unit_of_the_targets(base, drawn, head: str, recipe: str, tmp_path: Path) -> None:
    model = zoo.build(base, head=zoo.regressor("area", head=head), preprocessing=None)
    settings = {} if recipe == "probe" else {"epochs": 40, "learning_rate": 1e-2}
    run = model.fit((drawn["x"], drawn["area"]), recipe=recipe, **settings)
    assert run.validation.r2 > 0.8
    assert run.history["val_mae"][-1] == pytest.approx(run.validation.mae, rel=1e-4)
    (scale,) = model.composition.scales()["answer"]
    assert run.history["val_loss"][-1] == pytest.approx(run.validation.mse / scale**2, rel=1e-3)
    (answer,) = model.predict(drawn["x"][:1])
    assert list(answer.values) == ["area"]
    assert "area" in repr(answer)
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    np.testing.assert_allclose(loaded.predict_scores(drawn["x"]), model.predict_scores(drawn["x"]), rtol=1e-5)
    assert loaded.evaluate((drawn["x"], drawn["area"])).r2 > 0.8
    again = loaded.fit((drawn["x"], drawn["area"]), recipe=recipe, **settings)
    assert again.validation.r2 > 0.8


def test_the_ridge_probe_is_that_of_scikit_learn(base, drawn) -> None:
    """A free solution by scikit-learn on the same features, its strength by the same leave-one-out rule."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict

    model = zoo.build(base, head=zoo.regressor("area"), preprocessing=None)
    run = model.fit((drawn["x"], drawn["area"]), validation=0.25)
    values = np.asarray(model.composition.features(drawn["x"].astype(np.float32)))
    guess = cross_val_predict(RidgeCV(alphas=np.logspace(-4, 4, 20)), values, drawn["area"], cv=4)
    reference = float(np.abs(guess - drawn["area"]).mean())
    assert run.validation.mae == pytest.approx(reference, rel=0.35)


def test_the_unit_of_the_targets_changes_nothing(base, drawn) -> None:
    """Meters or millimeters, and a value with small numbers beside one with large ones: what is learned is the same."""
    found = []
    for factor in (1e-6, 1.0, 1e6):
        model = zoo.build(base, head=zoo.regressor(["a", "b"], head="mlp", units=[32], dropout=0.0), preprocessing=None)
        targets = np.stack([drawn["area"] * factor, drawn["box"][:, 0]], axis=1)
        run = model.fit((drawn["x"], targets), recipe="head", epochs=12, learning_rate=1e-2)
        found.append([row.r2 for row in run.validation.per_output])
    np.testing.assert_allclose(found[0], found[1], atol=0.02)
    np.testing.assert_allclose(found[2], found[1], atol=0.02)
    assert min(found[1]) > 0.1


@pytest.mark.parametrize("recipe", ["probe", "head"])
def test_several_labels(base, drawn, recipe: str) -> None:
    truth = np.stack([drawn["kind"] == "red", drawn["box"][:, 1] < 0.3, drawn["box"][:, 0] < 0.3], axis=1)
    model = zoo.build(base, head=zoo.multilabel(["red", "high", "left"]), preprocessing=None)
    run = model.fit(
        (drawn["x"], truth), recipe=recipe, **({} if recipe == "probe" else {"epochs": 40, "learning_rate": 1e-2})
    )
    assert run.validation.mean_average_precision > 0.9
    assert run.history["val_loss"][-1] == pytest.approx(run.validation.log_loss, abs=1e-4)
    answers = model.predict(drawn["x"])
    given = np.array([[label in answer.given for label in model.labels] for answer in answers])
    assert (given == truth).mean() > 0.85
    assert answers[0].label is None


def test_a_label_that_never_occurs_is_solved_too(base, drawn) -> None:
    truth = np.stack([drawn["kind"] == "red", np.zeros(240, bool)], axis=1)
    model = zoo.build(base, head=zoo.multilabel(["red", "never"]), preprocessing=None)
    model.fit((drawn["x"], truth))
    assert model.predict_scores(drawn["x"])[:, 1].max() < 0.01


@pytest.mark.parametrize("augment", [None, pytest.param(["flip", "translation", "noise"], marks=pytest.mark.slow)])
def test_a_box(base, drawn, augment, tmp_path: Path) -> None:
    from zoo.data import Arrays

    model = zoo.build(base, head=zoo.locator(head="mlp", units=[128], dropout=0.0), preprocessing=None, augment=augment)
    assert model.composition.intake.rule.mode == "stretch"
    data = Arrays(drawn["x"], drawn["box"], task="box")
    run = model.fit(data, recipe="head", epochs=30, learning_rate=3e-3)
    assert run.validation.mean_iou > 0.55, run.validation
    assert run.history["val_mae"][-1] == pytest.approx(run.validation.mae, abs=2e-3)  # values outside 0..1 are clipped
    answer = zoo.load(model.save(tmp_path / "m.keras")).predict(drawn["x"][:1])[0]
    assert answer.box is not None
    assert np.abs(np.array(answer.box) - drawn["box"][0]).mean() < 0.15


def test_boxes_that_stay_behind_are_learned_wrong(base, drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: with an augmentation that leaves boxes where they were, learning does not get there."""
    from zoo.augment import Op, resolve
    from zoo.data import Arrays

    (flip,) = resolve({"flip": {"mode": "horizontal_and_vertical"}})
    data = Arrays(drawn["x"], drawn["box"], task="box")
    found = {}
    for boxes in ("moved", "unchanged"):
        op = Op("flip", flip.apply, boxes=boxes)
        model = zoo.build(
            base, head=zoo.locator(head="mlp", units=[128], dropout=0.0), preprocessing=None, augment=[op]
        )
        found[boxes] = model.fit(data, recipe="head", epochs=15, learning_rate=5e-3).validation.mean_iou
    assert found["moved"] > found["unchanged"] + 0.1


# -- several ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["probe", "head"])
def test_class_and_box(base, drawn, recipe: str, tmp_path: Path) -> None:
    model = zoo.build(base, head=both(), preprocessing=None)
    settings = {} if recipe == "probe" else {"epochs": 30, "learning_rate": 1e-2}
    run = model.fit((drawn["x"], {"box": drawn["box"], "kind": drawn["kind"]}), recipe=recipe, **settings)
    assert run.validation["kind"].accuracy > 0.9
    assert run.validation["box"].mean_iou > 0.4
    assert run.history["val_kind_accuracy"][-1] == pytest.approx(run.validation["kind"].accuracy)
    assert run.history["val_loss"][-1] == pytest.approx(
        run.validation["kind"].log_loss + 5 * run.history["val_box_mae"][-1], rel=1e-3
    )
    assert set(run.to_dict()["results"]["validation"]["answers"]) == {"kind", "box"}
    answer = model.predict(drawn["x"][0])[0]
    assert (answer.label, answer.answers["kind"].label) == (drawn["kind"][0],) * 2
    assert answer.answers["box"].box is not None
    assert answer.to_dict()["answers"]["kind"]["label"] == drawn["kind"][0]

    served = model.keras_model(drawn["x"][:5].astype(np.float32))
    assert sorted(served) == ["box", "kind"]
    scores = model.predict_scores(drawn["x"][:5])
    np.testing.assert_allclose(np.concatenate([served["kind"], served["box"]], axis=1), scores, rtol=1e-5, atol=1e-6)
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    np.testing.assert_allclose(loaded.predict_scores(drawn["x"][:5]), scores, rtol=1e-5, atol=1e-6)
    assert loaded.outputs == model.outputs
    assert loaded.evaluate((drawn["x"], {"box": drawn["box"], "kind": drawn["kind"]}))["kind"].accuracy > 0.9


@pytest.mark.slow
def test_all_four_kinds_at_once_train_with_augmentation_and_load_in_plain_keras(base, drawn, tmp_path: Path) -> None:
    head = zoo.multi_output(
        kind=zoo.classifier(["green", "red"]),
        place=zoo.multilabel(["high", "left"]),
        area=zoo.regressor("area"),
        box=zoo.locator(),
        head="mlp",
        options={"units": [128], "dropout": 0.0},
    )
    truth = {
        "kind": drawn["kind"],
        "place": np.stack([drawn["box"][:, 1] < 0.3, drawn["box"][:, 0] < 0.3], axis=1),
        "area": drawn["area"],
        "box": drawn["box"],
    }
    model = zoo.build(base, head=head, preprocessing=None, augment={"zoom": {"factor": 0.0}, "contrast": {}})
    run = model.fit((drawn["x"], truth), recipe="head", epochs=25, learning_rate=3e-3)
    assert run.validation["kind"].accuracy > 0.9
    assert run.validation["area"].r2 > 0.2  # 0.40: its error is one of four
    assert run.validation["box"].mean_iou > 0.4
    assert run.validation["place"].mean_average_precision > 0.8
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", drawn["x"][:4].astype(np.float32))
    program = (
        "import keras, numpy as np, sys\n"
        "sys.modules['zoo'] = None\n"
        "out = keras.saving.load_model('m.keras').predict(np.load('x.npy'), verbose=0)\n"
        "np.savez('out.npz', **out)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, capture_output=True)
    plain = np.load(tmp_path / "out.npz")
    told = {output.name: own for output, own, _ in parts(model.outputs, model.predict_scores(drawn["x"][:4]), None)}
    assert set(plain) == set(told)
    for name, values in told.items():
        np.testing.assert_allclose(plain[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_real_backbone_and_fine_tuning(drawn) -> None:
    data = (drawn["x"], {"box": drawn["box"], "kind": drawn["kind"]})
    model = zoo.build("efficientnet_lite0", head=both(), input_size=SIDE)
    run = model.fit(data)
    assert run.validation["kind"].accuracy > 0.95
    assert run.validation["box"].mean_iou > 0.4  # 0.548: averaged features still know where things are
    tuned = model.fit(data, recipe="lp-ft", epochs=1)
    assert {item.says for item in tuned.receipts if item.part == "batchnorm"} == {"frozen"}
    assert tuned.history["val_box_mae"][0] == pytest.approx(run.history["val_box_mae"][0])


@pytest.mark.tensorflow("exports are read with it")
def test_several_answers_in_saved_model_and_litert(base, drawn, tmp_path: Path) -> None:
    import tensorflow as tf

    model = zoo.build(base, head=both(), preprocessing=None)
    model.fit((drawn["x"], {"box": drawn["box"], "kind": drawn["kind"]}))
    x = drawn["x"][:2].astype(np.float32)
    model.keras_model.export(tmp_path / "saved", verbose=False)
    artifact = tf.saved_model.load(str(tmp_path / "saved"))
    served = artifact.serve(tf.constant(x))
    scores = model.predict_scores(x)
    np.testing.assert_allclose(served["kind"], scores[:, :2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(served["box"], scores[:, 2:], rtol=1e-4, atol=1e-5)


# -- pooling ----------------------------------------------------------------------------------------------------------


def test_poolings_by_their_formulas() -> None:
    plain = zoo.build("efficientnet_lite0", head=zoo.classifier(["a", "b"]), input_size=64)
    x = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    import keras

    graph = plain.composition.features
    maps = np.asarray(keras.Model(graph.input, graph.get_layer("features").input)(x))
    assert maps.ndim == 4
    positive = np.maximum(maps, 1e-6)
    expected = {
        "avg": maps.mean((1, 2)),
        "max": maps.max((1, 2)),
        "concat": np.concatenate([maps.mean((1, 2)), maps.max((1, 2))], axis=1),
        "gem": (positive**3).mean((1, 2)) ** (1 / 3),
    }
    for pooling, wanted in expected.items():
        model = zoo.build("efficientnet_lite0", head=zoo.classifier(["a", "b"]), input_size=64, features=pooling)
        np.testing.assert_allclose(np.asarray(model.composition.features(x)), wanted, rtol=2e-4, atol=1e-5)


def test_a_stage_with_its_pooling_saves_and_loads(drawn, tmp_path: Path) -> None:
    head = zoo.classifier(["red", "green"])
    model = zoo.build("efficientnet_lite0", head=head, input_size=SIDE, features="stage3:gem")
    run = model.fit((drawn["x"], (drawn["kind"] == "green").astype(int)))
    assert run.validation.accuracy > 0.9
    loaded = zoo.load(model.save(tmp_path / "m.keras"))
    np.testing.assert_allclose(
        loaded.predict_scores(drawn["x"][:3]), model.predict_scores(drawn["x"][:3]), rtol=1e-5, atol=1e-6
    )
    with pytest.raises(OptionError, match="poolings of efficientnet_lite0 are avg, max, concat, gem"):
        zoo.build("efficientnet_lite0", head=head, features="stage3:median")


# -- what is refused --------------------------------------------------------------------------------------------------


def test_what_does_not_go_together_is_told_before_any_work(base, drawn) -> None:
    with pytest.raises(OptionError, match="resize='stretch'"):
        zoo.build("efficientnet_lite0", head=both(), resize="crop")
    with pytest.raises(OptionError, match="at least two answers"):
        zoo.multi_output(kind=zoo.classifier(["a", "b"]))
    with pytest.raises(OptionError, match="one box at most"):
        zoo.multi_output(one=zoo.locator(), two=zoo.locator())
    with pytest.raises(OptionError, match="cannot be called 'features'"):
        zoo.multi_output(features=zoo.locator(), kind=zoo.classifier(["a", "b"]))
    with pytest.raises(OptionError, match="cannot be replaced by regression"):
        zoo.build("efficientnet_lite0", head=zoo.regressor("size", head="flowers5"))
    model = zoo.build(base, head=both(), preprocessing=None)
    with pytest.raises(DataError, match="kind"):
        model.fit((drawn["x"], {"box": drawn["box"]}))
    with pytest.raises(DataError, match="blue"):
        model.fit((drawn["x"], {"box": drawn["box"], "kind": ["blue"] * 240}))
    with pytest.raises(DataError, match="divide pixels"):
        model.fit((drawn["x"], {"box": drawn["box"] * SIDE, "kind": drawn["kind"]}))
    with pytest.raises(DataError, match="mapping"):
        model.fit((drawn["x"], drawn["box"]))


def test_odd_requests_are_told_when_the_model_is_built(base) -> None:
    import keras

    with pytest.raises(OptionError, match="all answers share one"):
        zoo.multi_output(kind=zoo.classifier(["a", "b"], head="mlp", units=[9]), box=zoo.locator())
    for name in ("units_a", "__", "Kind"):
        with pytest.raises(OptionError, match="cannot be called"):
            zoo.multi_output({name: zoo.locator(), "kind": zoo.classifier(["a", "b"])})
    for names in ([1, 2], None, "", [""]):
        with pytest.raises(OptionError, match="name of each value"):
            zoo.regressor(names)
    with pytest.raises(OptionError, match="needs labels="):
        zoo.head(keras.layers.Dense(1), task="regression")
    with pytest.raises(OptionError, match="nothing to pool"):
        zoo.build(base, head=zoo.classifier(["a", "b"]), preprocessing=None, features="gem")
    wide = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    with pytest.raises(OptionError, match=r"does not take features \(n, 192\)"):
        zoo.build(base, head=zoo.classifier(["a", "b"], head=wide), preprocessing=None)


def test_what_fit_does_unless_told(base, drawn) -> None:
    data = (drawn["x"], (drawn["kind"] == "green").astype(int))
    linear, deep = zoo.classifier(["red", "green"]), zoo.classifier(["red", "green"], head="mlp")
    assert zoo.build(base, head=linear, preprocessing=None).fit(data).recipe.name == "probe"
    assert usual_recipe(zoo.build(base, head=deep, preprocessing=None).state) == "head"
    assert usual_recipe(zoo.build(base, head=linear, preprocessing=None, augment="flip").state) == "head"


def test_boxes_inside_out_or_at_random_are_found(drawn) -> None:
    from zoo.augment import resolve, transform

    def inside_out(image, seed, boxes=None):
        if boxes is None:
            return image
        boxes[:, [0, 2]] = 1 - boxes[:, [0, 2]]  # the usual mistake: left and right are exchanged
        return image[:, ::-1], boxes

    def wandering(image, seed, boxes=None):
        return image if boxes is None else (image, boxes * np.random.default_rng().uniform(0.5, 1))

    def only_image(image, seed, boxes=None):
        return image

    def gone(image, seed, boxes=None):
        return image if boxes is None else (image * 0, np.zeros_like(boxes))

    box = drawn["box"][:1]
    for function, match in ((inside_out, "inside out"), (wandering, "two different"), (only_image, "must give")):
        with pytest.raises(OptionError, match=match):
            transform(resolve(function), seed=0, epoch=0)(drawn["x"][0].copy(), 0, box)
    image, boxes = transform(resolve(gone), seed=0, epoch=0)(drawn["x"][0].copy(), 0, box)
    np.testing.assert_array_equal(image, drawn["x"][0])  # an object that has left the picture: left as it was
    np.testing.assert_array_equal(boxes, box)


def test_an_augmentation_that_cannot_move_boxes_is_refused(base, drawn) -> None:
    import keras

    def own(image, seed):
        return image

    def moving(image, seed, boxes=None):
        return image if boxes is None else (image, boxes)

    data = (drawn["x"], {"box": drawn["box"], "kind": drawn["kind"]})
    for augment, name in ((own, "own"), (keras.layers.RandomFlip(name="turned"), "turned")):
        model = zoo.build(base, head=both(), preprocessing=None, augment=augment)
        with pytest.raises(OptionError, match=f"'{name}' of .* does not say what becomes of boxes"):
            model.fit(data, recipe="head", epochs=1)
    zoo.build(base, head=both(), preprocessing=None, augment=moving).fit(data, recipe="head", epochs=1)


# -- packing and decoding by hand -------------------------------------------------------------------------------------

FOUR = (
    Output(name="kind", labels=("a", "b", "c")),
    Output(name="tags", task="multilabel", labels=("x", "y")),
    Output(name="size", task="regression", labels=("size",)),
    Output(name="box", task="box", labels=BOX_LABELS),
)


def test_columns_are_packed_and_read_back() -> None:
    answers = {
        "kind": ["c", "a"],
        "tags": [[1, 0], [0, 0]],
        "size": [3.5, -1],
        "box": [[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]],
    }
    packed = pack(FOUR, answers, "data")
    assert packed.shape == (2, 1 + 2 + 1 + 4)
    own = {output.name: true for output, _, true in parts(FOUR, None, packed)}
    assert own["kind"].tolist() == [2, 0]
    assert own["kind"].dtype == np.int64
    np.testing.assert_allclose(own["box"], np.array(answers["box"], np.float32))
    raw = np.array([[1.0, 2.0, 0.0, 0.0, 100.0, 7.0, 0.6, -1.0, 0.2, 2.0]])
    scores = read_scores(FOUR, raw, from_logits=True)[0]
    np.testing.assert_allclose(scores[:3], np.exp([1, 2, 0]) / np.exp([1, 2, 0]).sum())
    np.testing.assert_allclose(scores[3:6], [0.5, 1.0, 7.0])
    answer = decode(FOUR, scores, "one.jpg")
    assert (answer.label, answer.answers["tags"].given, answer.answers["size"].values) == ("b", ("y",), {"size": 7.0})
    assert answer.answers["box"].box == (0.2, 0.0, 0.6, 1.0)
    assert "kind: b" in repr(answer)
    np.testing.assert_allclose(as_boxes(np.array([[0.9, 0.1, 0.1, 0.5]])), [[0.1, 0.1, 0.9, 0.5]])


def test_odd_answers_are_told_in_words() -> None:
    good = {"kind": ["c", "a"], "tags": [[1, 0], [0, 0]], "size": [3.5, -1], "box": [[0, 0, 1, 1]] * 2}
    for change, message in (
        ({"box": [[1, 2], [1]]}, r"box \(box\).* not all of the same shape"),
        ({"box": 3}, r"box \(box\).* one for every example"),
        ({1: [0, 0]}, "the answers are 1, box, kind, size, tags; the head gives kind, tags, size, box"),
        ({"kind": np.array([["a", "a"], ["c", "c"]], object)}, r"kind \(classification\) must be numbers, or text"),
        ({"kind": [["a"], None]}, r"kind \(classification\)"),
        ({"kind": "a"}, r"kind \(classification\).* one for every example"),
        ({"kind": [b"d", b"a"]}, "Not among the labels: 'd'"),
        ({"tags": [[0.9, 0], [0, 0]]}, "tags .* must hold 0 or 1"),
    ):
        with pytest.raises(DataError, match=message):
            pack(FOUR, {**good, **change}, "data")
    for kinds in ([b"c", b"a"], np.array([b"c", b"a"], object), [["c"], ["a"]]):  # TensorFlow gives bytes
        assert pack(FOUR, {**good, "kind": kinds}, "data")[:, 0].tolist() == [2, 0]


def test_answers_of_another_task_are_not_taken_for_those_of_the_head(drawn) -> None:
    """Also where names and labels agree: two columns of tags would be read as a class and half a box."""
    from zoo.data import Arrays
    from zoo.data import load as load_data

    where = Output(name="box", task="box", labels=BOX_LABELS)
    tags = Output(name="kind", task="multilabel", labels=("red", "green"))
    hot = np.stack([drawn["kind"] == "red", drawn["kind"] == "green"], axis=1)
    data = Arrays(drawn["x"], {"kind": hot, "box": drawn["box"]}, outputs=(tags, where))
    with pytest.raises(DataError, match="the head answers kind: classification of red, green"):
        load_data(data, outputs=both().outputs)


def test_a_class_without_examples_is_told_in_a_model_with_several_answers(base, drawn) -> None:
    head = zoo.multi_output(kind=zoo.classifier(["red", "green", "blue"]), box=zoo.locator())
    model = zoo.build(base, head=head, preprocessing=None)
    with pytest.raises(DataError, match="kind: no readable image of 'blue'"):
        model.fit((drawn["x"], {"kind": drawn["kind"], "box": drawn["box"]}))


@pytest.mark.tensorflow("the streams are tf.data")
def test_streams_train_every_kind_of_head(base, drawn) -> None:
    import tensorflow as tf

    def stream(y):
        return tf.data.Dataset.from_tensor_slices((drawn["x"], y)).batch(32)

    model = zoo.build(base, head=both(), preprocessing=None)
    run = model.fit(stream({"kind": drawn["kind"], "box": drawn["box"]}))
    assert run.validation["kind"].accuracy > 0.9
    assert run.validation["box"].mean_iou > 0.4
    whole = np.rint(drawn["area"]).astype(int)
    assert zoo.build(base, head=zoo.regressor("area"), preprocessing=None).fit(stream(whole)).validation.r2 > 0.8
    boxes = zoo.build(base, head=zoo.locator(), preprocessing=None).fit(stream(drawn["box"]))
    assert boxes.validation.mean_iou > 0.4


@pytest.mark.parametrize("weights", [{0: "a"}, {"red": None}, {"red": [1]}, {"red": float("nan")}, {"red": 0}])
def test_class_weights_that_are_no_numbers(base, drawn, weights) -> None:
    model = zoo.build(base, head=zoo.classifier(["red", "green"]), preprocessing=None)
    with pytest.raises(OptionError, match="must be a positive number"):
        model.fit((drawn["x"], drawn["kind"]), class_weight=weights)
