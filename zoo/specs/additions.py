"""Augmentations, datasets and commands: what plugins add around a model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from zoo.specs.words import Digest, ImportString, NamedSpec, Slug, Task


class AugmentationSpec(NamedSpec):
    """A random change of a training example that keeps its label."""

    modality: Slug = Field(default="image", description="what its examples are")
    factory: ImportString = Field(description="(**options) -> function (example, seed: int) -> example")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    on: Literal["array", "example"] = Field(
        default="array",
        description="what the function is given. array: the array as the intake shapes it (of images, the uint8 "
        "square); example: the example as its modality reads it",
    )
    boxes: Literal["unchanged", "moved", "unsupported"] = Field(
        default="unsupported",
        description="what becomes of boxes. unchanged: no pixel moves; moved: the function is called with boxes=, "
        "float32 (k, 4) as in BOX_LABELS, and gives (example, boxes); unsupported: not usable with boxes",
    )
    placement: Literal["pipeline", "either"] = Field(
        default="pipeline",
        description="where it can run, while training only. pipeline: on the CPU; either: in the training graph too, "
        "with the methods draw(seed) and in_graph(images, drawn) of what the factory gives",
    )


class DatasetSpec(NamedSpec):
    """Labeled data that can be named."""

    modality: Slug = Field(default="image", description="what its examples are")
    task: Task = Field(default="classification", description="what its answers are")
    labels: tuple[str, ...] = Field(default=(), description="class names, in order; empty: found in the data")
    loader: ImportString = Field(description="(**options) -> zoo.Dataset")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    splits: dict[str, int] = Field(default_factory=dict, description="examples per split, when published")
    url: str | None = Field(default=None, description="where the files come from")
    bytes: int | None = Field(default=None, description="size of the download")
    digest: Digest | None = Field(default=None, description="digest of the download")
    license: str = Field(description="SPDX id or a plain statement")
    source: str = Field(default="", description="who published it")


class CommandSpec(NamedSpec):
    """A subcommand of `zoo` that a plugin adds."""

    target: ImportString = Field(description="a click.Command")
