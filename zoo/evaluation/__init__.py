"""How good is it: figures with their uncertainty, the mistakes, and a yardstick on raw pixels."""

from __future__ import annotations

from zoo.evaluation.baseline import pixel_baseline
from zoo.evaluation.calibration import Bin, Calibration, expected_calibration_error, fit_temperature, reliability
from zoo.evaluation.look import look, sample
from zoo.evaluation.metrics import (
    evaluate_outputs,
    evaluate_scores,
    headline,
    headline_of,
    intersection_over_union,
)
from zoo.evaluation.predictions import load_run, read_predictions, write_predictions
from zoo.evaluation.result import (
    BoxEvaluation,
    ClassFigures,
    ClassificationEvaluation,
    Evaluation,
    Headline,
    LabelFigures,
    Mistake,
    MultilabelEvaluation,
    MultiOutputEvaluation,
    OutputFigures,
    RegressionEvaluation,
)
from zoo.evaluation.uncertainty import bootstrap, mcnemar, wilson

__all__ = [
    "Bin",
    "BoxEvaluation",
    "Calibration",
    "ClassFigures",
    "ClassificationEvaluation",
    "Evaluation",
    "Headline",
    "LabelFigures",
    "Mistake",
    "MultiOutputEvaluation",
    "MultilabelEvaluation",
    "OutputFigures",
    "RegressionEvaluation",
    "bootstrap",
    "evaluate_outputs",
    "evaluate_scores",
    "expected_calibration_error",
    "fit_temperature",
    "headline",
    "headline_of",
    "intersection_over_union",
    "load_run",
    "look",
    "mcnemar",
    "pixel_baseline",
    "read_predictions",
    "reliability",
    "sample",
    "wilson",
    "write_predictions",
]
