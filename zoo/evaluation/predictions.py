"""What a model said of each example, kept beside run.json, and a run read back from its folder without its network."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import OptionError
from zoo.evaluation.metrics import evaluate_outputs
from zoo.evaluation.result import Evaluation
from zoo.specs import Output
from zoo.whole_file import write_whole

FORMAT = 1
"""Version of the file; one of another version is not read."""

HASH_DIGITS = 16
"""Digits of the sha256 of an example that are kept: 64 bits, enough to recognize it."""


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
    """The evaluations of a file that `write_predictions` wrote, figures worked out again from the answers.

    Raises:
        OptionError: there is no such file, or it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            if about["format"] != FORMAT:
                raise OptionError(f"{path} is of format {about['format']}; this zoo reads format {FORMAT}")
            outputs = [Output.model_validate(output) for output in about["outputs"]]
            return {
                name: replace(
                    evaluate_outputs(
                        file[f"{name}_scores"],
                        file[f"{name}_targets"],
                        outputs,
                        ids=file[f"{name}_ids"].tolist(),
                        hashes=file[f"{name}_hashes"].tolist(),
                        skipped=[(row[0], row[1]) for row in rest["skipped"]],
                    ),
                    notes=tuple(rest["notes"]),
                )
                for name, rest in about["evaluations"].items()
            }
    except FileNotFoundError as error:
        raise OptionError(f"there are no predictions in {path}") from error
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(f"{path} is damaged: {error!r}") from error
