"""The six core augmentations: what they do to a picture, and that their options are held to."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from zoo_vision import augmentations

NAMES = ("flip", "rotation", "zoom", "translation", "contrast", "noise")
NOTHING = {
    "rotation": {"degrees": 0},
    "zoom": {"factor": 0},
    "translation": {"factor": 0},
    "contrast": {"factor": 0},
    "noise": {"stddev": 0},
}
SEEDS = range(40)


def factory(name):
    return getattr(augmentations, name)


def test_specs_name_what_is_there():
    assert tuple(spec.name for spec in augmentations.SPECS) == NAMES
    for spec in augmentations.SPECS:
        module, _, attribute = spec.factory.partition(":")
        assert module == "zoo_vision.augmentations"
        assert callable(factory(attribute))
        options = getattr(augmentations, spec.options.partition(":")[2])
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
    assert len({result.tobytes() for result in results}) >= (2 if name == "flip" else 40)
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
    }[name]
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
