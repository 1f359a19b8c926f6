"""Holds what a written file answers to what `predict` answered, and says which layer is most likely at fault."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo import keras_internals
from zoo.errors import EngineError, ZooError
from zoo.export.formats import Answer, Format
from zoo.specs import Output
from zoo.tasks import columns, of

TOLERANCES = {None: 1e-4, "float16": 0.02, "int8": 0.35}
"""Largest difference in probability, by quantization. Measured on efficientnet_lite0: 3e-6, 3e-3 and 0.13."""

MEAN_INT8 = 0.05
"""Largest mean difference of int8: single answers move more where the model is unsure."""

SAME_INT8 = 0.8
"""Share of the examples that int8 must give the same first label. Values of a regression beside the logits of classes
share one range in int8, and can round the logits to nothing."""

BATCH = 8
"""Examples of the batch that is compared and timed."""

_SECONDS, _MOST, _LEAST = 0.5, 20, 3


@dataclass(frozen=True)
class Differences:
    """How far answers are from those expected.

    Attributes:
        largest: largest absolute difference; of values as a share of the largest of them.
        mean: mean of the same.
        worst: index of the example that differs most.
        same_top: examples with the same first label; None without labels.
    """

    largest: float
    mean: float
    worst: int
    same_top: int | None


def differences(answers: np.ndarray, expected: np.ndarray, outputs: Sequence[Output]) -> Differences:
    """Compare answers with those expected.

    Args:
        answers: float32 (n, columns).
        expected: float32 (n, columns).
        outputs: what the columns are.
    """
    gaps = np.abs(answers.astype(np.float64) - expected.astype(np.float64))
    same = np.ones(len(expected), bool)
    labeled = False
    for output, there, _ in columns(outputs):
        if not of(output).probabilities:
            gaps[:, there] /= max(float(np.abs(expected[:, there]).max(initial=0.0)), 1.0)
        if of(output).one_class:
            labeled = True
            same &= answers[:, there].argmax(axis=1) == expected[:, there].argmax(axis=1)
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    return Differences(
        largest=float(gaps.max(initial=0.0)),
        mean=float(gaps.mean()) if gaps.size else 0.0,
        worst=int(gaps.max(axis=1).argmax()) if gaps.size else 0,
        same_top=int(same.sum()) if labeled else None,
    )


def answered(answer: Answer, inputs: np.ndarray, expected_shape: tuple[int, ...]) -> np.ndarray:
    """Return what a file answers: to each example alone, checked to be what it answers to them in one batch.

    Raises:
        EngineError: the two differ, or the answers have another shape.
    """
    alone = np.concatenate([answer(inputs[index : index + 1]) for index in range(len(inputs))])
    together = answer(inputs)
    for answers in (alone, together):
        if answers.shape != expected_shape:
            raise EngineError(f"the written file answers with shape {answers.shape}; {expected_shape} is expected")
    gap = float(np.abs(alone - together).max(initial=0.0))
    if gap > 1e-3 * max(1.0, float(np.abs(alone).max(initial=0.0))):
        raise EngineError(f"the written file answers otherwise in a batch than one by one: by up to {gap:.1e}")
    return alone


def check(
    measured: Differences,
    quantize: str | None,
    names: Sequence[str],
    what: str,
    likely: Callable[[], str],
) -> None:
    """Raise if a file differs from `predict` by more than its tolerance.

    Args:
        measured: the differences.
        quantize: of the file.
        names: of the examples.
        what: the file, for the message.
        likely: called for the layer that is most likely at fault, in words.

    Raises:
        EngineError: it does; names example and layer.
    """
    tolerance = TOLERANCES[quantize]
    least = SAME_INT8 * len(names) if quantize == "int8" else 0.0
    same = measured.same_top is None or measured.same_top >= least
    if measured.largest <= tolerance and same and (quantize != "int8" or measured.mean <= MEAN_INT8):
        return
    first = "" if same else f"only {measured.same_top} of {len(names)} examples keep their first label; "
    raise EngineError(
        f"{what} was not written: {first}its answers differ from predict by up to {measured.largest:.2g} (mean "
        f"{measured.mean:.2g}), most on {names[measured.worst]}, and {tolerance:g} is allowed. {likely()}"
    )


def first_wrong_layer(
    serving: Any, wrapped: Callable[[Any], Any], made: Format, record: dict[str, Any], inputs: np.ndarray, suffix: str
) -> str:
    """Find the first layer whose output differs in a format, by halving: parts of the model are written and compared.

    Args:
        serving: the serving model.
        wrapped: makes the graph that is exported of a model.
        made: the format.
        record: as for `Format.write`.
        inputs: examples as the model takes them.
        suffix: of the file.

    Returns:
        A sentence.
    """
    import keras

    points = _points(serving)
    one = {**record, "outputs": record["outputs"][:1]}

    def differs(index: int) -> bool:
        part = wrapped(keras.Model(serving.inputs, keras.layers.Flatten()(points[index][1])))
        expected = np.asarray(part(inputs[:1], training=False), np.float32)
        with tempfile.TemporaryDirectory(prefix="zoo-export-") as folder:
            path = Path(folder, f"part{suffix}")
            made.write(part, path, one)
            actual = made.open(path)(inputs[:1])
        scale = max(float(np.abs(expected).max(initial=0.0)), 1e-6)
        return not float(np.abs(actual - expected).max(initial=0.0)) <= 1e-3 * scale

    low, high = 0, len(points) - 1
    try:
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if differs(middle) else (middle + 1, high)
    except (ZooError, ValueError, RuntimeError):
        return "Which layer is at fault could not be found: parts of the model cannot be written alone."
    layer = points[low][0]
    return f"The first layer that differs is {layer.name!r}, a {type(layer).__name__}: most likely it is at fault."


def _points(serving: Any) -> list[tuple[Any, Any]]:
    """Layers of the serving model, those of the base one by one, with the tensors that leave them."""
    import keras

    points: list[tuple[Any, Any]] = []
    for layer in serving.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model) and len(layer.inputs) == 1 and len(layer.layers) > 2:
            entry = keras_internals.input_in(serving, layer)
            points += [
                (inner, keras.Model(layer.inputs, inner.output)(entry))
                for inner in layer.layers
                if not isinstance(inner, keras.layers.InputLayer) and not isinstance(inner.output, list)
            ]
        else:
            points.append((layer, keras_internals.output_in(serving, layer)))
    return points


def milliseconds(answer: Answer, batch: np.ndarray) -> float:
    """Return the least wall time in which a batch is answered, in milliseconds."""
    answer(batch)
    times: list[float] = []
    while len(times) < _LEAST or (len(times) < _MOST and sum(times) < _SECONDS):
        start = time.perf_counter()
        answer(batch)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def machine() -> str:
    """Return what latencies were measured on, in words."""
    import os

    return f"{platform.machine()}, {os.cpu_count()} processors"
