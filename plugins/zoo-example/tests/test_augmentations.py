"""The augmentation `zoom-out`: each check names the failure that it prevents; its arithmetic by hand."""

from __future__ import annotations

import numpy as np
from zoo.testing import AugmentationConformance

from zoo_example.augmentations import zoom_out


class TestZoomOut(AugmentationConformance):
    name = "zoo_example:zoom-out"


def test_a_picture_that_is_not_shrunk_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    boxes = np.array([[0.1, 0.2, 0.5, 1.0]], np.float32)
    same, moved = zoom_out(smallest=1.0)(picture, 3, boxes=boxes)
    np.testing.assert_array_equal(same, picture)
    np.testing.assert_array_equal(moved, boxes)


def test_the_whole_picture_lies_in_the_box_it_was_shrunk_into() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[20:] = 200
    small, boxes = zoom_out(smallest=0.25)(picture, 5, boxes=np.array([[0, 0, 1, 1]], np.float32))
    left, top, right, bottom = np.rint(boxes[0] * 40).astype(int)
    assert 10 <= right - left == bottom - top < 40
    outside = np.ones((40, 40), bool)
    outside[top:bottom, left:right] = False
    assert (small[outside] == 100).all()  # the mean color
    middle = (top + bottom) // 2
    assert (small[top : middle - 1, left:right] == 0).all()
    assert (small[middle + 1 : bottom, left:right] == 200).all()


class TestShiftSignal(AugmentationConformance):
    name = "zoo_example:shift-signal"


class TestScaleSignal(AugmentationConformance):
    name = "zoo_example:scale-signal"
