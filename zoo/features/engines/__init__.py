"""Engines that compute features: one small interface, and what implements it."""

from __future__ import annotations

from zoo.features.engines.in_process import InProcess, forward
from zoo.features.engines.interface import BATCH, Answer, Engine, Job, Task

__all__ = ["BATCH", "Answer", "Engine", "InProcess", "Job", "Task", "forward"]
