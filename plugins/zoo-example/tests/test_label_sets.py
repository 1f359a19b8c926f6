"""The label set `shapes`: found, and that of the dataset."""

from __future__ import annotations

import zoo

from zoo_example.label_sets import LABELS

ID = "zoo_example:shapes"


def test_it_is_found() -> None:
    assert [row["id"] for row in zoo.which(ID, kind="label-set")] == [ID]


def test_its_labels_are_those_of_the_head() -> None:
    model = zoo.build("efficientnet_lite0", head=ID, weights=None, input_size=32)
    assert model.outputs[0].labels == LABELS
