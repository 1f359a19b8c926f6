"""Metrics, engines, weight sources, file formats and modalities: what a plugin can put beside zoo's own."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoo.specs.words import AnswerTask, ImportString, NamedSpec


class MetricSpec(NamedSpec):
    """A figure of an evaluation, computed from scores and targets."""

    task: AnswerTask | Literal["any"] = Field(
        default="classification", description="what the answers are that it measures; any: whatever they are"
    )
    function: ImportString = Field(
        description="(answers, truth, weights) -> float: answers float64 (n, k), truth as the task has it, "
        "weights float64 (n,); NaN where it is not defined"
    )
    higher_is_better: bool = Field(default=True, description="whether a better model has a larger figure")


class EngineSpec(NamedSpec):
    """Something that computes features: `ZOO_ENGINE=NAME`."""

    engine: ImportString = Field(description="a class, called without arguments, with identity, refuses and run")


class SourceSpec(NamedSpec):
    """A place that weight files come from: `kind` of a row's weights, or `weights="nest://owl.h5"`."""

    source: ImportString = Field(description="a class, called without arguments, with fetch(address, target, progress)")
    schemes: tuple[str, ...] = Field(default=(), description="beginnings of what users write, such as 'nest://'")


class FormatSpec(NamedSpec):
    """A kind of file that models are written to."""

    format: ImportString = Field(description="a class, called without arguments, with write and open")
    extension: str = Field(pattern=r"^[.][A-Za-z0-9_.]+$", description="end of the file's name, such as '.tflite'")


class ModalitySpec(NamedSpec):
    """A kind of example: how it is read, shaped, shown and checked."""

    modality: ImportString = Field(description="a class behind `zoo.modality.Modality`, called without arguments")
    extensions: tuple[str, ...] = Field(
        default=(), description="ends of the names of its files, in lower case, such as '.wav'"
    )
    unread: tuple[str, ...] = Field(
        default=(),
        description="ends of files that are such examples too, and that it does not read: zoo says so of each, and "
        "does not pass over them",
    )
    folder_extensions: tuple[str, ...] = Field(
        default=(), description="a folder that holds files with such ends is one example; empty: folders never are"
    )
    table: Literal["files", "cells", "rows"] = Field(
        default="files",
        description="what a CSV file holds of it. files: a column with the names of its files; cells: a column whose "
        "cells are the examples; rows: each row is an example, without the columns of answers",
    )
    columns: tuple[str, ...] = Field(
        default=(),
        description="names, in lower case, of columns of a CSV file that hold its examples, however their cells end",
    )
    word: str = Field(default="example", description="what messages call one of its examples; several end in s")
    pictures: bool = Field(
        default=False,
        description="its examples are pictures, uint8 (height, width, 3): they are read with `zoo.pictures`, lint "
        "looks at headers and copies, reports at where a model looks. Arrays, files and streams of which nothing is "
        "said are taken for examples of the first such modality, zoo's own",
    )
    default_backbone: str | None = Field(
        default=None, description="the backbone of `zoo fit FOLDER` where none is named"
    )
    pipeline: str | None = Field(
        default=None, description="what the Hugging Face Hub calls a classifier of them, such as 'audio-classification'"
    )
    own_ranks: tuple[int, ...] = Field(
        default=(),
        description="a Keras model of the caller's whose input has so many axes, the batch aside, takes its examples; "
        "`fit` gets the shape of that input as the option `shape`",
    )
