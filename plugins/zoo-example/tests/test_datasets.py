"""The dataset `shapes`: each check names the failure that it prevents; its boxes lie around the shapes."""

from __future__ import annotations

import numpy as np
import pytest
from zoo.testing import DatasetConformance

from zoo_example.datasets import SIDE, draw
from zoo_example.label_sets import LABELS


class TestShapes(DatasetConformance):
    name = "zoo_example:shapes"


@pytest.mark.parametrize("label", LABELS)
def test_the_box_is_that_of_the_bright_pixels(label: str) -> None:
    for seed in range(20):
        picture, box = draw(label, seed=seed)
        rows, columns = np.nonzero(picture.min(axis=2) >= 150)
        assert np.multiply(box, SIDE).tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
