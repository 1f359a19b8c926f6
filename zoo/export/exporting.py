"""Exports a model: written beside its place, opened in its own runtime, compared with predict, then renamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError
from zoo.export import comparing
from zoo.export.examples import MOST, drawn
from zoo.export.formats import Cargo, Format, by_name, name_of
from zoo.export.listing import note
from zoo.export.places import partial_place, publish, sha256, size
from zoo.export.sidecar import attach
from zoo.modality import Intake
from zoo.specs import Output
from zoo.specs.exports import ExportRecord

_MOST_COMPARED = 32

_RUNTIMES = {
    "onnx": ("onnxruntime", "onnx", "tf2onnx"),
    "litert": ("ai-edge-litert",),
    "openvino": ("openvino",),
}


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        serving: the serving model.
        intake: how examples become inputs.
        outputs: the answers.
        record: `ModelRecord` as JSON.
        predict: what the model answers to arrays as the intake gives them: float32 (n, columns).
        card: Markdown.
    """

    serving: Any
    intake: Intake
    outputs: Sequence[Output]
    record: Mapping[str, Any]
    predict: Callable[[np.ndarray], np.ndarray]
    card: str = ""

    def graph(self) -> Any:
        """Return the graph that is exported."""
        return graph_of(self.serving, self.intake, [output.name for output in self.outputs])


@dataclass(frozen=True)
class Request:
    """How it is exported.

    Attributes:
        path: the file or folder.
        format: its name; None: by the path.
        quantize: "float16", "int8" or None.
        samples: examples that ranges of int8 are measured on, as the model takes them (n, ...).
        examples: what is compared, and travels in the file (the first four); None: drawn at random.
        names: of the examples, for errors.
        files: bytes of picture files that the examples come from; () where they do not.
    """

    path: Path
    format: str | None = None
    quantize: str | None = None
    samples: np.ndarray | None = None
    examples: np.ndarray | None = None
    names: Sequence[str] = ()
    files: Sequence[bytes] = ()


def export(subject: Subject, request: Request) -> ExportRecord:
    """Write a model in a format, and hold what was written to `predict`.

    Returns:
        What was measured; it stands in `export.json` beside the file too.

    Raises:
        OptionError: the path, the format or an option cannot be used; the model cannot be written in this format.
        EngineError: what was written answers otherwise than `predict`; nothing is left of it.
    """
    name, made = _format(request)
    target = request.path
    _check_target(target, folder=name == "savedmodel")
    model = subject.serving if name == "keras" else subject.graph()
    with partial_place(target) as place:
        made.write(model, place, subject.record)
        record = _compared(subject, request, name, made, place)
        travels = Cargo(
            {**subject.record, "export": record.model_dump(mode="json", exclude={"sha256", "bytes"})},
            subject.card,
            *_travelling(subject, request),
        )
        if name != "keras":
            attach(made, place, travels)
        record = record.model_copy(update={"sha256": sha256(place), "bytes": size(place)})
        publish(place, target)
    note(target, record)
    return record


def _format(request: Request) -> tuple[str, Format]:
    name = request.format or name_of(request.path)
    made = by_name(name, quantize=request.quantize, samples=request.samples)
    ends = {"keras": ".keras", "onnx": ".onnx", "litert": ".tflite", "openvino": ".xml"}
    extension = getattr(made, "extension", ends.get(name, ""))
    if extension and not request.path.name.endswith(extension):
        raise OptionError(f"{str(request.path)!r}: the name of a file of format {name!r} ends in {extension}")
    return name, made


def _check_target(target: Path, *, folder: bool) -> None:
    if not target.parent.is_dir():
        raise OptionError(f"cannot export to {str(target)!r}: the folder {str(target.parent)!r} does not exist")
    if not folder and target.is_dir():
        raise OptionError(f"cannot export to {str(target)!r}: it is a folder")
    earlier = target.is_dir() and ((target / "saved_model.pb").is_file() or not any(target.iterdir()))
    if folder and target.exists() and not earlier:
        raise OptionError(f"cannot export to {str(target)!r}: it exists and is not a SavedModel")


def graph_of(serving: Any, intake: Intake, names: Sequence[str] = ()) -> Any:
    """Return the graph that is exported: arrays as the intake gives them (uint8 for pictures) in, answers out.

    Augmentation takes `training=None` for True, so False is said in so many words.

    Args:
        serving: a model from float32.
        intake: says shape and dtype.
        names: of several answers: they become a list in this order. Keras sorts them by name.
    """
    import keras

    name = serving.inputs[0].name
    inputs = keras.Input(intake.array_shape, dtype=intake.array_dtype, name=name)
    x = inputs if intake.array_dtype == serving.inputs[0].dtype else keras.ops.cast(inputs, serving.inputs[0].dtype)
    answers = serving(x, training=False)
    if isinstance(answers, dict):
        answers = [answers[key] for key in names]
    model = keras.Model(inputs, answers, name="zoo_exported")
    model(np.zeros((1, *intake.array_shape), intake.array_dtype), training=False)  # export wants one that was called
    return model


def _compared(subject: Subject, request: Request, name: str, made: Format, place: Path) -> ExportRecord:
    """What was written, compared and timed."""
    inputs = _inputs(subject, request)
    if request.examples is None and request.samples is not None:
        inputs = request.samples[:_MOST_COMPARED]  # nearer to what comes than drawn ones; they do not travel
    expected = subject.predict(inputs)
    answer = made.open(place)
    answers = comparing.answered(answer, inputs, expected.shape)
    measured = comparing.differences(answers, expected, subject.outputs)

    def likely() -> str:
        if request.quantize:
            return "Quantization rounds too much here: pass more samples like the data to come, or use 'float16'."
        return comparing.first_wrong_layer(
            subject.serving,
            lambda part: graph_of(part, subject.intake),
            made,
            dict(subject.record),
            inputs[measured.worst : measured.worst + 1],
            "".join(place.suffixes[-1:]),
        )

    kind = "drawn example" if request.samples is None else "sample"
    names = list(request.names) or [f"{kind} {index}" for index in range(len(inputs))]
    comparing.check(measured, request.quantize, names, f"{request.path} ({name})", likely)
    batch = np.resize(inputs, (comparing.BATCH, *inputs.shape[1:]))
    return ExportRecord(
        format=name,
        quantize=request.quantize,
        sha256="",
        bytes=0,
        input_shape=subject.intake.array_shape,
        input_dtype="float32" if name == "keras" else subject.intake.array_dtype,
        examples=len(inputs),
        generated=request.examples is None and request.samples is None,
        tolerance=comparing.TOLERANCES[request.quantize],
        difference=measured.largest,
        mean_difference=measured.mean,
        same_top=measured.same_top,
        encoded_difference=_encoded_difference(subject, request, made, place, expected),
        milliseconds=comparing.milliseconds(answer, inputs[:1]),
        milliseconds_in_batch=comparing.milliseconds(answer, batch) / len(batch),
        batch_size=len(batch),
        machine=comparing.machine(),
        versions=_versions(name),
        written=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _encoded_difference(
    subject: Subject, request: Request, made: Format, place: Path, expected: np.ndarray
) -> float | None:
    """How far answers to the bytes of files are from those of predict; None: no such endpoint, or no files."""
    opener = getattr(made, "open_encoded", None)
    if opener is None or not request.files:
        return None
    answer = opener(place, [output.name for output in subject.outputs])
    if answer is None:
        return None
    answers = answer(list(request.files))
    return comparing.differences(answers, expected[: len(answers)], subject.outputs).largest


def _inputs(subject: Subject, request: Request) -> np.ndarray:
    if request.examples is not None:
        return request.examples
    return drawn(subject.intake.array_shape, subject.intake.array_dtype)


def _travelling(subject: Subject, request: Request) -> tuple[np.ndarray, np.ndarray]:
    inputs = _inputs(subject, request)[:MOST]
    return inputs, subject.predict(inputs)


def _versions(name: str) -> dict[str, str]:
    versions = {}
    for package in ("zoo-sdk", "keras", "tensorflow", *_RUNTIMES.get(name, ())):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
