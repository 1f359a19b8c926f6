"""Runs, evaluations and models as they take part in a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.building import load_trainable as load_model
from zoo.comparison.compared import Compared
from zoo.data import Dataset
from zoo.errors import OptionError, ZooError
from zoo.evaluation import Evaluation
from zoo.features.latency import milliseconds
from zoo.model import TransferModel
from zoo.run import Run


class Entrants:
    """What was given to compare, and what it is measured on.

    Args:
        runs: name -> run.
        data: examples to measure all on; None: what the runs held out.
        timings: whether milliseconds are measured.
        progress: called with (images done, images in all).

    Attributes:
        part: the split of the runs that is compared on; "" with `data`.
        notes: what a reader must know.

    Raises:
        OptionError: no split that all runs were measured on.
    """

    def __init__(self, runs: Mapping[str, Run], data: Dataset | None, timings: bool, progress: Any) -> None:
        self.runs, self.data, self.timings, self.progress = dict(runs), data, timings, progress
        self.part, self.notes = ("", []) if data is not None else _part(self.runs)

    def where(self) -> str:
        """Return what the models are measured on, in words."""
        if self.data is not None:
            return self.data.name
        names = dict.fromkeys(run.record.results.data.name for run in self.runs.values() if run.record.results)
        return f"the {self.part} split of {', '.join(names)}" if names else ""

    def compared(self, name: str, item: Run | Evaluation | TransferModel) -> Compared:
        """Return a run, an evaluation or a model as it takes part."""
        if isinstance(item, Evaluation):
            if self.data is not None:
                raise OptionError(f"{name} is an evaluation, which cannot be measured again on data=: pass its model")
            return Compared(name, item)
        if isinstance(item, TransferModel):
            return self._model_compared(name, item)
        return self._run_compared(name, item)

    def _model_compared(self, name: str, model: TransferModel) -> Compared:
        if self.data is None:
            raise OptionError(f"{name} is a model: pass data= to measure all on, or its evaluation")
        evaluation = model.evaluate(self.data, verbose=0, progress=self.progress)
        parameters = int(model.composition.scoring.count_params())
        return Compared(name, evaluation, parameters=parameters, ms=self.milliseconds(model))

    def _run_compared(self, name: str, run: Run) -> Compared:
        model = self._model(name, run) if self.data is not None or self.timings else None
        if self.data is None:
            evaluation = getattr(run, self.part)
        else:
            assert model is not None
            evaluation = model.evaluate(self.data, verbose=0, progress=self.progress)
        counted = None if run.record.results is None else run.record.results.parameters
        return Compared(
            name,
            evaluation,
            seconds=sum(float(phase["seconds"]) for phase in run.phases),
            parameters=None if counted is None else counted.total,
            trained=None if counted is None else counted.trained,
            ms=None if model is None else self.milliseconds(model),
        )

    def _model(self, name: str, run: Run) -> TransferModel | None:
        """The model of a run; without it there are no milliseconds, which is said."""
        if isinstance(run.model, TransferModel):
            return run.model
        assert run.directory is not None
        try:
            return load_model(run.directory / "model.keras")
        except ZooError as error:
            if self.data is not None:
                raise
            self.notes.append(f"{name}: no milliseconds: {error}")
            return None

    def milliseconds(self, model: TransferModel) -> float | None:
        """Return the milliseconds per image of a model; None where they are not measured."""
        return milliseconds(model.composition.scoring) if self.timings else None


def _part(runs: Mapping[str, Run]) -> tuple[str, list[str]]:
    """The split that runs are compared on, and what must be said of it.

    Raises:
        OptionError: no split that all have.
    """
    if not runs:
        return "", []
    for part in ("test", "validation"):
        lacking = [name for name, run in runs.items() if getattr(run, part) is None]
        if not lacking:
            notes = []
            if part == "validation":
                notes.append(
                    "Measured on the validation split: these figures are optimistic if a recipe used it to choose "
                    "something, for example the best epoch. For a final figure hold out a test part: fit(test=0.2)."
                )
            return part, notes
    raise OptionError(
        f"{', '.join(lacking)} held out nothing, or the answers are not in the folder: there is no split that all runs "
        f"were measured on. Train with validation=0.2 or test=0.2, or pass data="
    )
