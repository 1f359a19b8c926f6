"""Writes and reads `.keras` files: the plain serving model, with zoo's record as one more member."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from zoo.errors import OptionError, UnsafeFileError, WeightsError
from zoo.export import deferred
from zoo.export.config_check import UnknownClassError, check_config
from zoo.plugin import provenance
from zoo.specs.record import ModelRecord
from zoo.untrusted import Archive, JsonLimits, contained, opened_archive, parse_json, shown
from zoo.weights.formats.keras_file import unfold

RECORD = "zoo.json"
"""The member that plain Keras ignores and `zoo.load` reads: labels, task, resize rule, provenance."""

FORMAT = 1
"""Version of the record; a file of another version is not read."""

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

_LIMITS = {
    _METADATA: JsonLimits(bytes=1 << 16, values=1000),
    _CONFIG: JsonLimits(bytes=16 << 20),
    RECORD: JsonLimits(bytes=64 << 20, values=2_000_000),
}
"""Of the members that are JSON; the record of a model that was trained on a million pictures has 20 MB."""

_MOST_WEIGHTS = 1 << 36

_TEXTS = ("training_files", "batchnorm_adapted", "augment")
"""Parts of the record that are lists of texts."""


def save(serving: Any, record: dict[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write the serving model and its record; whole or not at all. A notice says if it needs code beside Keras.

    Args:
        serving: the plain Keras model, values 0..255 in, probabilities out.
        record: labels, task, resize rule, provenance; JSON-ready.
        path: a name that ends in `.keras`; an existing file is replaced.

    Raises:
        OptionError: the name does not end in `.keras`, or its folder does not exist.
    """
    code = provenance.needed(serving)
    record = {"zoo_file": FORMAT, "code": code, **record}
    target = Path(path)
    if target.suffix != ".keras":
        raise OptionError(f"cannot save to {str(target)!r}: the name must end in .keras")
    if not target.parent.is_dir():
        raise OptionError(f"cannot save to {str(target)!r}: the folder {str(target.parent)!r} does not exist")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".keras")
    os.close(handle)
    temporary = Path(name)
    try:
        serving.save(temporary)
        with zipfile.ZipFile(temporary, "a", compression=zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(RECORD, json.dumps(record, ensure_ascii=False, indent=1))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    provenance.say_what_is_needed(code)
    return target


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """The serving model and the record of a file that `save` wrote.

    Architecture and weights are data; a file that names code is refused whatever Keras's own settings allow.

    Raises:
        UnsafeFileError: the file is damaged, holds code, or has members it should not have.
        OptionError: it is a Keras model that zoo did not write, there is no such file, or zoo was not tested on this
            backend of Keras.
        PluginError: it has layers of a plugin that is missing or broken; names distribution and version.
    """
    from zoo.architectures.backends import check_backend

    check_backend()
    source = Path(path)
    if not source.is_file():
        raise OptionError(f"there is no model file {str(source)!r}")
    with opened_archive(source, _limit) as archive:
        _check_members(source, archive)
        config = _json(archive, _CONFIG)
        _json(archive, _METADATA)
        record = _json(archive, RECORD)
        _check_record(source, record)
        with contained(source, "a model"), provenance.loading(source, record):
            return _model(source, archive, config, {row["module"] for row in record.get("code", [])}), record


def recorded(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record of a file that `save` wrote, without its network; loads no Keras.

    Raises:
        UnsafeFileError: the file is damaged.
    """
    with opened_archive(Path(path), _limit) as archive:
        record = _json(archive, RECORD)
    return record if isinstance(record, dict) else {}


def _limit(name: str) -> int:
    return _LIMITS[name].bytes if name in _LIMITS else _MOST_WEIGHTS


def _check_members(path: Path, archive: Archive) -> None:
    names, needed = set(archive.names), {_METADATA, _CONFIG, _WEIGHTS}
    if RECORD not in names and names >= needed:
        raise OptionError(
            f"{path} is a Keras model that zoo did not write, so labels and preprocessing are unknown: load it with "
            f"keras.models.load_model and pass it to zoo.build(model, head=..., preprocessing=...)"
        )
    if names != needed | {RECORD}:
        members = ", ".join(shown(name) for name in sorted(names)[:8])
        raise UnsafeFileError(f"{path} is not a model that zoo wrote: it holds {members}")


def _json(archive: Archive, name: str) -> Any:
    return parse_json(archive.read(name), f"{archive.path}: {name}", _LIMITS[name])


def _check_record(path: Path, record: Any) -> None:
    if not isinstance(record, dict) or record.get("zoo_file") != FORMAT:
        raise UnsafeFileError(f"{path} is damaged, or was written by a newer zoo: its record is not of format {FORMAT}")
    code = record.get("code", [])
    if not isinstance(code, list) or not all(_is_code(row) for row in code):
        raise UnsafeFileError(f"{path} is damaged: its record does not say properly what code it needs")
    for key in _TEXTS:
        texts = record.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UnsafeFileError(f"{path} is damaged: {key!r} of its record is not a list of texts")


def _is_code(row: Any) -> bool:
    texts = ("plugin", "distribution", "version")
    return (
        isinstance(row, dict)
        and isinstance(row.get("module"), str)
        and isinstance(row.get("classes"), list)
        and all(isinstance(name, str) for name in row["classes"])
        and all(isinstance(row.get(key), str | None) for key in texts)
    )


def _model(path: Path, archive: Archive, config: Any, foreign: set[str]) -> Any:
    """The model of a file whose members are checked, one after the other, before they are used."""
    try:
        if not isinstance(config, dict):
            raise UnsafeFileError("its config is not a table")
        registered = check_config(config)
    except UnknownClassError as error:
        if error.module in foreign:  # code that the record names: whose it is and how to get it is said by the caller
            raise TypeError(str(error)) from error
        raise UnsafeFileError(f"{path} is not loaded: {error}") from error
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{path} is not loaded: {error}") from error
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        weights = Path(folder) / _WEIGHTS
        unfold(archive, weights)
        try:
            return deferred.build({**config, "compile_config": None}, weights, registered=registered)
        except (UnsafeFileError, WeightsError) as error:
            raise UnsafeFileError(f"{path} is damaged or not loaded: {error}") from error


def read_record_of(path: Path) -> ModelRecord:
    """Return what a `.keras` file says of its model, without the model: neither Keras nor weights are read.

    Raises:
        UnsafeFileError: the file is damaged.
        OptionError: zoo did not write it.
    """
    if not path.is_file():
        raise OptionError(f"there is no model file {str(path)!r}")
    with opened_archive(path, _limit) as archive, contained(path, "a model"):
        _check_members(path, archive)
        content = _json(archive, RECORD)
        _check_record(path, content)
        return ModelRecord.model_validate({key: content[key] for key in ModelRecord.model_fields if key in content})
