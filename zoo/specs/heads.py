"""Heads and what they answer: outputs, label sets, weights that were trained by an author."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from zoo.printing import printable
from zoo.specs.preprocessing import ResizeRule
from zoo.specs.words import BOX_LABELS, AnswerTask, ImportString, NamedSpec, Slug, Spec, Task


class LabelSet(NamedSpec):
    """The classes of a pretrained classifier, in the order of its outputs."""

    labels: tuple[str, ...] = Field(description="readable names, in output order")
    ids: tuple[str, ...] = Field(default=(), description="ids such as WordNet synsets, in output order")
    groups: dict[str, tuple[tuple[int, int], ...]] = Field(
        default_factory=dict,
        description="name of a group of classes (dog: all breeds) -> ranges of outputs, first and last",
    )
    source: str = Field(default="", description="where the list comes from")

    @model_validator(mode="after")
    def _as_many_ids(self) -> LabelSet:
        if self.ids and len(self.ids) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels and {len(self.ids)} ids")
        return self

    @model_validator(mode="after")
    def _groups_of_outputs(self) -> LabelSet:
        for name, ranges in self.groups.items():
            if not ranges or not all(0 <= first <= last < len(self.labels) for first, last in ranges):
                raise ValueError(f"group {name!r} must have ranges within 0..{len(self.labels) - 1}; got {ranges}")
        return self


class Output(Spec):
    """One answer of a model: its columns in the output of the head, and what they mean."""

    name: Slug = Field(default="answer", description="key of the answer in a model with several")
    task: AnswerTask = Field(default="classification", description="what the answer is")
    labels: tuple[str, ...] = Field(
        default=(), description="classes, labels or names of the values, one a column; empty: taken from the data"
    )
    weight: float = Field(default=1.0, gt=0, description="factor of its loss in a model with several answers")

    @field_validator("labels")
    @classmethod
    def _can_be_printed(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(printable(label) for label in labels)

    @model_validator(mode="after")
    def _box_has_its_values(self) -> Output:
        if self.task == "box" and self.labels != BOX_LABELS:
            raise ValueError(f"the values of a box are called {', '.join(BOX_LABELS)}")
        return self

    @property
    def width(self) -> int:
        """Columns in the output of the head."""
        return len(self.labels)

    @property
    def target_width(self) -> int:
        """Columns in the targets: a class is one number, whatever the number of classes."""
        return 1 if self.task == "classification" else self.width


class TrainedHead(Spec):
    """Weights of a head that were trained by its author, and everything they depend on."""

    backbone: str = Field(description="name of the backbone")
    weights_sha256: str = Field(description="sha256 of the backbone's weight file it was trained on")
    features: str = Field(default="avg", description="the features it reads: avg, max, or a layer or stage")
    input_size: int = Field(description="side of the input, in px")
    resize: ResizeRule = Field(description="the resize rule it was trained with")
    file: str = Field(description="safetensors file, as 'package:path/in/package'")
    sha256: str = Field(description="sha256 of that file")
    training_files: str = Field(description="sha256 of every training file, one a line, as 'package:path'")
    validation_accuracy: float = Field(description="share right on files held out of training")
    validation_count: int = Field(description="number of files held out")
    made_by: str = Field(description="the command that made it, with versions and date")


class HeadSpec(NamedSpec):
    """What turns features into answers."""

    task: Task | Literal["any"] = Field(
        default="classification", description="what it answers; any: whatever it is asked for"
    )
    labels: tuple[str, ...] = Field(default=(), description="fixed labels; empty: taken from the user's data")
    outputs: tuple[Output, ...] = Field(default=(), description="its answers, for a head of task multi-output")
    reads: Literal["vector", "map"] = Field(
        default="vector",
        description="what the factory gets. vector: one vector an example, (n, d); map: the cells of the base before "
        "pooling, a feature map (n, h, w, c) or a token sequence (n, t, c)",
    )
    factory: ImportString = Field(
        description="(features, *, outputs: int, seed: int, **options) -> tensor (n, outputs) of logits or values"
    )
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    dataset: str | None = Field(default=None, description="the dataset that goes with it")
    trained: tuple[TrainedHead, ...] = ()
    portable: bool = Field(default=True, description="built from Keras layers and ops only")

    @model_validator(mode="after")
    def _outputs_fit_the_task(self) -> HeadSpec:
        if (self.task == "multi-output") != bool(self.outputs):
            raise ValueError("outputs= is for the task multi-output, which needs them")
        return self
