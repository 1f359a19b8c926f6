"""One look at the data: at a glance before every fit, and at length by zoo.lint."""

from zoo.linting.inspection import CHECKS, QUICK_CHECKS, inspect
from zoo.linting.verbs import glance, lint

__all__ = ["CHECKS", "QUICK_CHECKS", "glance", "inspect", "lint"]
