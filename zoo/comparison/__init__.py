"""Which model is better, and how sure that is: runs and yardsticks on the same examples, with what they cost."""

from __future__ import annotations

from zoo.comparison.alignment import aligned
from zoo.comparison.compared import TIE, Compared, Comparison
from zoo.comparison.comparing import compare
from zoo.comparison.yardsticks import PRETRAINED, SCRATCH, self_made

__all__ = ["PRETRAINED", "SCRATCH", "TIE", "Compared", "Comparison", "aligned", "compare", "self_made"]
