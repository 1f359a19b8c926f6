"""zoo's own plugins pass the kit that is meant for everybody's, without exceptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo.plugin import registry
from zoo.testing import (
    AugmentationConformance,
    BackboneConformance,
    DatasetConformance,
    HeadConformance,
    PluginConformance,
    RecipeConformance,
)

PLUGINS = ("zoo_vision", "zoo_flowers", "zoo_classics", "zoo_audio", "zoo_text", "zoo_tables", "zoo_video")

OF_THEIR_OWN = {("datasets", "image-folder"), ("datasets", "flowers5")}
"""Datasets with a class of their own below: they need a folder."""

OFTEN = {
    "augmentations": ("flip", "rotation", "contrast", "noise", "elastic"),
    "recipes": ("probe", "head", "lp-ft", "scratch"),
}
"""Kind -> those that are tried in the quick tests; all others are slow tests."""

for _plugin in PLUGINS:
    globals()[f"Test_{_plugin}"] = type(f"Test_{_plugin}", (PluginConformance,), {"plugin": _plugin})

# A class for each thing they provide, so that nothing new goes unchecked.
for _kind, _suite in (
    ("heads", HeadConformance),
    ("augmentations", AugmentationConformance),
    ("datasets", DatasetConformance),
    ("recipes", RecipeConformance),
):
    for _entry in registry().entries(_kind):
        if _entry.provider.first_party and (_kind, _entry.name) not in OF_THEIR_OWN:
            _name = f"Test_{_kind}_{_entry.name.replace('-', '_')}"
            _class = type(_name, (_suite,), {"name": _entry.id})
            _often = _entry.name in OFTEN.get(_kind, (_entry.name,))
            globals()[_name] = _class if _often else pytest.mark.slow(_class)


# Those of other modalities, on examples that these draw.
for _entry in registry().entries("backbones"):
    if _entry.provider.first_party and _entry.spec.modality != "image":
        _name = f"Test_backbones_{_entry.name.replace('-', '_')}"
        globals()[_name] = pytest.mark.slow(type(_name, (BackboneConformance,), {"name": _entry.id}))


class TestImageFolder(DatasetConformance):
    name = "zoo_vision:image-folder"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        from PIL import Image

        folder = tmp_path_factory.mktemp("birds")
        draw = np.random.default_rng(0)
        for label in ("owl", "wren"):
            (folder / label).mkdir()
            for index in range(6):
                pixels = draw.integers(0, 256, (20, 24, 3), np.uint8)
                Image.fromarray(pixels).save(folder / label / f"{index}.png")
        cls.options = {"path": folder}


class TestFlowers(DatasetConformance):
    name = "zoo_flowers:flowers5"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _folder(cls, shared_data: Path) -> None:
        cls.options = {"path": shared_data / "flowers5"}


def test_no_check_of_a_first_party_plugin_is_expected_to_fail() -> None:
    suites: list[Any] = [value for name, value in globals().items() if name.startswith("Test")]
    assert len(suites) > 12
    assert not any(suite.expected_failures for suite in suites)


# -- backbones of the catalog that are small and whose weights are at hand -----------------------------------


@pytest.mark.slow
class TestEfficientNetLite0(BackboneConformance):
    name = "efficientnet_lite0"

    @staticmethod
    def reference_preprocessing(pixels: np.ndarray) -> np.ndarray:
        return (pixels - 127) / 128


@pytest.mark.slow
class TestMobileNet025(BackboneConformance):
    name = "mobilenet_025"

    @staticmethod
    def reference_preprocessing(pixels: np.ndarray) -> Any:
        import keras

        return keras.applications.mobilenet.preprocess_input(pixels)

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _weights(cls, shared_data: Path) -> None:
        cls.weights = shared_data / "weights" / "imagenet" / "mobilenet_2_5_224_tf_no_top.h5"
