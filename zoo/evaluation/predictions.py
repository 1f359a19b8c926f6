"""What a model said of each example, kept beside run.json, and a run read back from its folder without its network."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError, UnsafeFileError
from zoo.evaluation.metrics import evaluate_outputs
from zoo.evaluation.result import Evaluation
from zoo.specs import Output
from zoo.untrusted import JsonLimits, contained, parse_json, shown
from zoo.untrusted.arrays import read_npz
from zoo.whole_file import write_whole

FORMAT = 1
"""Version of the file; one of another version is not read."""

HASH_DIGITS = 16
"""Digits of the sha256 of an example that are kept: 64 bits, enough to recognize it."""

_ABOUT = JsonLimits(bytes=32 << 20)
_MOST_OUTPUTS = 1000

_CLASSES = 4096
"""A table of who was taken for whom has the square of the classes; more of them than this need as many examples."""


def write_predictions(path: Path, evaluations: Mapping[str, Evaluation], outputs: Sequence[Output]) -> None:
    """Write ids, hashes, targets and scores of evaluations as one `.npz`, whole or not at all.

    It holds arrays of numbers and texts only, which NumPy reads without pickle; scores as float32, as models give them.

    Args:
        path: the file; its folder exists.
        evaluations: what each is called ("validation", "test") -> the evaluation.
        outputs: the answers of the model.
    """
    about = {
        "format": FORMAT,
        "outputs": [output.model_dump(mode="json") for output in outputs],
        "evaluations": {
            name: {"skipped": [list(row) for row in evaluation.skipped], "notes": list(evaluation.notes)}
            for name, evaluation in evaluations.items()
        },
    }
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for name, evaluation in evaluations.items():
        arrays[f"{name}_ids"] = np.array(evaluation.ids, dtype=np.str_)
        arrays[f"{name}_hashes"] = np.array(evaluation.hashes, dtype=np.str_)
        arrays[f"{name}_targets"] = evaluation.targets
        arrays[f"{name}_scores"] = evaluation.scores.astype(np.float32)
    data = io.BytesIO()
    np.savez_compressed(data, allow_pickle=False, **arrays)
    write_whole(path, data.getvalue())


def read_predictions(path: str | os.PathLike[str]) -> dict[str, Evaluation]:
    """Read the evaluations of a file that `write_predictions` wrote; figures are worked out again from the answers.

    Args:
        path: the file.

    Returns:
        What each was called ("validation", "test") -> the evaluation.

    Raises:
        OptionError: there is no such file, or another zoo wrote it.
        UnsafeFileError: it is damaged, or holds something else.
    """
    path = Path(path)
    if not path.exists():
        raise OptionError(f"there are no predictions in {path}")
    with contained(path, "predictions"):
        arrays = read_npz(path)
        about = _about(path, arrays)
        outputs = [Output.model_validate(output) for output in about["outputs"]]
        return {
            name: _evaluation(f"{path}: {shown(name)}", arrays, name, rest, outputs)
            for name, rest in about["evaluations"].items()
        }


def _about(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    text = arrays.get("about")
    if text is None or text.dtype.kind != "U" or text.shape != ():
        raise UnsafeFileError(f"{path} is damaged: it does not say what it holds")
    about = parse_json(str(text).encode("utf-8", "surrogatepass"), str(path), _ABOUT)
    if not isinstance(about, dict):
        raise UnsafeFileError(f"{path} is damaged: it does not say what it holds")
    if type(about.get("format")) is not int or about["format"] != FORMAT:
        raise OptionError(f"{path} is of format {shown(about.get('format'))}; this zoo reads format {FORMAT}")
    outputs, evaluations = about.get("outputs"), about.get("evaluations")
    if not isinstance(outputs, list) or not 1 <= len(outputs) <= _MOST_OUTPUTS or not isinstance(evaluations, dict):
        raise UnsafeFileError(f"{path} is damaged: it does not say whose answers it holds")
    return about


def _evaluation(
    where: str, arrays: Mapping[str, np.ndarray], name: str, rest: Any, outputs: Sequence[Output]
) -> Evaluation:
    """One evaluation, its arrays checked against each other before anything is computed of them."""
    ids, hashes, targets, scores = (arrays[f"{name}_{part}"] for part in ("ids", "hashes", "targets", "scores"))
    if not (_are_names(ids, hashes) and _are_answers(targets, scores, len(ids), outputs)):
        raise UnsafeFileError(f"{where} is damaged: its answers do not fit each other")
    skipped, notes = rest["skipped"], rest["notes"]
    if not all(isinstance(text, str) for row in [*skipped, notes] for text in row):
        raise UnsafeFileError(f"{where} is damaged: its notes are not texts")
    evaluation = evaluate_outputs(
        scores,
        targets,
        outputs,
        ids=ids.tolist(),
        hashes=hashes.tolist(),
        skipped=[(row[0], row[1]) for row in skipped],
    )
    return replace(evaluation, notes=tuple(notes))


def _are_names(ids: np.ndarray, hashes: np.ndarray) -> bool:
    """Whether these are names of examples, and their hashes or none."""
    none = hashes.shape == (0,)
    return (
        ids.ndim == 1 and ids.dtype.kind == "U" and (none or (hashes.shape == ids.shape and hashes.dtype.kind == "U"))
    )


def _are_answers(targets: np.ndarray, scores: np.ndarray, count: int, outputs: Sequence[Output]) -> bool:
    """Whether these are the targets and scores of so many examples."""
    columns = sum(output.width for output in outputs)
    if scores.shape != (count, columns) or scores.dtype.kind != "f" or columns > max(_CLASSES, count):
        return False
    single = len(outputs) == 1 and outputs[0].task == "classification"
    shaped = targets.shape == (count,) if single else targets.ndim in {1, 2} and len(targets) == count
    return shaped and targets.dtype.kind in "fiub"
