"""How good is it: figures with their uncertainty, the mistakes, and a yardstick on raw pixels."""

from __future__ import annotations

from zoo.evaluation.baseline import pixel_baseline
from zoo.evaluation.metrics import evaluate_scores, headline, wilson
from zoo.evaluation.result import (
    ClassFigures,
    ClassificationEvaluation,
    Evaluation,
    LabelFigures,
    Mistake,
    MultilabelEvaluation,
    OutputFigures,
    RegressionEvaluation,
)

__all__ = [
    "ClassFigures",
    "ClassificationEvaluation",
    "Evaluation",
    "LabelFigures",
    "Mistake",
    "MultilabelEvaluation",
    "OutputFigures",
    "RegressionEvaluation",
    "evaluate_scores",
    "headline",
    "pixel_baseline",
    "wilson",
]
