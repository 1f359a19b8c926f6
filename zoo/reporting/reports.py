"""The report of a run: from its folder to a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo import page
from zoo.errors import DataError, OptionError
from zoo.evaluation import Evaluation, read_predictions
from zoo.fitting.examples import Examples
from zoo.fitting.files import read_model
from zoo.fitting.measuring import measure
from zoo.training.runs.folder import RunFolder


def report(
    run: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    data: Any = None,
    validation: Any = None,
    progress: Any = None,
) -> Path:
    """Write the report of a finished run: one page that opens with the verdict in words, and needs nothing else.

    Figures, tables, the examples it is most wrong about with where it looked (Grad-CAM), data, recipe with reasons,
    receipts, environment. Made from the folder of the run; for pictures the data is read from where it was. Where it is
    gone or has changed, the page says so and has no pictures.

    Args:
        run: a run, or its folder.
        path: the file; None: `report.html` in the folder of the run.
        data: what it was trained on, if that is elsewhere now, or was arrays or a stream.
        validation: likewise, where validation was data of its own.
        progress: called with (images done, images in all) while held-out images are looked at.

    Returns:
        The path of the page.

    Raises:
        ResumeError: the folder is not that of a run.
        OptionError: the run is not finished, or the page cannot be written.
        DataError: data was given that is not what the run was made from.
    """
    from zoo.reporting import Material, run_page

    folder = _finished(run)
    record = folder.record
    target = folder.path / "report.html" if path is None else Path(path)
    if not target.parent.is_dir():
        raise OptionError(f"the folder {str(target.parent)!r} for the report does not exist")
    composition, about = read_model(folder.model)
    examples, missing = Examples.for_report(composition, record.plan, data=data, validation=validation)
    if examples is None and (data is not None or validation is not None):
        raise DataError(f"the report cannot show the data that was given: {missing}")
    evaluations = _evaluations(folder, composition, examples, about.training_files, progress)
    material = Material(
        folder.path,
        record,
        composition,
        evaluations,
        None if examples is None else examples.dataset,
        {} if examples is None else examples.parts(),
        missing,
    )
    return page.write(target, run_page(material))


def _evaluations(
    folder: RunFolder, composition: Any, examples: Examples | None, training_files: Any, progress: Any
) -> dict[str, Evaluation]:
    """What the model predicted then; where the single answers are missing, they are computed again."""
    if folder.predictions.is_file():
        return read_predictions(folder.predictions)
    if examples is None:
        return {}
    return {
        name: measure(composition, examples.dataset, positions, training_files=training_files, progress=progress)
        for name, positions in examples.parts().items()
        if name != "train" and len(positions)
    }


def _finished(run: Any) -> RunFolder:
    """The folder of a finished run."""
    where = Path(run) if isinstance(run, str | os.PathLike) else run.directory
    if where is None:
        raise OptionError("this run was not written to a folder, and a report is made from one")
    folder = RunFolder.existing(where)
    record = folder.record
    if record.state != "finished" or record.results is None:
        raise OptionError(
            f"{where} is {record.state}, and a report is made of a finished run: `zoo resume {where}` goes on"
        )
    return folder
