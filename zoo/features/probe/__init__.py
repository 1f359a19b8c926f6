"""The best linear head on fixed features: a convex problem, solved to convergence, with its strength chosen by data."""

from __future__ import annotations

from zoo.features.probe.cross_validation import Candidate, OutOfFold, out_of_fold
from zoo.features.probe.inputs import ClassWeight
from zoo.features.probe.linear import LinearHead, fit_linear
from zoo.features.probe.probing import Probe, fit_probe
from zoo.features.probe.rows import Matrix

__all__ = [
    "Candidate",
    "ClassWeight",
    "LinearHead",
    "Matrix",
    "OutOfFold",
    "Probe",
    "fit_linear",
    "fit_probe",
    "out_of_fold",
]
