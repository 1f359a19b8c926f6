"""Run: what `fit` and `resume` return, and `load_run` reads: the record of a training with its evaluations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import OptionError
from zoo.evaluation import Evaluation, read_predictions
from zoo.fitting.session import Finished
from zoo.printing import preformatted
from zoo.reporting.reports import report as write_report
from zoo.specs import RecipeSpec
from zoo.specs.record import RunRecord
from zoo.training.receipts import Receipt, from_phases
from zoo.training.runs.folder import RunFolder


@dataclass
class Run:
    """What was done, with what, and what came out.

    Attributes:
        record: everything that `run.json` holds, as typed data.
        validation: evaluation on the examples held out; None when nothing was held out.
        test: evaluation on the third part; None when there is none.
        directory: the run's folder, with `run.json`, `model.keras` and `predictions.npz`.
        lint: what the look at the data found (headers, copies, labels); None for a run that was read.
        model: what was trained; None for a run that was read.
        notices: what the user should know: skipped files, how the run started, imbalance.
    """

    record: RunRecord
    validation: Any = None
    test: Any = None
    directory: Path | None = None
    lint: Any = None
    model: Any = field(default=None, repr=False)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, finished: Finished, model: Any) -> Run:
        """Return what a session came to as `fit` returns it.

        Args:
            finished: the session.
            model: what was trained.
        """
        record = finished.folder.record
        return cls(
            record=record,
            validation=finished.evaluations.get("validation"),
            test=finished.evaluations.get("test"),
            directory=finished.folder.path,
            lint=finished.examples.lint,
            model=model,
            notices=list(record.notices),
        )

    @property
    def recipe(self) -> RecipeSpec:
        """Return the recipe as used."""
        return self.record.plan.recipe

    @property
    def history(self) -> dict[str, list[float]]:
        """Return Keras-style history: metric -> one value per epoch, over all phases (a probe counts as one epoch)."""
        return self.record.history

    @property
    def phases(self) -> list[dict[str, Any]]:
        """Return a row for each phase, ready for a table: name, seconds, epochs, stages trained, receipts and so on."""
        return [phase.as_row() for phase in self.record.phases]

    @property
    def reasons(self) -> list[str]:
        """Return why `recipe="auto"` chose this recipe, a sentence each; empty when the recipe was named."""
        return list(self.record.reasons)

    @property
    def receipts(self) -> list[Receipt]:
        """Return what became of every stage in every phase, proven by digests of its weights."""
        return from_phases(self.record.phases)

    def evaluations(self) -> Mapping[str, Evaluation]:
        """Return the evaluations that were made: "validation" and "test"."""
        made = {"validation": self.validation, "test": self.test}
        return {name: evaluation for name, evaluation in made.items() if evaluation is not None}

    def report(self, path: str | os.PathLike[str] | None = None, *, data: Any = None, validation: Any = None) -> Path:
        """Write the report of this run as one page; see `zoo.report`.

        Args:
            path: the file; None: `report.html` in the folder of the run.
            data: what it was trained on, for pictures; None: by the path or name it was given by.
            validation: likewise, where validation was data of its own.

        Raises:
            OptionError: the run has no folder, the page cannot be written, or matplotlib is not installed.
        """
        if self.directory is None:
            raise OptionError("this run was not written to a folder, and a report is made from one")
        return write_report(self.directory, path, data=data, validation=validation)

    def calibrate(self) -> Any:
        """Find the temperature at which the validation split has the smallest log loss, and say what it does.

        The model stays as it is: `model.evaluate(data, temperature=run.calibrate().temperature)` measures with it.

        Returns:
            `temperature`, and the evaluation `before` and `after`: of the test split, where there is one.

        Raises:
            OptionError: nothing was held out, or the head is not a classifier.
            DataError: every example held out is right: the surer the better.
        """
        if self.validation is None or self.validation.task != "classification":
            raise OptionError("calibrate() takes a classifier with a validation split")
        return self.validation.calibrate(self.test)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of run.json."""
        return self.record.to_json()

    def _repr_html_(self) -> str:
        return preformatted(repr(self))

    def __repr__(self) -> str:
        seconds = sum(phase.seconds for phase in self.record.phases)
        names = ", ".join(phase.name for phase in self.record.phases)
        lines = [f"run of recipe {self.recipe.name!r}: {names}; {seconds:.1f} s"]
        lines += [f"{name}: {evaluation}" for name, evaluation in self.evaluations().items()]
        lines += [] if self.lint is None else self.lint.lines()
        lines += self.reasons
        lines += self.notices
        if self.directory is not None:
            lines.append(f"folder: {self.directory}")
        return "\n".join(lines)


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read a finished run from its folder: history, phases, evaluations with every single answer.

    No network is built. `run.model` is None: `zoo.load(run.directory / "model.keras")` is the trained model.

    Args:
        folder: the folder of the run, with `run.json`.

    Raises:
        ResumeError: it is not the folder of a run, or another version of zoo wrote it.
        OptionError: the run is not finished, or what it holds is damaged.
    """
    files = RunFolder.existing(Path(folder))
    record = files.record
    if record.state != "finished" or record.results is None:
        raise OptionError(f"{files.path} is {record.state}, not finished: zoo.resume({str(files.path)!r}) goes on")
    notices = list(record.notices)
    evaluations: dict[str, Evaluation] = {}
    if files.predictions.is_file():
        evaluations = read_predictions(files.predictions)
    elif record.results.validation or record.results.test:
        notices.append(f"the single answers of this run are not there: {files.predictions.name} is missing")
    return Run(
        record=record,
        validation=evaluations.get("validation"),
        test=evaluations.get("test"),
        directory=files.path,
        notices=notices,
    )
