"""Tasks: one module for each kind of answer, with everything that the rest of zoo asks about it.

`of(output)` gives the task of an output, a dataset, a composition or an evaluation. Tasks are closed to plugins:
losses, figures, decoding, reports and cards of a task belong together, and half a task would be wrong in the places it
leaves out. Heads, metrics and datasets for the tasks that exist come from plugins.
"""

from __future__ import annotations

from zoo.tasks.box import BOX, as_boxes, check_boxes, intersection_over_union
from zoo.tasks.classification import CLASSIFICATION
from zoo.tasks.columns import box_columns, columns, decode, history_figures, pack, parts, read_scores, task_of
from zoo.tasks.kinds import SINGLE, named, of
from zoo.tasks.multilabel import MULTILABEL
from zoo.tasks.prediction import Prediction
from zoo.tasks.regression import REGRESSION
from zoo.tasks.several import SEVERAL
from zoo.tasks.targets import as_array, as_float32, class_names
from zoo.tasks.task import THRESHOLD, Measure, Task

__all__ = [
    "BOX",
    "CLASSIFICATION",
    "MULTILABEL",
    "REGRESSION",
    "SEVERAL",
    "SINGLE",
    "THRESHOLD",
    "Measure",
    "Prediction",
    "Task",
    "as_array",
    "as_boxes",
    "as_float32",
    "box_columns",
    "check_boxes",
    "class_names",
    "columns",
    "decode",
    "history_figures",
    "intersection_over_union",
    "named",
    "of",
    "pack",
    "parts",
    "read_scores",
    "task_of",
]
