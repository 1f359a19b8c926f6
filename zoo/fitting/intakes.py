"""The intake of a model that is trained for the first time: fitted on the training part, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo.compose import intake_options
from zoo.data import Dataset
from zoo.data.modalities import kind_of
from zoo.errors import DataError
from zoo.fitting.examples import Examples
from zoo.fitting.state import ModelState


def fit_intake(state: ModelState, examples: Examples) -> None:
    """Fit the intake of a model of which nothing was trained, and compose the model anew with it.

    A model that was trained or loaded keeps its intake, as does one whose intake has nothing to fit (`Intake.fitted`).

    Args:
        state: of the model.
        examples: of the run; those of the training part that cannot be read are passed over.

    Raises:
        DataError: the training part cannot be fitted to.
    """
    composition = state.composition
    if not composition.intake.fitted or not state.takes_intake:
        return
    assert state.request is not None
    training = _readable(examples.dataset, examples.split.train.tolist())
    intake = kind_of(composition.intake.kind).fit(training, intake_options(state.request))
    if intake != composition.intake:
        state.compose_with(intake)


def _readable(dataset: Dataset, positions: list[int]) -> Iterator[Any]:
    for position in positions:
        try:
            yield dataset.example(position)
        except DataError:  # told as skipped when it is trained on
            continue
