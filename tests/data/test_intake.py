"""How a picture becomes what a model takes: sizes that are no square, and gray."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from zoo.data import resize
from zoo.pictures.colors import gray, gray_in_graph
from zoo.specs import ResizeRule
from zoo_vision.intake import ImageIntake

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)


def test_gray_is_that_of_pillow_everywhere() -> None:
    expected = np.asarray(Image.fromarray(PHOTO).convert("L"))[..., None]
    np.testing.assert_array_equal(gray(PHOTO), expected)
    np.testing.assert_array_equal(np.asarray(gray_in_graph(PHOTO[None].astype(np.float32)))[0], expected)
    assert not np.array_equal(gray(PHOTO[..., ::-1]), expected)  # the order of the colors counts
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    np.testing.assert_array_equal(gray(levels), levels[..., :1])
    np.testing.assert_array_equal(gray(levels.astype(np.float32)), levels[..., :1])


@pytest.mark.parametrize("mode", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("size", [(30, 20), (20, 90), (64, 64), (45, 45)])
def test_every_rule_gives_the_size(mode: str, size: tuple[int, int]) -> None:
    assert resize(PHOTO, size, ResizeRule(mode=mode, crop_fraction=0.9)).shape == (*size, 3)


def test_a_crop_keeps_the_proportions_and_the_middle() -> None:
    ramp = np.repeat(np.arange(100, dtype=np.uint8)[None, :, None], 50, axis=0).repeat(3, axis=2)
    wide = resize(ramp, (25, 50), ResizeRule(interpolation="nearest"))  # the same proportions: halved, nothing cut off
    assert (wide[0, 0, 0], wide[0, -1, 0]) == (1, 99)
    tall = resize(ramp, (50, 20), ResizeRule(interpolation="nearest"))
    np.testing.assert_array_equal(tall[0, :, 0], np.arange(40, 60))
    padded = resize(ramp, (50, 50), ResizeRule(mode="pad"))
    assert padded[:12].max() == padded[-12:].max() == 0


def test_the_intake_and_its_record() -> None:
    intake = ImageIntake(size=(30, 20), channels=1)
    assert intake.shape(PHOTO).shape == intake.array_shape == (30, 20, 1)
    assert ImageIntake.model_validate(json.loads(json.dumps(intake.model_dump(mode="json")))) == intake
    assert ImageIntake(size=(24, 24)) == ImageIntake(size=24)
    exact = PHOTO[:24, :24].astype(np.float32) + 0.25
    assert ImageIntake(size=24).shape(exact) is exact
    for wrong in ({"size": 0}, {"size": (3, 0)}, {"size": 8, "channels": 2}):
        with pytest.raises(ValidationError):
            ImageIntake(**wrong)
