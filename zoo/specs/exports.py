"""What `export.json` says of exported files: how they were made, how far they differ, how fast they answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoo.specs.words import Spec

EXPORT_SCHEMA: Literal[1] = 1
"""Version of `export.json`; a file of another version is not read."""


class ExportRecord(Spec):
    """One exported file, measured against `predict` when it was written."""

    format: str = Field(description="keras, savedmodel, onnx, litert, openvino, or `plugin:name`")
    quantize: str | None = Field(default=None, description="float16 or int8; none: weights as they are, float32")
    sha256: str = Field(description="of the file; of a folder: of its files with their names, in order")
    bytes: int = Field(ge=0, description="of the file or folder")
    input_shape: tuple[int, ...] = Field(description="of one example")
    input_dtype: str = Field(description="of the signature; uint8 for raw values 0..255")
    examples: int = Field(description="on how many examples it was compared with predict")
    generated: bool = Field(description="whether the examples were drawn at random rather than given")
    tolerance: float = Field(description="largest difference allowed; of values as a share of the largest of them")
    difference: float = Field(description="largest difference measured")
    mean_difference: float = Field(description="mean absolute difference")
    same_top: int | None = Field(default=None, description="examples with the same first label; none without labels")
    encoded_difference: float | None = Field(
        default=None, description="the same of pictures given as bytes of files, decoded and resized in the graph"
    )
    milliseconds: float = Field(description="least wall time of one example, in the format's own runtime")
    milliseconds_in_batch: float = Field(description="the same per example in a batch")
    batch_size: int = Field(description="examples of that batch")
    machine: str = Field(description="processor architecture and number of processors that was measured on")
    versions: dict[str, str] = Field(default={}, description="of what wrote it and of what runs it")
    written: str = Field(description="when, UTC, ISO 8601")


class ExportFile(Spec):
    """The content of `export.json`: the exported files of its folder."""

    schema_version: Literal[1] = Field(default=EXPORT_SCHEMA, description="version of this record")
    exports: dict[str, ExportRecord] = Field(default={}, description="name of the file or folder -> how it was made")
