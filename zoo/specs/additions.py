"""Augmentations, datasets and commands: what plugins add around a model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from zoo.specs.words import Digest, ImportString, NamedSpec, Slug, Spec, Task


class AugmentationSpec(NamedSpec):
    """A random change of a training example that keeps its label."""

    modality: Slug = Field(description="what its examples are")
    factory: ImportString = Field(description="(**options) -> function (example, seed: int) -> example")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    on: Literal["array", "example"] = Field(
        default="array",
        description="what the function is given. array: the array as the intake shapes it; example: the example "
        "as its modality reads it",
    )
    boxes: Literal["unchanged", "moved", "unsupported"] = Field(
        default="unsupported",
        description="what becomes of boxes. unchanged: nothing moves; moved: the function is called with boxes=, "
        "float32 (k, 4) as in BOX_LABELS, and gives (example, boxes); unsupported: not usable with boxes",
    )
    placement: Literal["pipeline", "either"] = Field(
        default="pipeline",
        description="where it can run, while training only. pipeline: on the CPU; either: in the training graph too, "
        "with the methods draw(seed) and in_graph(images, drawn) of what the factory gives",
    )


class DataFile(Spec):
    """One place that the file of a dataset comes from; an archive (.zip, .tar, .tar.gz, .tgz) is unpacked."""

    kind: Literal["url", "hub", "kaggle", "file"] = Field(
        description="url: https download; hub: a data repository of the Hugging Face Hub; kaggle: a public data set "
        "of Kaggle; file: the user has to bring it"
    )
    filename: str = Field(pattern=r"^[^/\\:]+$", description="base name of the file; its end says what it is")
    url: str | None = Field(default=None, description="https address (kind url)")
    repository: str | None = Field(default=None, description="owner/name (kinds hub and kaggle)")
    revision: str | None = Field(default=None, description="commit (hub) or number of the version (kaggle)")
    path: str | None = Field(default=None, description="path in the repository (hub); one file of it (kaggle)")
    how: str = Field(default="", description="how the user comes by it, in words (kind file)")
    root: str = Field(default="", description="the part of an archive that is the data; empty: all of it")
    bytes: int | None = Field(default=None, description="size of the file, when known")
    digest: Digest | None = Field(
        default=None, description="published digest; None: the sha256 of the first use is recorded and held to"
    )

    @model_validator(mode="after")
    def _kind_has_its_fields(self) -> DataFile:
        https, repository = (self.url or "").startswith("https://"), (self.repository or "").count("/") == 1
        needs = (
            ("url", https, "an https url"),
            ("hub", repository, "a repository, as owner/name"),
            ("kaggle", repository, "a repository, as owner/name"),
            ("hub", self.path, "its path in the repository"),
            ("file", self.how, "how: how the user comes by it"),
        )
        for kind, given, words in needs:
            if self.kind == kind and not given:
                raise ValueError(f"a file of kind {kind!r} needs {words}")
        return self


class DatasetSpec(NamedSpec):
    """Labeled data that can be named: by the function that loads it, or by its files, which are read as they are."""

    modality: Slug = Field(description="what its examples are")
    task: Task = Field(default="classification", description="what its answers are")
    labels: tuple[str, ...] = Field(default=(), description="class names, in order; empty: found in the data")
    loader: ImportString | None = Field(
        default=None, description="(**options) -> zoo.Dataset; None: `files` are fetched and read as what they are"
    )
    files: tuple[DataFile, ...] = Field(
        default=(), description="where the file comes from: the first place that has it is used"
    )
    answers: tuple[str, ...] = Field(default=(), description="columns of a CSV file that are learned")
    options: ImportString | None = Field(default=None, description="a pydantic model that validates the options")
    option_schema: dict[str, Any] = Field(default_factory=dict, description="its JSON schema, for listings")
    splits: dict[str, int] = Field(default_factory=dict, description="examples per split, when published")
    url: str | None = Field(default=None, description="where the files come from")
    bytes: int | None = Field(default=None, description="size of the download")
    digest: Digest | None = Field(default=None, description="digest of the download")
    license: str = Field(description="SPDX id or a plain statement")
    source: str = Field(default="", description="who published it")

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> DatasetSpec:
        if (self.loader is None) == (not self.files):
            raise ValueError("a dataset has either a loader or files")
        return self


class CommandSpec(NamedSpec):
    """A subcommand of `zoo` that a plugin adds."""

    target: ImportString = Field(description="a click.Command")
