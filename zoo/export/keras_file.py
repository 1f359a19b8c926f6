"""Writes and reads `.keras` files: the plain serving model, with zoo's record as one more member."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.errors import OptionError, UnsafeFileError
from zoo.plugin import provenance

RECORD = "zoo.json"
"""The member that plain Keras ignores and `zoo.load` reads: labels, task, resize rule, provenance."""

FORMAT = 1
"""Version of the record; a file of another version is not read."""

_KERAS_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_CODE = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "__lambda__"}
"""Classes that run or load code of the file's author."""

_MOST_UNITS = 1_000_000
"""A file that describes a wider layer than this is a bomb, not a model."""


def save(serving: Any, record: dict[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write the serving model and its record; whole or not at all. A notice says if it needs code beside Keras.

    Args:
        serving: the plain Keras model, pixels 0..255 in, probabilities out.
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
    import keras

    from zoo.architectures.backends import check_backend

    check_backend()
    source = Path(path)
    if not source.is_file():
        raise OptionError(f"there is no model file {str(source)!r}")
    record = _inspect(source)
    with provenance.loading(source, record):
        return keras.saving.load_model(source, compile=False, safe_mode=True), record


def _inspect(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names) or not _KERAS_MEMBERS <= set(names) <= _KERAS_MEMBERS | {RECORD}:
                if RECORD not in names and set(names) >= _KERAS_MEMBERS:
                    raise _not_ours(path)
                raise UnsafeFileError(f"{path} is not a model that zoo wrote: it holds {sorted(names)[:8]}")
            bad = archive.testzip()
            if bad is not None:
                raise UnsafeFileError(f"{path} is damaged: the checksum of its member {bad!r} is wrong")
            config = json.loads(archive.read("config.json"))
            if RECORD not in names:
                raise _not_ours(path)
            record = json.loads(archive.read(RECORD))
    except (zipfile.BadZipFile, OSError, json.JSONDecodeError, UnicodeDecodeError, EOFError) as error:
        raise UnsafeFileError(f"{path} is damaged or not a .keras file: {error}") from error
    if not isinstance(record, dict) or record.get("zoo_file") != FORMAT:
        raise UnsafeFileError(f"{path} is damaged, or was written by a newer zoo: its record is not of format {FORMAT}")
    for node in _nodes(config):
        _check_node(path, node)
    return record


def _not_ours(path: Path) -> OptionError:
    return OptionError(
        f"{path} is a Keras model that zoo did not write, so labels and preprocessing are unknown: load it with "
        f"keras.models.load_model and pass it to zoo.build(model, head=..., preprocessing=...)"
    )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _check_node(path: Path, node: dict[str, Any]) -> None:
    if node.get("class_name") in _CODE:
        raise UnsafeFileError(f"{path} holds a {node['class_name']!r}, which runs code of its author; it is not loaded")
    for key in ("units", "filters", "vocabulary_size", "input_dim", "output_dim"):
        count = node.get(key)
        if isinstance(count, int | float) and count > _MOST_UNITS:
            raise UnsafeFileError(f"{path} describes a layer with {key}={count}; it is not loaded")
