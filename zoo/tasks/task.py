"""What a task is: everything that the rest of zoo asks about one kind of answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from zoo.errors import DataError
from zoo.tasks.prediction import Prediction
from zoo.tasks.targets import as_array, as_float32

if TYPE_CHECKING:
    from zoo.specs import Output
    from zoo.specs import Task as TaskName

THRESHOLD = 0.5
"""Probability from which a label counts as given, and overlap from which a box counts as right."""


@dataclass(frozen=True)
class Measure:
    """The one figure by which models of a task are compared.

    Attributes:
        key: its name in an evaluation and in run.json.
        words: its name in a sentence.
        larger_is_better: whether a better model has a larger one.
    """

    key: str
    words: str
    larger_is_better: bool = True


class Task(ABC):
    """One kind of answer. There is one object of each kind: `zoo.tasks.of(output)` gives it.

    Attributes:
        name: as specs, files and messages call it.
        activation: what the serving graph ends in; "linear" leaves values as they are.
        probe: which linear head is solved on fixed features: "softmax" (logistic regression over all classes),
            "sigmoid" (one logistic regression a label) or "ridge".
        measure: the figure by which models are compared.
        history_metric: what Keras calls the metric of an epoch.
        one_class: each example is of exactly one class. Class weights, blended examples (mixup, cutmix, label
            smoothing), temperature scaling, a confusion matrix, and splits by class are possible then, and only then.
        by_label: the columns are names that examples have or lack: a class each, or any number of labels.
        in_units: values are in the unit of their targets: the head learns them standardized, and their error counts in
            standard deviations.
        are_places: answers are places in the picture: augmentation that moves what is there must move them too.
        fixed_labels: names of the columns where the task decides them; () where the data does.
        losses: names of the losses that it can be trained with, the default first.
        loss_weight: factor of the loss in a model with several answers, unless given.
    """

    name: ClassVar[TaskName]
    activation: ClassVar[Literal["softmax", "sigmoid", "linear"]] = "linear"
    probe: ClassVar[Literal["softmax", "sigmoid", "ridge"]] = "ridge"
    measure: ClassVar[Measure]
    history_metric: ClassVar[str] = "mae"
    one_class: ClassVar[bool] = False
    by_label: ClassVar[bool] = False
    in_units: ClassVar[bool] = False
    are_places: ClassVar[bool] = False
    fixed_labels: ClassVar[tuple[str, ...]] = ()
    losses: ClassVar[tuple[str, ...]] = ()
    loss_weight: ClassVar[float] = 1.0

    def __repr__(self) -> str:
        return f"<task {self.name}>"

    @property
    def probabilities(self) -> bool:
        """Whether scores are probabilities 0..1, rather than values."""
        return self.activation != "linear"

    # -- training ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def keras_loss(self, *, from_logits: bool, scale: np.ndarray | None = None) -> Any:
        """Return the Keras loss: a callable of (true, predicted).

        Args:
            from_logits: whether the model gives logits rather than probabilities.
            scale: float (k,), the unit of each value, in which its error counts; only where `in_units`.
        """

    @abstractmethod
    def keras_metric(self) -> Any:
        """Return a new Keras metric, named as `history_metric`."""

    @abstractmethod
    def history_figures(
        self, scores: np.ndarray, targets: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> dict[str, float]:
        """Compute loss and metric of an epoch in NumPy, under the names that Keras uses in a history.

        Args:
            scores: (n, k), probabilities or values.
            targets: int64 (n,) class indices, multi-hot (n, k), or values (n, k).
            scale: the unit of each value, in which its loss counts; 1 where not `in_units`.
        """

    # -- targets ----------------------------------------------------------------------------------------------------

    def packed_targets(self, output: Output, answers: Any, what: str) -> np.ndarray:
        """Return the targets of one answer as float32 (n, columns), checked.

        Args:
            output: the answer: its labels and the number of its columns.
            answers: class indices or names (n,), multi-hot (n, k), values (n, k) or (n,), boxes (n, 4).
            what: whose answers they are, for errors.

        Raises:
            DataError: they do not fit.
        """
        values = self.numbered(output.labels, as_array(answers, what), what)
        numbers = as_float32(values)
        if numbers is None:
            raise DataError(f"{what} must hold finite numbers; got {values.dtype}")
        if numbers.ndim != 2 or numbers.shape[1] != output.target_width:
            raise DataError(f"{what} must have {output.target_width} number(s) an example; got shape {numbers.shape}")
        self.check_targets(numbers, what, output.width)
        return numbers

    def numbered(self, labels: Sequence[str], values: np.ndarray, what: str) -> np.ndarray:
        """Return answers with names replaced by their numbers; only classes have names."""
        del labels, what
        return values

    def check_targets(self, values: np.ndarray, what: str, width: int | None = None) -> None:
        """Check what targets (n, columns) have to be besides finite numbers.

        Args:
            values: the targets.
            what: whose they are, for errors.
            width: number of columns of the head; None where not known yet.

        Raises:
            DataError: they are something else.
        """
        del values, what, width  # any finite number will do

    def unpacked(self, packed: np.ndarray) -> np.ndarray:
        """Return the targets of this answer from its float columns (n, columns): class indices become int64 (n,)."""
        return packed

    def target_in_words(self, labels: Sequence[str], target: Any) -> str:
        """Return what the target of one example says, in a few words: values by default."""
        del labels
        return ", ".join(f"{value:.4g}" for value in np.reshape(target, -1))

    def summary(self, labels: Sequence[str]) -> str:
        """Return the task and the number of its columns in a few words, e.g. "regression of 2"."""
        return f"{self.name} of {len(labels)}"

    # -- answers ----------------------------------------------------------------------------------------------------

    def activated(self, raw: np.ndarray) -> np.ndarray:
        """Return the scores (n, k) that the serving graph computes from the head's own output (n, k)."""
        return raw

    @abstractmethod
    def decode(self, labels: Sequence[str], scores: np.ndarray, source: str) -> Prediction:
        """Return what the scores (k,) of one example say.

        Args:
            labels: names of the scores.
            scores: float32 (k,).
            source: path or index of the example.
        """
