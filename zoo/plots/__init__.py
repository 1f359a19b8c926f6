"""Figures in the sizes, type and colors of a paper: every function gives a matplotlib Figure (extra `plots`)."""

from __future__ import annotations

from zoo.plots.inside import feature_maps, first_layer_filters, grad_cam, map_of_features, network, top_patches
from zoo.plots.kernels import kernels
from zoo.plots.results import (
    confusion_matrix,
    learning_curves,
    most_confused,
    overlaps,
    precision_recall,
    predicted_against_true,
    reliability_diagram,
    top_losses,
)
from zoo.plots.samples import variants

__all__ = [
    "confusion_matrix",
    "feature_maps",
    "first_layer_filters",
    "grad_cam",
    "kernels",
    "learning_curves",
    "map_of_features",
    "most_confused",
    "network",
    "overlaps",
    "precision_recall",
    "predicted_against_true",
    "reliability_diagram",
    "top_losses",
    "top_patches",
    "variants",
]
