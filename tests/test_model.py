"""The verbs, as a user meets them: what goes in, what comes out, and what is refused before long work starts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.errors import DataError, OptionError, UnknownNameError, UnsafeFileError, UntrainedHeadError, WeightsError
from zoo.registry import ZooNotice


@pytest.fixture(scope="module")
def flowers() -> zoo.TransferModel:
    """The shipped flower head on its backbone: ready to predict, never to be fitted in these tests."""
    return zoo.build("efficientnet_lite0", head="flowers5")


@pytest.fixture(scope="module")
def rose(shared_data: Path) -> Path:
    return sorted((shared_data / "flowers5" / "roses").iterdir())[1]


@pytest.fixture(scope="module")
def pictures(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dark = (photos[:, ::4, ::4] * 0.5).astype(np.uint8)
    return np.concatenate([photos[:, ::4, ::4], dark]), np.repeat([0, 1], len(photos))


@pytest.fixture(scope="module")
def base():
    """A small network of one's own that takes pixels as they are."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
        ],
        name="mine",
    )


# -- predict ----------------------------------------------------------------------------------------------------------


def test_the_shipped_head_names_a_flower_at_once(flowers: zoo.TransferModel, rose: Path) -> None:
    answer = flowers.predict(rose)[0]
    assert answer.label == "roses"
    assert answer.score > 0.5
    assert answer.scores.dtype == np.float32
    assert answer.scores.sum() == pytest.approx(1, abs=1e-5)
    assert answer.top[0][0] == "roses"
    assert len(answer.top) == 5
    assert answer.source == str(rose)


def test_the_pretrained_classifier_needs_no_head(shared_data: Path) -> None:
    model = zoo.build("efficientnet_lite0")
    assert len(model.labels) == 1000
    photo = shared_data / "imagenet_samples" / "n01443537_goldfish.JPEG"
    assert model.predict(photo)[0].label == "goldfish"
    with pytest.raises(OptionError, match="without a head of yours"):
        model.fit(shared_data / "flowers5")


def test_all_forms_of_an_image_give_the_same_answer(flowers: zoo.TransferModel, rose: Path, tmp_path: Path) -> None:
    from PIL import Image

    from zoo.data import decode

    image = decode(rose)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / rose.name).write_bytes(rose.read_bytes())
    (tmp_path / "folder" / "notes.txt").write_text("not an image")
    forms = [
        str(rose),
        rose,
        image,
        image.astype(np.float64),
        Image.open(rose),
        [rose],
        [image, rose],
        tmp_path / "folder",
    ]
    expected = flowers.predict_scores(rose)[0]
    for form in forms:
        for scores in flowers.predict_scores(form):
            np.testing.assert_allclose(scores, expected, rtol=1e-6, atol=1e-6)  # alone and in a batch
    names = [answer.source for answer in flowers.predict([image, rose])]
    assert names == ["0", str(rose)]


def test_an_array_of_the_models_size_is_not_resized(flowers: zoo.TransferModel, photos: np.ndarray) -> None:
    direct = np.asarray(flowers.keras_model(photos.astype(np.float32)))
    np.testing.assert_allclose(flowers.predict_scores(photos), direct, rtol=1e-5, atol=1e-7)


def test_values_are_checked_and_the_array_is_left_alone(flowers: zoo.TransferModel, photos: np.ndarray) -> None:
    floats = photos[:1].astype(np.float32)
    before = floats.copy()
    flowers.predict_scores(floats)
    np.testing.assert_array_equal(floats, before)
    with pytest.raises(DataError, match=r"0\.\.255, they go from -1 to 1"):
        flowers.predict(floats / 127.5 - 1)
    with pytest.raises(DataError, match=r"0\.\.255"):
        flowers.predict(np.full((1, 8, 8, 3), np.nan, np.float32))
    with pytest.warns(ZooNotice, match="divided by 255"):
        flowers.predict(floats / 255)
    with pytest.raises(DataError, match="shape"):
        flowers.predict(np.zeros((2, 3, 4, 5, 3), np.uint8))


def test_a_file_that_is_no_image_is_named(flowers: zoo.TransferModel, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not a jpeg")
    with pytest.raises(DataError, match=r"broken\.jpg"):
        flowers.predict(path)
    with pytest.raises(DataError, match=r"nowhere\.jpg"):
        flowers.predict("nowhere.jpg")


def test_an_untrained_head_does_not_answer(rose: Path) -> None:
    model = zoo.build("efficientnet_lite0", head=zoo.classifier(["cat", "dog"]))
    for verb in (model.predict, model.predict_scores, model.evaluate):
        with pytest.raises(UntrainedHeadError, match="never trained"):
            verb(rose)


# -- fit: data in all its forms ---------------------------------------------------------------------------------------


def test_arrays_tf_data_and_pydataset_are_the_same_data(base, pictures) -> None:
    import keras

    x, y = pictures

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int):
            return x[4 * index : 4 * index + 4], y[4 * index : 4 * index + 4]

    forms = {
        "arrays": (x, y),
        "floats": (x.astype(np.float32), y.tolist()),
        "PyDataset": Batches(),
        "Dataset": zoo.Arrays(x, y),
    }
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        forms["tf.data"] = tf.data.Dataset.from_tensor_slices((x, y))
        forms["tf.data batches"] = tf.data.Dataset.from_tensor_slices((x, y)).batch(5)
    found = {}
    for name, data in forms.items():
        model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None, input_size=32)
        run = model.fit(data, validation=0.25, seed=1)
        found[name] = (run.record.plan.data.fingerprint, run.validation.scores.tobytes())
    assert len(set(found.values())) == 1, found


def test_a_dataset_by_name_and_a_validation_set_of_its_own(base) -> None:
    model = zoo.build(base, head=zoo.classifier("digits"), preprocessing=None)
    assert model.labels == tuple("0123456789")
    run = model.fit("digits", validation=300)
    assert 290 <= run.validation.count <= 310
    assert run.validation.accuracy > 0.5
    with pytest.raises(DataError, match="are in the training data too"):
        model.fit("digits", validation="digits")


def test_validation_may_be_data(base, pictures) -> None:
    x, y = pictures
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    run = model.fit((x[::2], y[::2]), validation=(x[1::2], y[1::2]))
    assert run.validation.count == 8
    run = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None).fit((x, y), validation=None)
    assert run.validation is None
    run = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None).fit((x, y), test=0.25)
    assert run.test.count == 4


def test_a_keras_model_and_a_keras_layer_need_no_row_and_no_plugin(base, pictures) -> None:
    import keras

    before = [weight.copy() for weight in base.get_weights()]
    flags = [layer.trainable for layer in base.layers]
    for layer in (keras.layers.Dense(2), keras.layers.Dense(2, activation="softmax")):
        model = zoo.build(base, head=layer, preprocessing=None)
        run = model.fit(pictures, recipe="lp-ft", epochs=1, batch_size=4, validation=0.25)
        assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        assert model.predict_scores(pictures[0]).sum(axis=1) == pytest.approx(1, abs=1e-5)
    for weight, kept in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)  # the caller's model is not touched
    assert [layer.trainable for layer in base.layers] == flags
    with pytest.raises(OptionError, match="needs preprocessing="):
        zoo.build(base, head=keras.layers.Dense(2))
    with pytest.raises(DataError, match="3 outputs and the data 2 classes"):
        zoo.build(base, head=keras.layers.Dense(3), preprocessing=None).fit(pictures)


def test_augmentation_is_stateless_and_never_served(base, pictures) -> None:
    import keras

    def invert(image: np.ndarray, seed: int) -> np.ndarray:
        return 255 - image if seed % 2 else image

    results = []
    for augment in (
        None,
        ["flip", invert, keras.layers.RandomContrast(0.5)],
        ["flip", invert, keras.layers.RandomContrast(0.5)],
    ):
        model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None, augment=augment)
        run = model.fit(pictures, recipe="head", epochs=2, batch_size=4, validation=0.25)
        results.append(run.history["loss"])
    assert results[1] == results[2]
    assert results[0] != results[1]
    with pytest.raises(OptionError, match="cannot augment"):
        model.fit(pictures, recipe="probe")
    with pytest.raises(UnknownNameError, match="Did you mean 'flip'"):
        zoo.build(base, head=zoo.classifier(["a", "b"]), preprocessing=None, augment="flipp")


def test_callbacks_and_history_are_those_of_keras(base, pictures) -> None:
    import keras

    class Recorder(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[tuple[int, dict[str, float]]] = []

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append((epoch, dict(logs or {})))

    recorder = Recorder()
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    run = model.fit(pictures, recipe="lp-ft", epochs=2, batch_size=4, validation=0.25, callbacks=[recorder])
    assert [epoch for epoch, _ in recorder.epochs] == [0, 1, 2]
    assert [logs["val_accuracy"] for _, logs in recorder.epochs] == pytest.approx(run.history["val_accuracy"])


def test_fit_starts_fresh_continues_and_resets(few_flowers: Path, rose: Path) -> None:
    model = zoo.build("efficientnet_lite0", head="flowers5")
    shipped = model.predict_scores(rose)
    first = model.fit(few_flowers, recipe="head", epochs=2)
    assert any("starts fresh" in notice for notice in first.notices)
    second = model.fit(few_flowers, recipe="head", epochs=2)
    assert any("continues" in notice for notice in second.notices)
    assert second.history["loss"][0] < first.history["loss"][0]
    model.reset()
    np.testing.assert_array_equal(model.predict_scores(rose), shipped)
    with pytest.raises(OptionError, match="no effect with recipe 'probe'"):
        model.fit(few_flowers, recipe="probe", start="pretrained")
    explicit = model.fit(few_flowers, recipe="head", epochs=1, start="pretrained")
    assert explicit.history["loss"][0] < first.history["loss"][0]
    with pytest.raises(OptionError, match="start="):
        model.fit(few_flowers, start="warm")


def test_an_interrupted_fit_leaves_the_model_as_it_was(base, pictures) -> None:
    import keras

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    model.fit(pictures, recipe="probe", validation=0.25)
    before = [weight.copy() for weight in model.keras_model.get_weights()]
    with pytest.raises(KeyboardInterrupt):
        model.fit(pictures, recipe="lp-ft", batch_size=2, validation=0.25, callbacks=[Stop()])
    for weight, kept in zip(model.keras_model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    assert model.predict_scores(pictures[0]).shape == (16, 2)


def test_the_base_is_frozen_from_build_to_plain_keras(base, pictures, tmp_path: Path) -> None:
    """Whoever fits the saved file with plain Keras trains the head only, and moves no BatchNorm."""
    import keras

    model = zoo.build(base, head=zoo.classifier(["light", "dark"], head="mlp", units=[4]), preprocessing=None)
    assert len(model.keras_model.trainable_weights) == 4
    model.fit(pictures, recipe="head", epochs=1, validation=0.25)
    model.fit(pictures, recipe="lp-ft", epochs=1, validation=0.25)
    assert len(model.keras_model.trainable_weights) == 4  # what lp-ft opened is closed again
    path = model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        assert b"Adam" not in archive.read("config.json")
        assert b"optimizer" not in archive.read("model.weights.h5")
    plain = keras.saving.load_model(path)
    inside = plain.get_layer("backbone")
    before = [weight.copy() for weight in inside.get_weights()]
    plain.compile("sgd", "sparse_categorical_crossentropy")
    from zoo.data import resize

    x = np.stack([resize(image, 32, model.composition.intake.rule) for image in pictures[0]]).astype(np.float32)
    plain.fit(x, pictures[1], verbose=0)
    for weight, kept in zip(inside.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_a_functional_subclass_is_copied_and_a_subclassed_model_refused(pictures) -> None:
    import keras

    class Mine(keras.Model):
        pass

    class Hidden(keras.Model):
        def call(self, x):
            return x

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, strides=2)(inputs))
    given = Mine(inputs, x)
    before = [weight.copy() for weight in given.get_weights()]
    model = zoo.build(given, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    model.fit(pictures, recipe="lp-ft", epochs=1, batch_size=4, validation=0.25)
    for weight, kept in zip(given.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    with pytest.raises(OptionError, match="functional or sequential"):
        zoo.build(Hidden(), head=keras.layers.Dense(2), preprocessing=None)


def test_a_head_of_ones_own_is_copied_and_its_activation_understood(base, pictures) -> None:
    import keras

    layer = keras.layers.Dense(2)
    first = zoo.build(base, head=layer, preprocessing=None)
    second = zoo.build(base, head=layer, preprocessing=None)
    first.fit(pictures)
    assert not layer.built or not np.array_equal(layer.get_weights()[0], first.composition.head.get_weights()[0])
    assert second.head_state == "untrained"
    for final in (keras.layers.Softmax(), "softmax"):
        model = zoo.build(base, head=keras.layers.Dense(2, activation=final), preprocessing=None)
        assert not model.composition.from_logits
    with pytest.raises(OptionError, match="ends in the activation 'sigmoid'"):
        zoo.build(base, head=keras.layers.Dense(2, activation="sigmoid"), preprocessing=None)
    with pytest.raises(OptionError, match=r"keras\.layers\.Dense\(5\)"):
        zoo.build(base, head=keras.layers.Dense, preprocessing=None)


def test_the_shipped_head_goes_with_its_own_inputs_only() -> None:
    assert zoo.build("efficientnet_lite0", head="flowers5").head_state == "pretrained"
    assert zoo.build("efficientnet_lite0", head="flowers5", preprocessing=None).head_state == "untrained"
    assert zoo.build("efficientnet_lite0", head="flowers5", features="max").head_state == "untrained"


def test_reset_brings_back_what_was_trained_on(few_flowers: Path, shared_data: Path, tmp_path: Path) -> None:
    import shutil

    from zoo.compose import package_file

    model = zoo.build("efficientnet_lite0", head="flowers5")
    known = set(package_file("zoo_flowers:weights/training_files.txt").read_text().split())
    photos = zoo.ImageFiles.from_folder(shared_data / "flowers5")
    for index in [i for i, digest in enumerate(photos.hashes()) if digest in known][::100]:
        target = tmp_path / "seen" / photos.ids[index]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared_data / "flowers5" / photos.ids[index], target)
    with pytest.warns(ZooNotice, match="were trained on"):
        model.evaluate(tmp_path / "seen")
    model.fit(few_flowers)
    model.reset()
    with pytest.warns(ZooNotice, match="were trained on"):
        model.evaluate(tmp_path / "seen")
    with pytest.raises(OptionError, match="reset"):
        zoo.load(model.save(tmp_path / "m.keras")).reset()


def test_the_same_fit_again_gives_the_same_model_with_dropout(base, pictures) -> None:
    model = zoo.build(base, head=zoo.classifier(["light", "dark"], head="mlp", dropout=0.5), preprocessing=None)
    first = model.fit(pictures, recipe="head", epochs=2, batch_size=4, validation=0.25, seed=5)
    model.reset()
    again = model.fit(pictures, recipe="head", epochs=2, batch_size=4, validation=0.25, seed=5)
    assert again.history == first.history


def test_class_weights_are_checked_and_used(base, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    def model() -> zoo.TransferModel:
        return zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)

    with monkeypatch.context() as patch:
        patch.setattr("zoo.training.phases.features.extract", None)
        for wrong in ({"a": 2.0}, {7: 1.0}, {0: -1.0}, "balance", [1, 2]):
            with pytest.raises(OptionError, match="class_weight"):
                model().fit(pictures, recipe="head", class_weight=wrong)
    even = model().fit(pictures, recipe="head", epochs=3, validation=0.25)
    dark = model().fit(pictures, recipe="head", epochs=3, validation=0.25, class_weight={"dark": 50.0})
    assert dark.validation.scores[:, 1].mean() > even.validation.scores[:, 1].mean()


def test_training_that_diverges_is_told_and_undone(base, pictures) -> None:
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    model.fit(pictures)
    before = model.predict_scores(pictures[0])
    with pytest.raises(OptionError, match="Lower learning_rate"):
        model.fit(pictures, recipe="head", epochs=4, learning_rate=3e38)
    np.testing.assert_array_equal(model.predict_scores(pictures[0]), before)


def test_a_run_folder_that_cannot_be_made_is_found_before_the_work(base, pictures, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.training.phases.features.extract", None)
        with pytest.raises(OptionError, match="cannot be made"):
            model.fit(pictures, directory=tmp_path / "file" / "run")


# -- fit: what is refused before long work ----------------------------------------------------------------------------


@pytest.fixture
def no_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forward pass over data fails the test."""

    def unexpected(*args, **kwargs):
        raise AssertionError("long work was started")

    monkeypatch.setattr("zoo.training.phases.features.extract", unexpected)


@pytest.mark.usefixtures("no_long_work")
def test_data_that_cannot_work_is_refused_first(few_flowers: Path, tmp_path: Path) -> None:
    model = zoo.build("efficientnet_lite0", head="flowers5")
    with pytest.raises(DataError, match=r"no such|does not exist|no folder"):
        model.fit(tmp_path / "nowhere")
    (few_flowers / "roses").rename(few_flowers / "peonies")
    with pytest.raises(DataError, match=r"peonies.*roses"):
        model.fit(few_flowers)
    (few_flowers / "peonies").rename(few_flowers / "roses")
    for file in (few_flowers / "tulips").iterdir():
        file.unlink()
    with pytest.raises(DataError, match="tulips"):
        model.fit(few_flowers)
    one = tmp_path / "one" / "cats"
    one.mkdir(parents=True)
    for file in (few_flowers / "daisy").iterdir():
        (one / file.name).write_bytes(file.read_bytes())
    with pytest.raises(DataError, match="dogs"):
        zoo.build("efficientnet_lite0", head=zoo.classifier(["cats", "dogs"])).fit(tmp_path / "one")


@pytest.mark.usefixtures("no_long_work")
@pytest.mark.filterwarnings("ignore:.*largest pixel value")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((np.zeros((4, 8, 8, 5), np.uint8), [0, 1, 0, 1]), r"1 or 3"),
        ((np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0]), "4 images and 3"),
        ((np.full((4, 8, 8, 3), -1.0, np.float32), [0, 1, 0, 1]), r"0\.\.255"),
        ((np.zeros((4, 8, 8, 3), np.uint8), [0, 0, 0, 0]), "no readable image of 'dark'"),
        ((np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 2, 1]), "labels"),
    ],
)
def test_arrays_that_cannot_work_are_refused_first(base, data, message: str) -> None:
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    with pytest.raises(DataError, match=message):
        model.fit(data)


@pytest.mark.usefixtures("no_long_work")
def test_options_that_do_not_go_together_are_refused_first(few_flowers: Path, tmp_path: Path) -> None:
    model = zoo.build("efficientnet_lite0", head="flowers5")
    with pytest.raises(UnknownNameError, match="Did you mean 'probe'"):
        model.fit(few_flowers, recipe="prob")
    with pytest.raises(OptionError, match="no use for epochs"):
        model.fit(few_flowers, recipe="probe", epochs=3)
    with pytest.raises(OptionError, match="must be a positive whole number"):
        model.fit(few_flowers, recipe="head", epochs=0)
    with pytest.raises(OptionError, match="not an empty folder"):
        model.fit(few_flowers, directory=few_flowers)
    with pytest.raises(OptionError, match="recipe='head'"):
        zoo.build("efficientnet_lite0", head=zoo.classifier(["a", "b"], head="mlp")).fit(few_flowers, recipe="probe")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backbone": "vgg61"}, UnknownNameError, "Did you mean .*'vgg16'"),
        ({"head": "flower5"}, UnknownNameError, "Did you mean 'flowers5'"),
        ({"head": "linear"}, OptionError, "brings no labels"),
        ({"head": 5}, OptionError, "head= takes"),
        ({"weights": "nowhere.h5"}, WeightsError, "nowhere.h5"),
        ({"weights": "imagnet"}, (UnknownNameError, WeightsError), "imagenet"),
        ({"input_size": 8}, OptionError, "at least 32"),
        ({"features": "stage9"}, OptionError, "Did you mean"),
        ({"resize": "squash"}, OptionError, "resize="),
        ({"head": None, "input_size": 96}, OptionError, "needs input_size=224"),
        ({"head": None, "weights": None}, OptionError, "random weights"),
        ({"preprocessing": "tf"}, OptionError, "preprocessing must be"),
    ],
)
def test_build_refuses_with_what_to_do(arguments: dict[str, object], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        zoo.build(**{"backbone": "efficientnet_lite0", "head": "flowers5", **arguments})


def test_labels_of_a_classifier() -> None:
    with pytest.raises(DataError, match="at least two"):
        zoo.classifier(["cat"])
    with pytest.raises(DataError, match="given twice: \\['cat'\\]"):
        zoo.classifier(["cat", "dog", "cat"])
    assert zoo.classifier("digits").labels == tuple("0123456789")
    with pytest.raises(OptionError, match="cannot be replaced"):
        zoo.build("efficientnet_lite0", head=zoo.head("flowers5", labels=["a", "b"]))


# -- what the head reads ----------------------------------------------------------------------------------------------


def test_features_of_a_stage_a_layer_and_of_the_top(shared_data: Path) -> None:
    weights = shared_data / "weights" / "imagenet"
    labels = zoo.classifier(["a", "b"])
    dimension = {}
    for features in (None, "max", "stage2", "stage3", "conv_dw_1_relu"):
        model = zoo.build(
            "mobilenet_025",
            labels,
            features=features,
            weights=weights / "mobilenet_2_5_224_tf_no_top.h5",
            input_size=64,
        )
        dimension[features] = model.composition.features.output_shape[-1]
    assert dimension == {None: 256, "max": 256, "stage2": 64, "stage3": 128, "conv_dw_1_relu": 8}
    with pytest.raises(OptionError, match="Did you mean 'conv_pw_9_relu'"):
        zoo.build("mobilenet_025", labels, features="conv_pw_9_rel", weights=weights / "mobilenet_2_5_224_tf_no_top.h5")


def test_vgg16_fc2_keeps_a_part_of_the_pretrained_top() -> None:
    model = zoo.build("vgg16", head="flowers5", features="fc2", input_size=224, weights=None)
    assert model.composition.features.output_shape == (None, 4096)
    assert model.composition.head.count_params() == 5 * 4097
    with pytest.raises(OptionError, match="needs input_size=224"):
        zoo.build("vgg16", head="flowers5", features="fc2", input_size=96)


# -- save and load ----------------------------------------------------------------------------------------------------


def test_save_and_load_keep_labels_rule_and_answers(flowers: zoo.TransferModel, rose: Path, tmp_path: Path) -> None:
    path = flowers.save(tmp_path / "flowers.keras")
    loaded = zoo.load(path)
    assert loaded.labels == flowers.labels
    assert loaded.composition.intake.rule == flowers.composition.intake.rule
    np.testing.assert_allclose(loaded.predict_scores(rose), flowers.predict_scores(rose), rtol=1e-6)
    assert sorted(tmp_path.iterdir()) == [path]  # nothing half-written stays
    with pytest.raises(OptionError, match=r"must end in \.keras"):
        flowers.save(tmp_path / "flowers.h5")
    with pytest.raises(OptionError, match="does not exist"):
        flowers.save(tmp_path / "nowhere" / "flowers.keras")


def test_a_file_that_needs_other_code_says_so(pictures, tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    inputs = keras.Input((32, 32, 3))
    model = zoo.build(keras.Model(inputs, Twice()(inputs)), head=zoo.classifier(["a", "b"]), preprocessing=None)
    with pytest.warns(ZooNotice, match=r"needs code beside Keras to load: Twice of .*code of your own"):
        model.save(tmp_path / "m.keras")


def test_a_failed_save_leaves_the_old_file(flowers: zoo.TransferModel, tmp_path: Path, monkeypatch) -> None:
    path = flowers.save(tmp_path / "m.keras")
    before = path.read_bytes()

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        flowers.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_loaded_model_can_be_fitted_again(flowers: zoo.TransferModel, few_flowers: Path, tmp_path: Path) -> None:
    loaded = zoo.load(flowers.save(tmp_path / "m.keras"))
    run = loaded.fit(few_flowers, recipe="probe")
    assert run.validation.accuracy > 0.5


def test_files_that_hold_code_or_are_damaged_are_refused(flowers: zoo.TransferModel, tmp_path: Path) -> None:
    import keras

    good = flowers.save(tmp_path / "good.keras")
    with pytest.raises(OptionError, match=r"no model file"):
        zoo.load(tmp_path / "none.keras")

    cut = tmp_path / "cut.keras"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with pytest.raises(UnsafeFileError, match="damaged"):
        zoo.load(cut)

    flipped = bytearray(good.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped.keras").write_bytes(flipped)
    with pytest.raises(UnsafeFileError, match="damaged"):
        zoo.load(tmp_path / "flipped.keras")

    plain = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x)])
    plain.save(tmp_path / "lambda.keras")
    with pytest.raises(OptionError, match="zoo did not write"):
        zoo.load(tmp_path / "lambda.keras")
    with zipfile.ZipFile(tmp_path / "lambda.keras", "a") as archive:
        archive.writestr("zoo.json", json.dumps({"zoo_file": 1, "labels": [], "task": "classification"}))
    with pytest.raises(UnsafeFileError, match="Lambda"):
        zoo.load(tmp_path / "lambda.keras")

    with zipfile.ZipFile(tmp_path / "lambda.keras", "a") as archive:
        archive.writestr("assets/../../x", "outside")
    with pytest.raises(UnsafeFileError):
        zoo.load(tmp_path / "lambda.keras")


def test_a_loaded_shipped_head_starts_fresh_or_from_its_weights(few_flowers: Path, tmp_path: Path) -> None:
    built = zoo.build("efficientnet_lite0", head="flowers5")
    path = built.save(tmp_path / "f.keras")
    shipped = built.composition.head_weights()
    fresh = zoo.load(path)
    fresh.fit(few_flowers, recipe="head", epochs=1, learning_rate=1e-9)
    assert max(np.abs(a - b).max() for a, b in zip(fresh.composition.head_weights(), shipped, strict=True)) > 0.01
    further = zoo.load(path)
    run = further.fit(few_flowers, recipe="head", epochs=1, learning_rate=1e-9, start="pretrained")
    assert max(np.abs(a - b).max() for a, b in zip(further.composition.head_weights(), shipped, strict=True)) < 1e-3
    assert "the head starts from its shipped weights" in run.notices
    assert built.state.training_files <= further.state.training_files  # what the author trained on counts still


def test_a_fit_that_fails_while_it_measures_changes_nothing(base, pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.build(base, head=zoo.classifier(["light", "dark"]), preprocessing=None)
    before = model.composition.head_weights()

    def broken(*arguments, **options):
        raise DataError("cannot be measured")

    monkeypatch.setattr("zoo.fitting.measuring.evaluate_outputs", broken)
    with pytest.raises(DataError, match="cannot be measured"):
        model.fit(pictures)
    assert model.head_state == "untrained"
    assert all((a == b).all() for a, b in zip(model.composition.head_weights(), before, strict=True))
