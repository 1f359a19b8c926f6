"""Figures that others measured with the same weights, measured again through the public API on real photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.specs import ResizeRule


@pytest.fixture(scope="module")
def imagenet(shared_data: Path) -> zoo.Dataset:
    """800 photos of ImageNet, one a class; the file name begins with the WordNet id."""
    from zoo.plugin import registry

    classes = registry().get("label_sets", "imagenet1k").spec
    number = {wnid: index for index, wnid in enumerate(classes.ids)}
    files = sorted((shared_data / "imagenet_samples").iterdir())
    assert len(files) == 800
    return zoo.ImageFiles("imagenet", files, [number[file.name.partition("_")[0]] for file in files], classes.labels)


@pytest.mark.slow
def test_efficientnet_lite0_on_imagenet(imagenet: zoo.Dataset) -> None:
    found = zoo.build("efficientnet_lite0").evaluate(imagenet)
    assert found.accuracy == pytest.approx(0.859, abs=0.005)
    assert found.top5 == pytest.approx(0.964, abs=0.005)


@pytest.mark.slow
def test_mobilenet_025_on_imagenet(imagenet: zoo.Dataset, shared_data: Path) -> None:
    weights = shared_data / "weights" / "imagenet" / "mobilenet_v1_0.25_224.h5"
    found = zoo.build("mobilenet_025", weights=weights).evaluate(imagenet)
    assert found.accuracy == pytest.approx(0.579, abs=0.005)
    assert found.top5 == pytest.approx(0.801, abs=0.005)
    stretched = zoo.build("mobilenet_025", weights=weights, resize=ResizeRule(mode="stretch")).evaluate(imagenet)
    assert stretched.accuracy == pytest.approx(0.550, abs=0.02)


@pytest.mark.slow
def test_probe_on_flowers_and_on_shuffled_labels(shared_data: Path) -> None:
    folder = shared_data / "flowers5"
    run = zoo.build("efficientnet_lite0", head="flowers5").fit(folder, validation=0.2, recipe="probe")
    assert run.validation.count == 250
    assert run.validation.accuracy >= 0.90
    files = zoo.ImageFiles.from_folder(folder)
    shuffled = zoo.ImageFiles(
        "shuffled",
        [folder / name for name in files.ids],
        np.random.default_rng(0).permutation(files.targets),
        files.labels,
    )
    chance = zoo.build("efficientnet_lite0", head=zoo.classifier(files.labels)).fit(shuffled, validation=0.2)
    low, high = 0.2 - 3 * (0.2 * 0.8 / 250) ** 0.5, 0.2 + 3 * (0.2 * 0.8 / 250) ** 0.5
    assert low < chance.validation.accuracy < high


@pytest.mark.slow
def test_fine_tuning_on_digits_beats_raw_pixels(tmp_path: Path) -> None:
    from zoo import data
    from zoo.evaluation import raw_baseline

    images = data.load("digits")
    parts = data.split(images, validation=0.2, seed=0)
    raw = raw_baseline(images, parts.train, parts.validation)
    model = zoo.build("efficientnet_lite0", head=zoo.classifier("digits"), input_size=96)
    # Digits look little like the photos of ImageNet: one stage more than the recipe's own reaches further.
    tuned = model.fit("digits", recipe="lp-ft", stages=["stage3", "stage4"], seed=0)
    assert tuned.validation.accuracy >= 0.98
    assert tuned.validation.accuracy > raw
