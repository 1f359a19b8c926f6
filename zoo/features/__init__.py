"""Features computed once: extraction, and the best linear head on them."""

from __future__ import annotations

from zoo.features.engines import forward
from zoo.features.extraction import Features, extract
from zoo.features.probe import LinearHead, Probe, fit_linear, fit_probe

__all__ = ["Features", "LinearHead", "Probe", "extract", "fit_linear", "fit_probe", "forward"]
