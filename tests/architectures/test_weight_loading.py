"""build_base: the right weights in the right layers, one clear error otherwise, the same random weights for a seed."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from backbone_case import SPECS, by_cost, pooled, save_legacy, stored
from helpers.pretrained import preprocessed

from tools.build_registry import undrawn
from zoo.architectures import build_base
from zoo.errors import OptionError, PluginError, UnsafeFileError, WeightsError

QUARTER = SPECS["mobilenet_025"]
NORMALIZATION = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def imagenet(shared_data: Path) -> Path:
    return shared_data / "weights" / "imagenet"


@pytest.fixture(scope="module")
def no_top(imagenet: Path) -> Path:
    return imagenet / "mobilenet_2_5_224_tf_no_top.h5"


@pytest.fixture(scope="module")
def with_top(imagenet: Path) -> Path:
    """A full model of Keras 2.8 in HDF5: weights lie under `model_weights`."""
    return imagenet / "mobilenet_v1_0.25_224.h5"


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> keras.Model:
    """Keras's own MobileNet 0.25 with top, at random."""
    return keras.applications.MobileNet(alpha=0.25, weights=None, input_shape=(64, 64, 3))


def values(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in model.weights]


def assert_same(first: keras.Model, second: keras.Model) -> None:
    for a, b in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(a, b)


# -- files that fit ---------------------------------------------------------------------------------------------------


def test_a_file_with_top_and_one_without_give_the_same_features(
    no_top: Path, with_top: Path, photos: np.ndarray
) -> None:
    small = build_base(QUARTER, weights=stored(no_top, includes_top=False), input_size=224)
    large = build_base(QUARTER, weights=stored(with_top), input_size=224)
    assert_same(small, large)
    x = preprocessed(photos, QUARTER.preprocessing)
    features = small.predict(x, verbose=0)
    assert features.shape == (8, 7, 7, 256)
    np.testing.assert_array_equal(features, large.predict(x, verbose=0))
    reference = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=str(no_top), input_shape=(224, 224, 3), pooling="avg"
    )
    np.testing.assert_allclose(pooled(features), reference.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_the_top_ends_in_logits(with_top: Path, photos: np.ndarray) -> None:
    model = build_base(QUARTER, weights=stored(with_top, includes_top=True), input_size=224, include_top=True)
    x = preprocessed(photos, QUARTER.preprocessing)
    logits = model.predict(x, verbose=0)
    reference = keras.applications.MobileNet(alpha=0.25, weights=str(with_top), input_shape=(224, 224, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, reference.predict(x, verbose=0), rtol=1e-3, atol=1e-6)


def test_a_base_takes_files_with_another_number_of_classes(shared_data: Path) -> None:
    path = shared_data / "weights" / "other" / "mobilenet025_catvsdog.h5"
    base = build_base(QUARTER, weights=stored(path), input_size=96)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(values(base)[0], file["conv1"]["conv1"]["kernel:0"][()])


@pytest.mark.parametrize("name", [pytest.param("efficientnet_b0", marks=pytest.mark.slow), "mobilenet_v3_small"])
def test_files_that_keras_3_saves(name: str, tmp_path: Path) -> None:
    """`.weights.h5` names layers by class and count; EfficientNet starts with a Normalization."""
    application = getattr(keras.applications, SPECS[name].summary.rpartition(".")[2])
    model = application(weights=None, input_shape=(96, 96, 3))
    if name == "efficientnet_b0":
        model.get_layer(index=2).set_weights([*map(np.float32, NORMALIZATION), np.array(0)])
    path = tmp_path / "own.weights.h5"
    model.save_weights(path)
    wanted = [w for layer in model.layers for w in layer.weights if not isinstance(layer, keras.layers.Normalization)]
    for include_top in (False, True):
        found = values(build_base(SPECS[name], weights=stored(path), input_size=96, include_top=include_top))
        assert len(found) == len(wanted) or not include_top
        for a, b in zip(found, wanted, strict=include_top):
            np.testing.assert_array_equal(a, np.asarray(b))


@pytest.mark.slow
def test_a_network_without_preprocessing_layers_saves_and_reloads(tmp_path: Path, photos: np.ndarray) -> None:
    base = build_base(SPECS["efficientnet_b0"], weights=None, input_size=64, seed=0)
    assert not [
        layer for layer in base.layers if isinstance(layer, (keras.layers.Normalization, keras.layers.Rescaling))
    ]
    base.save(tmp_path / "base.keras")
    again = keras.models.load_model(tmp_path / "base.keras")
    x = preprocessed(photos[:2, :64, :64], SPECS["efficientnet_b0"].preprocessing)
    np.testing.assert_array_equal(base.predict(x, verbose=0), again.predict(x, verbose=0))
    part = keras.Model(base.input, base.get_layer("block5c_add").output)
    assert part.predict(x, verbose=0).shape == (2, 4, 4, 112)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convnext_tiny", "inception_resnet_v2"])
def test_layers_that_only_keras_applications_has_reload_without_zoo(name: str, tmp_path: Path) -> None:
    size = SPECS[name].input.min_size
    base = build_base(SPECS[name], weights=None, input_size=size, seed=0)
    base.save(tmp_path / "base.keras")
    x = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, keras; sys.modules['zoo'] = None\n"
        "y = keras.models.load_model('base.keras').predict(np.load('x.npy'), verbose=0); np.save('y.npy', y)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = base.predict(x, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


# -- files that do not fit --------------------------------------------------------------------------------------------


def fails(path: Path, message: str, *, include_top: bool = False, spec=QUARTER, size: int = 224) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        build_base(spec, weights=stored(path), input_size=size, include_top=include_top)
    assert path.name in str(caught.value)


def test_no_classifier_in_the_file(no_top: Path) -> None:
    fails(no_top, "holds no classifier", include_top=True)
    with pytest.raises(WeightsError, match="holds no classifier"):
        build_base(QUARTER, weights=stored(no_top, includes_top=False), input_size=224, include_top=True)


def test_another_number_of_classes(shared_data: Path) -> None:
    path = shared_data / "weights" / "other" / "mobilenet025_catvsdog.h5"
    fails(path, "has 2 classes.* has 1000", include_top=True)


@pytest.mark.parametrize(
    ("name", "size"), [("mobilenet", 224), ("mobilenet_v2", 96), ("vgg16", 64), ("squeezenet", 227)]
)
def test_another_architecture(name: str, size: int, no_top: Path) -> None:
    fails(no_top, "does not fit", spec=SPECS[name], size=size)


def test_another_depth(tmp_path: Path) -> None:
    deeper = keras.applications.ResNet101(weights=None, include_top=False, input_shape=(32, 32, 3))
    path = save_legacy(deeper, tmp_path / "resnet101.h5")
    fails(path, "does not fit", spec=SPECS["resnet50"], size=32)
    fails(save_legacy(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), tmp_path / "d.h5"), "does not fit")


def test_vgg_with_its_classifier_works_at_one_size(tmp_path: Path) -> None:
    model = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3))
    path = save_legacy(model, tmp_path / "vgg16_32.h5")
    build_base(SPECS["vgg16"], weights=stored(path), input_size=64)
    fails(path, "size it was trained on", spec=SPECS["vgg16"], size=64, include_top=True)


def test_cut_off_files(no_top: Path, tmp_path: Path) -> None:
    data = no_top.read_bytes()
    for length in (0, 100, 5_000, 100_000, len(data) // 2, len(data) - 1):
        path = tmp_path / f"cut{length}.h5"
        path.write_bytes(data[:length])
        fails(path, "cut off|not an HDF5 file|does not fit|missing")


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "page.h5"
    path.write_text("<html>404</html>")
    fails(path, "not an HDF5 file")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file["numbers"] = np.zeros(3)
    fails(tmp_path / "empty.h5", "holds no Keras weights")


def test_numbers_that_are_none(no_top: Path, tmp_path: Path) -> None:
    path = tmp_path / "nan.h5"
    shutil.copy(no_top, path)
    with h5py.File(path, "a") as file:
        file["conv_pw_5/conv_pw_5/kernel:0"][0, 0, 0, 0] = np.nan
    fails(path, "NaN.*conv_pw_5")


@pytest.mark.parametrize("how", ["external link", "soft link", "external storage", "virtual"])
def test_weights_that_lie_elsewhere_are_refused(how: str, no_top: Path, tmp_path: Path) -> None:
    path, name = tmp_path / "evil.h5", "conv1/conv1/kernel:0"
    shutil.copy(no_top, path)
    with h5py.File(path, "a") as file:
        shape = file[name].shape
        del file[name]
        if how == "external link":
            file[name] = h5py.ExternalLink(str(no_top), name)
        elif how == "soft link":
            file[name] = h5py.SoftLink("/conv_pw_1/conv_pw_1/kernel:0")
        elif how == "external storage":
            (tmp_path / "secret").write_bytes(bytes(4 * int(np.prod(shape))))
            file.create_dataset(name, shape, "<f4", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(shape, "<f4")
            layout[...] = h5py.VirtualSource(str(no_top), name, shape)
            file.create_virtual_dataset(name, layout)
    with pytest.raises(UnsafeFileError, match="kernel:0"):
        build_base(QUARTER, weights=stored(path), input_size=224)


def test_a_shape_that_would_fill_the_memory_is_refused_unread(no_top: Path, tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    shutil.copy(no_top, path)
    with h5py.File(path, "a") as file:
        del file["conv1/conv1/kernel:0"]
        file.create_dataset("conv1/conv1/kernel:0", (10**6, 10**6), "<f4", chunks=(1000, 1000))
    fails(path, "does not fit")


@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        pytest.param([0, 0, 0], [1, 1, 1], marks=pytest.mark.slow),
        (NORMALIZATION[0], [0.0524, 0.0502, 0.0506]),
    ],
)
def test_efficientnet_trained_on_other_inputs(mean: list[float], variance: list[float], tmp_path: Path) -> None:
    model = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(64, 64, 3))
    model.get_layer(index=2).set_weights([np.float32(mean), np.float32(variance), np.array(0)])
    path = save_legacy(model, tmp_path / "b0.h5")
    found = ", ".join(f"{value:.4g}" for value in variance)
    fails(path, rf"variance \({found}\).*slip.*0.229", spec=SPECS["efficientnet_b0"], size=64)


# -- arguments, random weights, builders of others --------------------------------------------------------------------


def test_too_small_an_input() -> None:
    with pytest.raises(OptionError, match="at least 75 px, 299 by default"):
        build_base(SPECS["inception_v3"], weights=None, input_size=74)


def test_squeezenet_has_no_classifier() -> None:
    with pytest.raises(OptionError, match="without its pretrained classifier"):
        build_base(SPECS["squeezenet"], weights=None, input_size=64, include_top=True)


def test_random_weights_follow_the_seed_and_leave_no_trace() -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first, again, other = (build_base(QUARTER, weights=None, input_size=64, seed=seed) for seed in (1, 1, 2))
    assert (random.random(), np.random.random()) == expected
    assert_same(first, again)
    assert not np.array_equal(values(first)[0], values(other)[0])
    unseeded = [build_base(QUARTER, weights=None, input_size=64) for _ in range(2)]
    assert not np.array_equal(values(unseeded[0])[0], values(unseeded[1])[0])


@pytest.mark.parametrize("builder", ["zoo.nowhere:build", "zoo.architectures.applications:nothing"])
def test_a_builder_that_is_not_there(builder: str) -> None:
    with pytest.raises(PluginError, match="cannot import the builder"):
        build_base(QUARTER.model_copy(update={"builder": builder}), weights=None, input_size=64)


def test_a_builder_that_returns_something_else() -> None:
    spec = QUARTER.model_copy(update={"builder": "builtins:dict"})
    with pytest.raises(PluginError, match=r"must return a keras\.Model"):
        build_base(spec, weights=None, input_size=64)


def test_an_application_that_keras_does_not_have() -> None:
    spec = QUARTER.model_copy(update={"builder_options": {"application": "ResNet5O"}})
    with pytest.raises(KeyError, match="Did you mean 'ResNet50'"):
        build_base(spec, weights=None, input_size=64)
    spec = QUARTER.model_copy(update={"builder_options": {"application": "ResNet50", "beta": 2}})
    with pytest.raises(OptionError, match="cannot be built so"):
        build_base(spec, weights=None, input_size=64)


@pytest.mark.parametrize("name", by_cost(SPECS, quick=[name for name, spec in SPECS.items() if spec.params < 2e6]))
def test_the_smallest_size_works(name: str) -> None:
    spec = SPECS[name]
    with undrawn():
        base = build_base(spec, weights=None, input_size=spec.input.min_size)
    assert base.output.shape[-1] == spec.feature_dim
    keras.utils.clear_session()


def test_weights_of_another_width_say_which(tmp_path: Path) -> None:
    half = keras.applications.MobileNetV2(alpha=0.5, weights=None, include_top=False, input_shape=(32, 32, 3))
    path = save_legacy(half, tmp_path / "half.h5")
    with pytest.raises(WeightsError, match=r"706,224 numbers these look like weights of mobilenet_v2 with alpha 0\.5"):
        build_base(SPECS["mobilenet_v2"], weights=stored(path), input_size=32)
    odd = save_legacy(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), tmp_path / "odd.h5")
    with pytest.raises(WeightsError, match="10 numbers, as no row of the catalog does"):
        build_base(QUARTER, weights=stored(odd), input_size=32)
