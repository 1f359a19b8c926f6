"""A model in a file: the serving graph with its record beside it, written whole and read with care."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo._version import __version__
from zoo.compose import Composition, take_apart
from zoo.errors import FrozenError, OptionError, UnsafeFileError
from zoo.export.keras_file import read, save
from zoo.specs.record import ModelRecord
from zoo.training import receipts
from zoo.training.runs.folder import versions
from zoo.untrusted import contained


def record_of(composition: Composition, **facts: Any) -> ModelRecord:
    """Return what a file says of a model.

    Args:
        composition: the model.
        **facts: fields of `ModelRecord` that the graphs do not say: head_state, training_files and so on.
    """
    return ModelRecord(
        zoo=__version__,
        outputs=composition.outputs,
        intake=composition.intake.model_dump(mode="json"),
        identity=composition.identity,
        batchnorm=receipts.batchnorm(composition),
        versions=versions(),
        **facts,
    )


def write_model(composition: Composition, record: ModelRecord, path: str | os.PathLike[str]) -> Path:
    """Write a `.keras` file that plain Keras loads without zoo; labels travel in it.

    Args:
        composition: the model.
        record: what the file says of it.
        path: a name that ends in `.keras`; an existing file is replaced.

    Raises:
        OptionError: the name does not end in `.keras`, its folder does not exist, or the base is a SavedModel.
    """
    if composition.identity.code is not None:
        raise OptionError(
            f"a .keras file cannot hold {composition.identity.code}: it is a SavedModel, whose code Keras does not "
            f"load again without trust, and whose folder would still be needed. model.keras_model.export(folder) "
            f"writes a SavedModel that holds all of it"
        )
    return save(composition.serving, {key: value for key, value in record.to_json().items() if key != "code"}, path)


def read_model(path: str | os.PathLike[str]) -> tuple[Composition, ModelRecord]:
    """Read a model from a file that `write_model` wrote.

    Args:
        path: the file.

    Raises:
        UnsafeFileError: the file is damaged or holds code.
        OptionError: there is no such file, or zoo did not write it.
        FrozenError: BatchNorm of the base is not what was saved.
        PluginError: it has layers of a plugin that is missing or broken.
    """
    serving, content = read(path)
    with contained(path, "a model"):
        fields = {key: value for key, value in content.items() if key in ModelRecord.model_fields}
        record = ModelRecord.model_validate(fields)
        composition = take_apart(serving, record)
        moved = receipts.changed(record.batchnorm, receipts.batchnorm(composition))
    if moved:
        raise FrozenError(f"{path} is damaged: BatchNorm {moved[0]!r} of the base is not what was saved")
    if len(composition.labels) not in (0, composition.width):
        raise UnsafeFileError(f"{path} is damaged: {len(composition.labels)} labels for {composition.width} outputs")
    return composition, record
