"""LiteRT (`.tflite`): for phones, boards and microcontrollers; float32, float16 or int8."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError, UnsafeFileError
from zoo.export.formats.interface import (
    CARD,
    EXAMPLES,
    RECORD,
    Answer,
    Cargo,
    needed,
    no_quantization,
    output_names,
    read_record,
    side_by_side,
)
from zoo.untrusted import opened_archive

_LIMITS = {RECORD: 64 << 20, CARD: 1 << 20, EXAMPLES: 64 << 20, "labels.txt": 16 << 20}


class LiteRt:
    """A `.tflite` file; what travels is a zip archive at its end, as TensorFlow Lite keeps associated files.

    Args:
        quantize: "float16" halves the file; "int8" is for processors without floating point.
        samples: for "int8": examples as the model takes them (n, ...), by which the ranges of all layers are measured.
    """

    def __init__(self, quantize: str | None = None, samples: np.ndarray | None = None) -> None:
        no_quantization("litert", quantize, ("float16", "int8"))
        if quantize == "int8" and (samples is None or not len(samples)):
            raise OptionError(
                "quantize='int8' measures the ranges of all layers on examples like those to come: pass "
                "samples='photos/' (some 100 of them, without labels; --samples on the command line)"
            )
        self._quantize, self._samples = quantize, samples

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write the model; see `Format.write`.

        Raises:
            OptionError: the Keras backend is not TensorFlow, or the model holds an operation that LiteRT lacks.
        """
        import keras

        if keras.config.backend() != "tensorflow":
            raise OptionError(f"LiteRT is written on the TensorFlow backend only; this is {keras.config.backend()}")
        try:
            model.export(path, format="litert", verbose=False, **self._options())
        except Exception as error:  # the converter raises whatever a graph it does not know provokes
            line = (str(error).splitlines() or [type(error).__name__])[0]
            raise OptionError(f"this model cannot be written as LiteRT: {line[:300]}") from error

    def _options(self) -> dict[str, Any]:
        if self._quantize is None:
            return {}
        import tensorflow as tf

        options: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
        if self._quantize == "float16":
            return {**options, "target_spec": {"supported_types": [tf.float16]}}
        # The graph takes uint8 and casts it itself: raw values stay raw, whatever the samples' range is.
        return {**options, "representative_dataset": self._each_sample}

    def _each_sample(self) -> Iterator[list[np.ndarray]]:
        assert self._samples is not None
        for sample in self._samples:
            yield [sample[None]]

    def attach(self, path: Path, cargo: Cargo) -> None:
        """Append what travels to a file."""
        members = cargo.members()
        labels = [label for output in cargo.record["outputs"] for label in output.get("labels", ())]
        with zipfile.ZipFile(path, "a", compression=zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr("labels.txt", "\n".join(labels))

    def cargo(self, path: Path) -> Cargo:
        """Return what travels with a file."""
        return Cargo.of(_members(path, (RECORD, CARD, EXAMPLES)), str(path))

    def open(self, path: Path) -> Answer:
        """Return what the file answers in the LiteRT interpreter; see `Format.open`."""
        return self.opened(path)[1]

    def opened(self, path: Path) -> tuple[dict[str, Any], Answer]:
        """Return the record of a file and what it answers.

        Raises:
            OptionError: zoo did not export it.
            UnsafeFileError: it is damaged.
        """
        record: dict[str, Any] = {"outputs": [{"name": "answer"}]}
        if _has_archive(path):
            record = read_record(_members(path, (RECORD,)), str(path))
        return record, _Interpreter(path, output_names(record))


class _Interpreter:
    """The interpreter on one file, resized to the batch that comes."""

    def __init__(self, path: Path, names: list[str]) -> None:
        try:
            self._interpreter = _interpreter_class()(model_content=path.read_bytes())
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UnsafeFileError(
                f"{path} is damaged, or not a model that LiteRT can run: {str(error)[:200]}"
            ) from error
        self._names = names
        self._batch = 1

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return the answers of a batch."""
        interpreter = self._interpreter
        place = interpreter.get_input_details()[0]["index"]
        if len(batch) != self._batch:
            interpreter.resize_tensor_input(place, batch.shape)
            interpreter.allocate_tensors()
            self._batch = len(batch)
        interpreter.set_tensor(place, np.ascontiguousarray(batch))
        interpreter.invoke()
        # In the order in which the signature names them: output_0, output_1, ...
        details = sorted(interpreter.get_output_details(), key=lambda detail: _number(detail["name"]))
        return side_by_side([interpreter.get_tensor(detail["index"]) for detail in details], self._names)


def _number(name: str) -> int:
    """The place of "StatefulPartitionedCall_1:3" among the outputs."""
    with suppress(ValueError):
        return int(name.rpartition(":")[2])
    return 0


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        needed("a LiteRT model", "tensorflow", extra="zoo-sdk[litert]")
        import tensorflow as tf

        return tf.lite.Interpreter
    return Interpreter


def _has_archive(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557))
        return b"PK\x05\x06" in file.read()


def _members(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    if not _has_archive(path):
        return {}
    with opened_archive(path, _LIMITS.get) as archive:
        return {name: archive.read(name) for name in names if name in archive.names}
