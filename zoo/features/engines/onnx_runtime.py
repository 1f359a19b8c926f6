"""ONNX Runtime: the network converted once, kept by its digest, and compared with Keras once on each machine."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
import warnings
from collections.abc import Generator, Sequence
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from zoo import keras_internals, settings
from zoo.compose import as_inputs
from zoo.compose.constants import constants_in_graph
from zoo.errors import EngineError, OptionError
from zoo.features.engines.in_process import by_batches, keras_version
from zoo.features.engines.interface import Answer, Job, Task, Tell
from zoo.whole_file import write_whole

TOLERANCE = 1e-4
"""Largest difference from Keras's features, as a share of the largest of them, that passes for rounding."""

MISSING = "ONNX Runtime is not installed: pip install onnxruntime onnx tf2onnx"

_COMPARED = 8  # images


class OnnxRuntime:
    """ONNX Runtime on the CPU, in this process."""

    @property
    def identity(self) -> str:
        """See `Engine.identity`."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}, tf2onnx {version('tf2onnx')}, keras {keras_version()}"

    def refuses(self, job: Job) -> str:
        """See `Engine.refuses`."""
        import keras

        if keras.config.backend() != "tensorflow":  # installing it would not help
            return f"networks on the Keras backend {keras.config.backend()} are not converted"
        if not installed():
            return MISSING
        if job.graph is None:
            return "the network holds code that is not Keras's own"
        if any(layer.compute_dtype != "float32" for layer in keras_internals.layers_inside(job.model)):
            return "a network that computes in half precision rounds in its own way in each engine"
        return ""

    def run(self, job: Job, tasks: Sequence[Task], tell: Tell) -> Generator[Answer, None, None]:
        """See `Engine.run`. The first images that a converted network sees here are computed by Keras too.

        Raises:
            EngineError: the network cannot be converted, or gives other features than in Keras.
        """
        path = _path(job, self.identity)
        session = _session(_converted(job, path))
        name = session.get_inputs()[0].name
        compared = platform.node() in _receipt(path).get("agrees_on", ())

        def compute(inputs: np.ndarray) -> np.ndarray:
            nonlocal compared
            x = as_inputs(inputs)
            (output,) = session.run(None, {name: x})
            if not compared:
                _compare(job.model, x[:_COMPARED], output[:_COMPARED])
                _note_agreement(path)
                compared = True
            return np.asarray(output, np.float32)

        return by_batches(job, tasks, compute, tell)


def installed() -> bool:
    """Whether networks can be converted and run."""
    return all(find_spec(name) is not None for name in ("onnxruntime", "tf2onnx", "onnx"))


def converted_before(job: Job) -> bool:
    """Whether the network of a job has been converted already."""
    return _path(job, OnnxRuntime().identity).with_suffix(".json").is_file()


def _compare(model: Any, x: np.ndarray, found: np.ndarray) -> None:
    expected = np.asarray(model(x, training=False), np.float32)
    largest = float(np.abs(expected).max())
    difference = float(np.abs(found - expected).max()) / max(largest, float(np.finfo(np.float32).tiny))
    if not difference <= TOLERANCE:  # also when it is no number
        raise EngineError(
            f"ONNX Runtime gives other features than Keras: they differ by {difference:.1e} of the largest, and "
            f"{TOLERANCE:g} passes for rounding. ZOO_ENGINE=keras computes them as they are"
        )


def _session(data: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _processors()
    # Threads that wait by spinning take the processors from those that decode.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class but this
        raise EngineError(_not_converted(error)) from error


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _path(job: Job, identity: str) -> Path:
    name = hashlib.sha256(json.dumps([job.graph, identity]).encode()).hexdigest()
    return settings.cache_dir() / "onnx" / f"{name}.onnx"


def _receipt(path: Path) -> dict[str, Any]:
    """Digest of a converted network and the machines on which it gave Keras's features; empty if not readable."""
    try:
        receipt = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def _note_agreement(path: Path) -> None:
    from filelock import FileLock

    with FileLock(path.with_suffix(".lock")):
        receipt = _receipt(path)
        receipt["agrees_on"] = sorted({*receipt.get("agrees_on", ()), platform.node()})
        write_whole(path.with_suffix(".json"), json.dumps(receipt).encode())


def _converted(job: Job, path: Path) -> bytes:
    """The network as ONNX: kept from before, whole, or converted now by one process while others wait."""
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            with suppress(OSError):  # not there, or damaged: converted anew
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() == _receipt(path).get("sha256"):
                    return data
            data = _convert(job.model)
            write_whole(path, data)
            write_whole(path.with_suffix(".json"), json.dumps({"sha256": hashlib.sha256(data).hexdigest()}).encode())
            return data
    except OSError as error:
        raise OptionError(f"{path.parent} cannot be written to: {error.strerror or error}") from error


def _convert(model: Any) -> bytes:
    import keras

    inputs = keras.Input(model.input_shape[1:], name="inputs")
    # training=False said in so many words: layers of augmentation take None for True.
    serving = keras.Model(inputs, model(inputs, training=False))
    serving(np.zeros((1, *model.input_shape[1:]), np.float32), training=False)  # export wants a model that was called
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with (
        tempfile.TemporaryDirectory(prefix="zoo-onnx-") as folder,
        warnings.catch_warnings(),
        constants_in_graph(serving),
    ):
        warnings.simplefilter("ignore", FutureWarning)  # of tf2onnx about numpy
        try:
            serving.export(f"{folder}/model.onnx", format="onnx", verbose=False)
        except Exception as error:  # tf2onnx raises whatever a graph it does not know provokes
            raise EngineError(_not_converted(error)) from error
        return Path(folder, "model.onnx").read_bytes()


def _not_converted(error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return f"the network cannot be run by ONNX Runtime ({reason}): use ZOO_ENGINE=keras"
