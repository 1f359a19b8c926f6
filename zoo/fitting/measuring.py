"""What a model says of examples, and how good that is: predict, evaluate, fit and reports use it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from zoo import data as data_room
from zoo.compose import Composition
from zoo.errors import DataError, OptionError
from zoo.evaluation import Evaluation, evaluate_outputs
from zoo.evaluation.predictions import HASH_DIGITS
from zoo.features import extract, forward
from zoo.registry import ZooNotice
from zoo.tasks import history_figures
from zoo.training.phases.work import Measure


def scores(composition: Composition, examples: Iterable[Any], *, batch_size: int = 32) -> np.ndarray:
    """Return what a model says of examples: float32 (n, columns), several answers side by side.

    Args:
        composition: the model.
        examples: one after the other, shaped by its intake.
        batch_size: examples in one forward pass.

    Raises:
        OptionError: batch_size is not positive.
    """
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size} must be positive")
    parts = list(forward(composition.scoring, _batches(composition, examples, batch_size), batch_size))
    return np.concatenate(parts) if parts else np.zeros((0, composition.width), np.float32)


def _batches(composition: Composition, examples: Iterable[Any], batch_size: int) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for example in examples:
        batch.append(composition.intake.shape(example))
        if len(batch) == batch_size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def measure(
    composition: Composition,
    dataset: data_room.Dataset,
    positions: np.ndarray,
    *,
    training_files: Iterable[str] = (),
    computed: np.ndarray | None = None,
    notes: Sequence[str] = (),
    progress: Any = None,
) -> Evaluation:
    """Measure a model on labeled examples.

    Args:
        composition: the model.
        dataset: labeled data with its labels.
        positions: int64 (n,), which examples of it.
        training_files: beginnings of the sha256 of what the model was trained on; a note says how many are measured.
        computed: scores of the examples, where they are known already.
        notes: what the evaluation says beside the figures.
        progress: called with (examples done, examples in all).

    Raises:
        DataError: the data has no labels.
    """
    if dataset.targets is None:
        raise DataError(f"{dataset.name} has no labels to measure against")
    skipped: tuple[tuple[str, str], ...] = ()
    if computed is None:
        features = extract(
            composition.scoring,
            dataset,
            positions,
            intake=composition.intake,
            progress=progress,
            engine="keras",  # as `predict` computes them
        )
        computed, positions, skipped = features.values, features.positions, features.skipped
    hashes = [digest[:HASH_DIGITS] for digest in dataset.subset(positions).hashes()]
    known = set(training_files)
    seen = sum(digest in known for digest in hashes)
    if seen:
        notes = [
            *notes,
            f"{seen} of these {len(positions)} files were trained on: the figures are too good to be believed",
        ]
        warnings.warn(notes[-1], ZooNotice, stacklevel=3)
    return evaluate_outputs(
        computed,
        dataset.targets[positions],
        composition.outputs,
        ids=tuple(dataset.ids[index] for index in positions),
        hashes=hashes,
        skipped=skipped,
        notes=tuple(notes),
    )


def headlines(composition: Composition) -> Measure:
    """Return the function from scores and targets to loss and accuracy that training shows after each phase."""
    return lambda values, targets: history_figures(composition.outputs, values, targets, composition.scales())
