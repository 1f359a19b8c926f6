"""Which backbone, input size and features suit the data: candidates measured on kept features, cheapest first."""

from __future__ import annotations

from zoo.ranking.choice import Choice, Fitted
from zoo.ranking.judging import REPEATS
from zoo.ranking.ranked import TIE, Ranked, Skipped
from zoo.ranking.recommendation import Recommendation
from zoo.ranking.recommending import SCORES, recommend

__all__ = ["REPEATS", "SCORES", "TIE", "Choice", "Fitted", "Ranked", "Recommendation", "Skipped", "recommend"]
