"""The augmentations of zoo_vision: what they do to a picture, and that their options are held to."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from zoo_vision import augmentations, colors, geometry, policies

ROOMS = (augmentations, geometry, colors, policies)
SPECS = {spec.name: spec for room in ROOMS for spec in room.SPECS}
NAMES = tuple(SPECS)
NOTHING = {
    "rotation": {"degrees": 0},
    "zoom": {"factor": 0},
    "translation": {"factor": 0},
    "contrast": {"factor": 0},
    "noise": {"stddev": 0},
    "crop": {"factor": 0},
    "resized_crop": {"area": 1, "ratio": 1},
    "height": {"factor": 0},
    "width": {"factor": 0},
    "shear": {"factor": 0},
    "elastic": {"strength": 0},
    "brightness": {"factor": 0},
    "saturation": {"factor": 0},
    "hue": {"degrees": 0},
    "color_shift": {"stddev": 0},
    "invert": {"probability": 0},
    "grayscale": {"probability": 0},
    "blur": {"sigma": 0},
    "cutout": {"side": 0},
    "randaugment": {"magnitude": 0},
    "trivialaugment": {"magnitude": 0},
}
FEW = {"flip", "invert", "grayscale"}
"""Those with two results."""
SEEDS = range(40)


def factory(name):
    return next(getattr(room, name) for room in ROOMS if hasattr(room, name))


def test_specs_name_what_is_there():
    assert len(NAMES) == 23
    for spec in SPECS.values():
        attribute = spec.factory.partition(":")[2]
        assert callable(factory(attribute))
        options = factory(spec.options.partition(":")[2])
        assert issubclass(options, BaseModel)
        assert all(field.description for field in options.model_fields.values())
        assert spec.summary
        with_boxes = ["boxes"] if spec.boxes == "moved" else []
        assert list(inspect.signature(factory(attribute)()).parameters) == ["image", "seed", *with_boxes]


def test_importing_the_specs_imports_no_numpy_and_no_keras():
    program = (
        "import sys, zoo_vision.augmentations, zoo_vision.datasets, zoo_classics.datasets, zoo_flowers.datasets\n"
        "print(sorted(m for m in ('numpy', 'PIL', 'keras', 'tensorflow', 'sklearn') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_image_and_the_original_is_left_alone(name, photos):
    apply = factory(name)()
    image = photos[0]
    before = image.copy()
    results = [apply(image, seed) for seed in SEEDS]
    np.testing.assert_array_equal(image, before)
    for seed in (0, 17):
        np.testing.assert_array_equal(factory(name)()(image, seed), results[seed])
    fewest = 2 if name in FEW else 20 if name == "trivialaugment" else 30
    assert len({result.tobytes() for result in results}) >= fewest
    assert all(result.dtype == np.uint8 and result.shape == image.shape for result in results)


@pytest.mark.parametrize("name", NOTHING)
def test_an_option_of_zero_changes_nothing(name, photos):
    apply = factory(name)(**NOTHING[name])
    for seed in range(3):
        np.testing.assert_array_equal(apply(photos[seed], seed), photos[seed])


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**31 - 1),
    strong=st.booleans(),
)
def test_any_size_works(name, height, width, seed, strong):
    options = {
        "flip": {"mode": "horizontal_and_vertical"},
        "rotation": {"degrees": 180},
        "zoom": {"factor": 0.9},
        "translation": {"factor": 1},
        "contrast": {"factor": 1},
        "noise": {"stddev": 128},
        "crop": {"factor": 0.9},
        "resized_crop": {"area": 0.01, "ratio": 4},
        "elastic": {"strength": 0.2, "cells": 16},
        "hue": {"degrees": 180},
        "color_shift": {"stddev": 1, "method": "pca"},
        "blur": {"sigma": 5},
        "jpeg": {"low": 1},
        "randaugment": {"count": 8, "magnitude": 1},
    }.get(name, {})
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    result = factory(name)(**(options if strong else {}))(image, seed)
    assert result.shape == image.shape
    assert result.dtype == np.uint8


@pytest.mark.parametrize(
    ("mode", "forms"),
    [
        ("horizontal", [lambda a: a, lambda a: a[:, ::-1]]),
        ("vertical", [lambda a: a, lambda a: a[::-1]]),
        ("horizontal_and_vertical", [lambda a: a, lambda a: a[:, ::-1], lambda a: a[::-1], lambda a: a[::-1, ::-1]]),
    ],
)
def test_flip_is_one_of_its_forms_equally_often(mode, forms, photos):
    image = photos[0][:20, :30]
    apply = augmentations.flip(mode=mode)
    wanted = [form(image).tobytes() for form in forms]
    counts = np.bincount([wanted.index(apply(image, seed).tobytes()) for seed in range(400)], minlength=len(forms))
    assert counts.min() > 400 / len(forms) * 0.7, counts


def spot(place, size=81):
    """A white square of 5 x 5 at (row, column) on black."""
    image = np.zeros((size, size, 3), np.uint8)
    row, column = place
    image[row - 2 : row + 3, column - 2 : column + 3] = 255
    return image


def centroid(image):
    weight = image[..., 0].astype(float)
    rows, columns = np.indices(weight.shape)
    return np.array([(rows * weight).sum(), (columns * weight).sum()]) / weight.sum() - (np.array(weight.shape) - 1) / 2


def test_rotation_turns_about_the_center_within_its_bound():
    image = spot((40, 60))  # 20 right of the center
    angles = []
    for seed in range(200):
        row, column = centroid(augmentations.rotation(degrees=30)(image, seed))
        assert np.hypot(row, column) == pytest.approx(20, abs=0.2)
        angles.append(np.degrees(np.arctan2(row, column)))
    assert -30.3 < min(angles) < -27
    assert 27 < max(angles) < 30.3
    assert abs(np.mean(angles)) < 4


def test_zoom_scales_about_the_center_within_its_bound():
    image = spot((40, 60))
    distances = []
    for seed in range(200):
        row, column = centroid(augmentations.zoom(factor=0.3)(image, seed))
        assert abs(row) < 0.2
        distances.append(column / 20)
    assert 0.69 < min(distances) < 0.73
    assert 1.27 < max(distances) < 1.31


def test_translation_shifts_both_ways_within_its_bound():
    image = spot((40, 40))
    places = np.array([centroid(augmentations.translation(factor=0.2)(image, seed)) for seed in range(200)])
    assert (np.abs(places) <= 0.2 * 81 + 0.1).all()
    assert (places.min(axis=0) < -14).all()
    assert (places.max(axis=0) > 14).all()
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.25


@pytest.mark.parametrize(
    ("name", "options"), [("rotation", {"degrees": 45}), ("zoom", {"factor": 0.5}), ("translation", {})]
)
def test_borders_are_the_picture_mirrored_not_black(name, options, photos):
    image = np.maximum(photos[2], 60)  # no dark pixel anywhere
    for seed in range(20):
        result = factory(name)(**options)(image, seed)
        assert result.min() >= 60
    ramp = np.arange(64, dtype=np.uint8)[:, None, None].repeat(64, 1).repeat(3, 2) * 3
    shifted = next(
        moved
        for moved in (augmentations.translation(factor=0.5)(ramp, seed) for seed in range(50))
        if moved[0, 0, 0] > moved[10, 0, 0] + 20  # moved down: the top rows are the mirrored first rows
    )
    turning = int(shifted[:, 0, 0].argmin())
    np.testing.assert_allclose(
        shifted[max(0, turning - 5) : turning, 32, 0][::-1].astype(int),
        shifted[turning + 1 : turning + 6, 32, 0],
        atol=4,
    )


def test_contrast_keeps_the_mean_and_changes_the_spread(photos):
    image = photos[3] // 2 + 64  # room on both sides, so that nothing is clipped
    ratios = []
    for seed in range(60):
        result = augmentations.contrast(factor=0.4)(image, seed).astype(float)
        np.testing.assert_allclose(result.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=0.3)
        ratios.append(result.std() / image.std())
    assert 0.59 < min(ratios) < 0.7
    assert 1.3 < max(ratios) < 1.41


def test_noise_has_the_spread_asked_for():
    image = np.full((64, 64, 3), 128, np.uint8)
    difference = augmentations.noise(stddev=10)(image, 3).astype(float) - 128
    assert difference.std() == pytest.approx(10, rel=0.03)
    assert abs(difference.mean()) < 0.4
    assert abs(np.corrcoef(difference[..., 0].ravel(), difference[..., 1].ravel())[0, 1]) < 0.06


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("flip", {"mode": "diagonal"}),
        ("rotation", {"degrees": 181}),
        ("rotation", {"degrees": -1}),
        ("zoom", {"factor": 1}),
        ("translation", {"factor": 1.1}),
        ("contrast", {"factor": -0.1}),
        ("noise", {"stddev": "loud"}),
        ("noise", {"sigma": 3}),
    ],
)
def test_options_out_of_bounds_are_refused(name, options):
    with pytest.raises(ValidationError):
        factory(name)(**options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("flip", {}),
        ("flip", {"mode": "horizontal_and_vertical"}),
        ("rotation", {"degrees": 90}),
        ("zoom", {"factor": 0.25}),
        ("translation", {"factor": 0.3}),
    ],
)
def test_boxes_go_where_the_pixels_go(name, options):
    """A white rectangle on black, whose mirror image does not come in: where it is seen, there its box must be."""
    side = 240
    image = np.zeros((side, side, 3), np.uint8)
    image[100:150, 90:160] = 255
    boxes = np.array([[90, 100, 160, 150], [0, 0, side, side]], np.float32) / side
    apply = factory(name)(**options)
    moved = 0
    for seed in SEEDS:
        changed, after = apply(image, seed, boxes=boxes)
        np.testing.assert_array_equal(changed, apply(image, seed))
        assert after.shape == (2, 4)
        rows, columns = np.nonzero(changed[:, :, 0] > 127)
        seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / side
        np.testing.assert_allclose(after[0], seen, atol=2 / side)
        moved += not np.allclose(after[0], boxes[0])
    assert moved >= len(SEEDS) // 4
    np.testing.assert_array_equal(boxes[1], [0, 0, 1, 1])  # the caller's array is not written into


def test_a_crop_fills_the_picture_with_a_part_of_it():
    ramp = np.arange(100, dtype=np.uint8)[None, :, None].repeat(100, 0).repeat(3, 2)
    for seed in range(40):
        row = geometry.crop(factor=0.5)(ramp, seed)[50, :, 0].astype(int)
        assert 48 <= row[-1] - row[0] <= 99
        assert (np.diff(row) >= 0).all()  # nothing is mirrored: the part lies inside
    kept = [
        np.ptp(geometry.resized_crop(area=0.25, ratio=2)(ramp, seed)[50, :, 0].astype(int)) / 99 for seed in range(200)
    ]
    assert 0.3 < min(kept) < 0.45
    assert max(kept) > 0.95


def test_height_and_width_change_one_direction():
    image = spot((20, 60))
    for name, other in (("height", 1), ("width", 0)):
        places = np.array([centroid(factory(name)(factor=0.3)(image, seed)) for seed in range(60)])
        assert np.ptp(places[:, other]) < 0.4
        assert 0.68 < abs(places[:, 1 - other]).min() / 20 < 0.75
        assert 1.25 < abs(places[:, 1 - other]).max() / 20 < 1.32


def test_elastic_warps_locally(photos):
    places = np.array([centroid(geometry.elastic(strength=0.05)(spot((40, 40)), seed)) for seed in range(150)])
    assert abs(places.mean(axis=0)).max() < 1
    assert 1 < places.std() < 0.05 * 81
    left, right = (
        np.array([centroid(geometry.elastic(strength=0.05)(spot((40, column)), seed))[0] for seed in range(100)])
        for column in (10, 70)
    )
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.3  # two ends move by themselves


def test_colors_do_what_they_say(photos):
    image = photos[1] // 2 + 64  # room on both sides
    for seed in range(20):
        shifted = colors.brightness(factor=0.1)(image, seed).astype(int) - image
        assert len(np.unique(shifted)) == 1
        assert abs(shifted).max() <= 26
        luma = np.array(colors.LUMA)
        for name in ("saturation", "hue"):
            changed = factory(name)()(image, seed)
            inside = ((changed > 0) & (changed < 255)).all(axis=2)
            np.testing.assert_allclose((changed @ luma)[inside], (image @ luma)[inside], atol=1)
    assert {colors.invert()(image, seed).tobytes() for seed in range(20)} == {image.tobytes(), (255 - image).tobytes()}
    gray = colors.grayscale(probability=1)(image, 0)
    assert (gray == gray[..., :1]).all()
    np.testing.assert_allclose(gray[..., 0], image @ luma, atol=0.51)
    spread = [colors.saturation(factor=1)(image, seed).std(axis=2).mean() for seed in range(30)]
    assert min(spread) < 0.2 * image.std(axis=2).mean()
    assert max(spread) > 1.7 * image.std(axis=2).mean()


def test_the_color_shift_of_alexnet_has_its_spread():
    flat = np.full((2, 2, 3), 128, np.uint8)
    apply = colors.color_shift(method="pca", stddev=0.1)
    shifts = np.array([apply(flat, seed)[0, 0].astype(float) - 128 for seed in range(3000)])
    vectors, values = np.array(colors.EIGENVECTORS), np.array(colors.EIGENVALUES)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=2e-3)
    expected = vectors @ np.diag((0.1 * values * 255) ** 2) @ vectors.T + np.eye(3) / 12
    np.testing.assert_allclose(np.cov(shifts.T), expected, atol=2.5)


def test_blur_jpeg_and_cutout(photos):
    image = photos[0]
    rough = np.abs(np.diff(image.astype(int), axis=1)).mean()
    for seed in range(6):
        smooth = colors.blur(sigma=3)(image, seed)
        assert np.abs(np.diff(smooth.astype(int), axis=1)).mean() <= rough
        assert abs(smooth.mean() - image.mean()) < 1
        coarse = colors.jpeg(low=10, high=10)(image, seed)
        assert 0 < np.abs(coarse.astype(int) - image).mean() < 30
        hole = (colors.cutout(side=0.4)(image, seed) != image).any(axis=2)
        assert hole.mean() <= 0.41**2
    assert np.abs(np.diff(colors.blur(sigma=3)(image, 2).astype(int), axis=1)).mean() < 0.9 * rough
    whole = [(colors.cutout(side=0.4)(image, seed) != image).any(axis=2).mean() for seed in range(60)]
    assert max(whole) > 0.12


def test_policies_choose_among_all_operations(photos, monkeypatch):
    asked = []

    def noting(name, make):
        def factory_(**options):
            asked.append((name, options))
            return make(**options)

        return factory_

    choices = {name: (noting(name, make), options) for name, (make, options) in policies.CHOICES.items()}
    monkeypatch.setattr(policies, "CHOICES", choices)
    apply = policies.randaugment(count=2, magnitude=0.5)
    for seed in range(60):
        apply(photos[0], seed)
    assert len(asked) == 120
    assert {name for name, _ in asked} == set(choices)
    assert {options["degrees"] for name, options in asked if name == "rotation"} == {15.0}
    asked.clear()
    for seed in range(60):
        policies.trivialaugment()(photos[0], seed)
    turns = [options["degrees"] for name, options in asked if name == "rotation"]
    assert len(set(turns)) == len(turns) > 1
