"""How good is it: figures with their uncertainty, the mistakes, and a yardstick on raw pixels."""

from __future__ import annotations

from zoo.evaluation.baseline import pixel_baseline
from zoo.evaluation.look import look, sample
from zoo.evaluation.metrics import (
    evaluate_outputs,
    evaluate_scores,
    headline,
    headline_of,
    intersection_over_union,
    wilson,
)
from zoo.evaluation.result import (
    BoxEvaluation,
    ClassFigures,
    ClassificationEvaluation,
    Evaluation,
    LabelFigures,
    Mistake,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    OutputFigures,
    RegressionEvaluation,
)

__all__ = [
    "BoxEvaluation",
    "ClassFigures",
    "ClassificationEvaluation",
    "Evaluation",
    "LabelFigures",
    "Mistake",
    "MultiOutputEvaluation",
    "MultilabelEvaluation",
    "OutputFigures",
    "RegressionEvaluation",
    "evaluate_outputs",
    "evaluate_scores",
    "headline",
    "headline_of",
    "intersection_over_union",
    "look",
    "pixel_baseline",
    "sample",
    "wilson",
]
