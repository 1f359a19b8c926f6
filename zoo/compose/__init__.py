"""Composes preprocessing, base and head into the graphs that train and serve; holds no verbs."""

from __future__ import annotations

from zoo.compose.bases import BuildRequest
from zoo.compose.composing import compose
from zoo.compose.composition import Composition
from zoo.compose.graphs import as_inputs, on_one_device, take_apart
from zoo.compose.other_bases import FIXED, intake_options
from zoo.compose.shipped import load_trained_head, package_file

__all__ = [
    "FIXED",
    "BuildRequest",
    "Composition",
    "as_inputs",
    "compose",
    "intake_options",
    "load_trained_head",
    "on_one_device",
    "package_file",
    "take_apart",
]
