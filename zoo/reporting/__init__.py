"""The report of a run: one page that opens with the verdict in words."""

from __future__ import annotations

from zoo.reporting.material import Material
from zoo.reporting.run_page import run_page
from zoo.reporting.verdict import Verdict, verdict

__all__ = ["Material", "Verdict", "run_page", "verdict"]
