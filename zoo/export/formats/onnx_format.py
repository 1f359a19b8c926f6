"""ONNX: one file for servers, desktops and browsers, run by ONNX Runtime without Keras or TensorFlow."""

from __future__ import annotations

import base64
import binascii
import logging
import warnings
from collections.abc import Mapping
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

_BINARY = frozenset({EXAMPLES})
"""Members that are no text; metadata of ONNX are texts."""


class Onnx:
    """An ONNX file; what travels lies in its metadata.

    Args:
        quantize: must be None.
        samples: not used.
    """

    def __init__(self, quantize: str | None = None, samples: np.ndarray | None = None) -> None:
        no_quantization("onnx", quantize)

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Write the model; see `Format.write`.

        Raises:
            OptionError: it holds an operation that ONNX lacks, or what converts it is not installed.
        """
        import keras

        if keras.config.backend() == "jax":
            needed("ONNX from the JAX backend", "jax2onnx", extra="jax2onnx")
        else:
            needed("ONNX", "onnx", "tf2onnx", extra="onnx tf2onnx")
        import onnx

        # Here, not above: opening a file loads no room that trains.
        from zoo.compose.constants import constants_in_graph

        logging.getLogger("tf2onnx").setLevel(logging.ERROR)
        with warnings.catch_warnings(), constants_in_graph(model):
            warnings.simplefilter("ignore", FutureWarning)  # of tf2onnx about NumPy
            try:
                model.export(path, format="onnx", verbose=False)
            except Exception as error:  # tf2onnx raises whatever a graph it does not know provokes
                line = (str(error).splitlines() or [type(error).__name__])[0]
                raise OptionError(f"this model cannot be written as ONNX: {line}. A SavedModel can hold it") from error
        content = onnx.load(path)
        _rename(content.graph, ["answers"] if len(record["outputs"]) == 1 else output_names(record))
        onnx.save(content, path)

    def attach(self, path: Path, cargo: Cargo) -> None:
        """Put what travels into the metadata of a file."""
        import onnx

        content = onnx.load(path)
        members = cargo.members()
        texts = {
            name: base64.b64encode(data).decode() if name in _BINARY else data.decode()
            for name, data in members.items()
        }
        onnx.helper.set_model_props(content, texts)
        onnx.save(content, path)

    def cargo(self, path: Path) -> Cargo:
        """Return what travels with a file."""
        return Cargo.of(_members(_session(path)), str(path))

    def open(self, path: Path) -> Answer:
        """Return what the file answers in ONNX Runtime; see `Format.open`."""
        return self.opened(path)[1]

    def opened(self, path: Path) -> tuple[dict[str, Any], Answer]:
        """Return the record of a file and what it answers, read once.

        Raises:
            OptionError: zoo did not export it.
            UnsafeFileError: it is damaged.
        """
        session = _session(path)
        members = _members(session)
        record = read_record(members, str(path)) if RECORD in members else {"outputs": [{"name": "answer"}]}
        name, names = session.get_inputs()[0].name, [output.name for output in session.get_outputs()]
        ordered = [output for output in output_names(record) if output in names] if len(names) > 1 else names
        return record, lambda batch: side_by_side(session.run(ordered, {name: batch}), ordered)


def _session(path: Path) -> Any:
    """ONNX Runtime on the bytes of the file: with bytes, a graph cannot name other files to read its weights from."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base class but this
        line = " ".join(str(error).split())[:300]
        raise UnsafeFileError(f"{path} is damaged, or not a model that ONNX Runtime can run: {line}") from error


def _members(session: Any) -> dict[str, bytes]:
    texts = session.get_modelmeta().custom_metadata_map
    try:
        return {
            name: base64.b64decode(texts[name], validate=True) if name in _BINARY else texts[name].encode()
            for name in (RECORD, CARD, EXAMPLES)
            if name in texts
        }
    except binascii.Error as error:
        raise UnsafeFileError(f"the metadata of an ONNX file are damaged: {error}") from error


def _rename(graph: Any, names: list[str]) -> None:
    """Give the outputs the names of the answers and the first axis the name "batch" (tf2onnx: "Identity:0", "unk__9").

    Renamed are the edges: whatever makes or reads one.
    """
    new = dict(zip([output.name for output in graph.output], names, strict=True))
    for node in graph.node:
        node.output[:] = [new.get(name, name) for name in node.output]
        node.input[:] = [new.get(name, name) for name in node.input]
    for value in (*graph.input, *graph.output):
        value.name = new.get(value.name, value.name)
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
