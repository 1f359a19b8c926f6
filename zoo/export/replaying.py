"""Replays the examples that travel in an exported file: does it answer here as it did where it was written?"""

from __future__ import annotations

import dataclasses
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from zoo.errors import OptionError
from zoo.export.formats import Cargo


class Replayable(Protocol):
    """An exported file that is open."""

    path: Path
    format: str

    @property
    def cargo(self) -> Cargo:
        """What travels with it."""
        ...

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """What it answers to arrays."""
        ...


@dataclass(frozen=True)
class Replay:
    """What a replay came to.

    Attributes:
        file: the file.
        format: of the file.
        examples: how many it holds.
        difference: largest absolute difference from the answers that travel with them.
        tolerance: what the file was written with.
        same: whether it differs by no more than that.
        runtime: what answered here.
    """

    file: str
    format: str
    examples: int
    difference: float
    tolerance: float
    same: bool
    runtime: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return dataclasses.asdict(self)


def replay(model: Replayable) -> Replay:
    """Answer the examples of a file, and compare.

    Args:
        model: the open file.

    Raises:
        OptionError: no examples travel in it.
    """
    cargo = model.cargo
    if not len(cargo.inputs):
        raise OptionError(f"{model.path} holds no examples to replay")
    facts = cargo.record.get("export")
    tolerance = facts.get("tolerance", 1e-4) if isinstance(facts, dict) else 1e-4
    answers = model.answer(cargo.inputs)
    same_shape = answers.shape == cargo.expected.shape
    scale = max(1.0, float(np.abs(cargo.expected).max(initial=0.0)))
    difference = float(np.abs(answers - cargo.expected).max(initial=0.0)) / scale if same_shape else float("inf")
    return Replay(
        file=str(model.path),
        format=model.format,
        examples=len(cargo.inputs),
        difference=difference,
        tolerance=float(tolerance),
        same=bool(difference <= float(tolerance)),
        runtime=f"Python {platform.python_version()} on {platform.machine()}",
    )
