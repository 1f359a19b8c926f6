"""For tests of zoo and of plugins: bases that react to their input as pretrained ones do."""

from __future__ import annotations

from zoo.testing.calibrated import calibrated

__all__ = ["calibrated"]
