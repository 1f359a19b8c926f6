"""Features computed once: extraction, and the convex probe on them."""

from __future__ import annotations

from zoo.features.extract import Features, extract, forward
from zoo.features.probe import Probe, fit_probe

__all__ = ["Features", "Probe", "extract", "fit_probe", "forward"]
