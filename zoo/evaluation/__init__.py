"""How good is it: figures with their uncertainty, the mistakes, and a yardstick on raw values."""

from __future__ import annotations

from zoo.evaluation.baseline import raw_baseline
from zoo.evaluation.calibration import Bin, expected_calibration_error, fit_temperature, reliability
from zoo.evaluation.look import look, sample
from zoo.evaluation.metrics import evaluate_outputs, evaluate_scores
from zoo.evaluation.of_boxes import BoxEvaluation
from zoo.evaluation.of_classes import Calibration, ClassFigures, ClassificationEvaluation, Mistake
from zoo.evaluation.of_labels import LabelFigures, MultilabelEvaluation
from zoo.evaluation.of_several import MultiOutputEvaluation
from zoo.evaluation.of_values import OutputFigures, RegressionEvaluation
from zoo.evaluation.predictions import read_predictions, write_predictions
from zoo.evaluation.result import Evaluation, Headline, plain, quoted
from zoo.evaluation.uncertainty import Difference, bootstrap, mcnemar, wilson

__all__ = [
    "Bin",
    "BoxEvaluation",
    "Calibration",
    "ClassFigures",
    "ClassificationEvaluation",
    "Difference",
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
    "look",
    "mcnemar",
    "plain",
    "quoted",
    "raw_baseline",
    "read_predictions",
    "reliability",
    "sample",
    "wilson",
    "write_predictions",
]
