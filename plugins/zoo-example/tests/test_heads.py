"""The head `shapes`: each check names the failure that it prevents."""

from __future__ import annotations

from zoo.testing import HeadConformance


class TestShapes(HeadConformance):
    name = "zoo_example:shapes"


class TestAttention(HeadConformance):
    name = "zoo_example:attention"
    options = {"queries": 2}  # noqa: RUF012 - attributes of a suite are class attributes


class TestShapesWithOptions(HeadConformance):
    name = "zoo_example:shapes"
    options = {"units": 16, "dropout": 0.5}  # noqa: RUF012 - attributes of a suite are class attributes
