"""What answering needs of a record, without pydantic and without any modality loaded: the short way of a cold start."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from zoo.errors import UnsafeFileError

_TASKS = frozenset({"classification", "multilabel", "regression", "box"})

_RULE = {"mode": {"crop", "stretch", "pad"}, "interpolation": {"nearest", "bilinear", "bicubic", "lanczos", "area"}}


@dataclass(frozen=True)
class PlainOutput:
    """One answer, as `zoo.specs.Output` says it.

    Attributes:
        name: key of the answer in a model with several.
        task: what the answer is.
        labels: names of its columns.
    """

    name: str
    task: str
    labels: tuple[str, ...]

    @property
    def width(self) -> int:
        """Return the number of its columns."""
        return len(self.labels)

    @property
    def target_width(self) -> int:
        """Return the number of columns in targets: a class is one number."""
        return 1 if self.task == "classification" else self.width


def plain_outputs(record: Mapping[str, Any], path: Path) -> tuple[PlainOutput, ...]:
    """Return the answers of a record.

    Args:
        record: as JSON holds it.
        path: of the file, for errors.

    Raises:
        UnsafeFileError: it does not say them properly.
    """
    outputs = []
    for item in record["outputs"]:
        labels = item.get("labels", []) if isinstance(item, Mapping) else None
        task = item.get("task", "classification") if isinstance(item, Mapping) else None
        if task not in _TASKS or not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise UnsafeFileError(f"{path} is damaged: its record does not say properly what it answers")
        outputs.append(PlainOutput(str(item.get("name", "answer")), str(task), tuple(labels)))
    return tuple(outputs)


def pictures(record: Mapping[str, Any], files: Sequence[str]) -> Callable[[Any], Any] | None:
    """Return the function that brings a decoded picture to the size of a model.

    Args:
        record: of the model.
        files: what is to be answered.

    Returns:
        From uint8 (height, width, 3) to the same of the model's size; None: the model takes no pictures, something is
        no plain file, or the rule is unusual: the long way knows.
    """
    intake = record.get("intake")
    rule = intake.get("rule") if isinstance(intake, Mapping) else None
    if not isinstance(intake, Mapping) or intake.get("encoded") != "picture" or not isinstance(rule, Mapping):
        return None
    size, fraction = intake.get("size"), rule.get("crop_fraction", 1.0)
    if not _is_usual(size, fraction, rule):
        return None
    if intake.get("channels", 3) != 3 or len(files) != 1 or not os.path.isfile(files[0]):
        return None
    from zoo.pictures.reading import resize

    same: Any = SimpleNamespace(mode=rule["mode"], crop_fraction=float(fraction), interpolation=rule["interpolation"])
    side = int(size or 0)
    return lambda picture: resize(picture, side, same)


def _is_usual(size: Any, fraction: Any, rule: Mapping[str, Any]) -> bool:
    plain = isinstance(size, int) and 0 < size < 1 << 14 and isinstance(fraction, int | float) and 0 < fraction <= 1
    return plain and all(rule.get(key) in allowed for key, allowed in _RULE.items())
