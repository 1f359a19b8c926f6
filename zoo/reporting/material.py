"""What a report is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo import page
from zoo.compose import Composition
from zoo.data import Dataset
from zoo.data.modalities import has_pictures
from zoo.errors import DataError
from zoo.evaluation import Calibration, ClassificationEvaluation, Evaluation, MultiOutputEvaluation
from zoo.specs.record import Results, RunRecord
from zoo.tasks import columns

SPLITS = ("test", "validation")
"""What is held out, in the order of a report."""


@dataclass(frozen=True)
class Answer:
    """One answer of a model, as measured.

    Attributes:
        name: of the answer; "" for a single one.
        evaluation: its figures.
        first: its first column in the scores.
    """

    name: str
    evaluation: Evaluation
    first: int


@dataclass(frozen=True)
class Material:
    """What a report is made from.

    Attributes:
        folder: the folder of the run.
        record: of the run, finished.
        composition: its model.
        evaluations: "test" and "validation", as far as they were measured.
        dataset: its pictures by index; None where they are gone.
        splits: "train", "validation", "test" -> indices in the dataset; {} without it.
        missing: why there is no dataset.
    """

    folder: Path
    record: RunRecord
    composition: Composition
    evaluations: Mapping[str, Evaluation]
    dataset: Dataset | None = None
    splits: Mapping[str, np.ndarray] = field(default_factory=dict)
    missing: str = ""

    @property
    def results(self) -> Results:
        """What the finished run came to."""
        assert self.record.results is not None
        return self.record.results

    @property
    def split(self) -> str | None:
        """What the verdict is about: the test split, else the validation split; None where nothing was held out."""
        return next((name for name in SPLITS if name in self.evaluations), None)

    def answers(self, split: str) -> Iterator[Answer]:
        """Yield each answer as measured on a split."""
        evaluation = self.evaluations[split]
        if not isinstance(evaluation, MultiOutputEvaluation):
            yield Answer("", evaluation, 0)
            return
        for output, where, _ in columns(self.composition.outputs):
            yield Answer(output.name, evaluation.answers[output.name], where.start)

    def calibrated(self, name: str) -> Calibration | None:
        """What one temperature, found on the validation split, does to an answer on the test split.

        None where none can be found.
        """
        evaluations = [self.evaluations.get(split) for split in ("validation", "test")]
        validated, tested = (e.answers[name] if isinstance(e, MultiOutputEvaluation) else e for e in evaluations)
        if not isinstance(validated, ClassificationEvaluation) or not isinstance(tested, ClassificationEvaluation):
            return None
        try:
            return validated.calibrate(tested)
        except DataError:
            return None


def thumbnail(dataset: Dataset, index: int, *, alt: str = "") -> str:
    """Return an example within a page: an image as it is, of other modalities what they show.

    Args:
        dataset: the examples.
        index: of the example.
        alt: what it is, for those who do not see it.

    Raises:
        DataError: it cannot be read.
    """
    if has_pictures(dataset.modality):
        return page.image(dataset.example(index), alt=alt)
    shown = dataset.thumbnail(index)
    return page.thumbnail(shown.png, shown.text, alt=alt, wav=shown.wav)
