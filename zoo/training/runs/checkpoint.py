"""Step checkpoints: folders that are whole or not there at all, checked by digest when they are read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.whole_file import json_bytes

FORMAT = 1
"""Version of the layout; a checkpoint of another one is not read."""

STATE = "state.json"
_PREFIX = "step-"
_TEMPORARY = ".step-"

Tensors = Mapping[str, np.ndarray]


class DamagedCheckpointError(Exception):
    """A checkpoint that is not what was written; the one before it is used."""


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint as read.

    Attributes:
        path: its folder.
        state: what is not an array: where the run was, history, fingerprints.
        tensors: name of the file (without suffix) -> name -> array.
    """

    path: Path
    state: dict[str, Any]
    tensors: dict[str, dict[str, np.ndarray]]


def write(parent: Path, number: int, tensors: Mapping[str, Tensors], state: Mapping[str, Any]) -> Path:
    """Write `step-<number>/` under a temporary name, sync every file, rename, and sync the folder above.

    Args:
        parent: where checkpoints of this run lie; made if needed.
        number: its place in the run; a checkpoint of that number is replaced.
        tensors: file name without suffix -> name -> array.
        state: JSON-ready; everything else.

    Returns:
        The folder.

    Raises:
        OSError: no room, or no right to write. Checkpoints written before are as they were.
    """
    from safetensors.numpy import save

    parent.mkdir(parents=True, exist_ok=True)
    target = parent / f"{_PREFIX}{number:06d}"
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_TEMPORARY}{number:06d}-"))
    try:
        digests = {}
        for name, arrays in tensors.items():
            # safetensors writes the memory as it lies: a transposed view would come back as something else.
            data = save({key: np.array(value, order="C") for key, value in arrays.items()})
            digests[f"{name}.safetensors"] = hashlib.sha256(data).hexdigest()
            _write_synced(temporary / f"{name}.safetensors", data)
        body = json.loads(json.dumps({"format": FORMAT, "files": digests, **state}))  # as it will be read
        _write_synced(temporary / STATE, json_bytes({"sha256": _digest(body), "body": body}))
        _sync_folder(temporary)
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _sync_folder(parent)
    return target


def read(path: Path) -> Checkpoint:
    """Read a checkpoint and check every byte of it.

    Raises:
        DamagedCheckpointError: a file is missing, cut off or changed, or was written by another version of zoo.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        whole = json.loads((path / STATE).read_text(encoding="utf-8"))
        body = whole["body"]
        if whole["sha256"] != _digest(body):
            raise DamagedCheckpointError(f"{path / STATE} was changed")
        if body["format"] != FORMAT:
            raise DamagedCheckpointError(f"{path} is of format {body['format']}, this zoo reads {FORMAT}")
        tensors = {}
        for name, digest in body["files"].items():
            data = (path / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise DamagedCheckpointError(f"{path / name} was changed")
            tensors[Path(name).stem] = load(data)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedCheckpointError(f"{path} cannot be read: {error}") from error
    return Checkpoint(path, body, tensors)


def numbered(parent: Path) -> list[Path]:
    """The checkpoints under a folder, oldest first, whole or not."""
    folders = [path for path in parent.glob(f"{_PREFIX}*") if path.name[len(_PREFIX) :].isdigit()]
    return sorted(folders, key=lambda path: int(path.name[len(_PREFIX) :]))


def newest(parent: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and what was wrong with those after it."""
    problems: list[str] = []
    for path in reversed(numbered(parent)):
        try:
            return read(path), problems
        except DamagedCheckpointError as error:
            problems.append(str(error))
    return None, problems


def prune(parent: Path, *, keep: int, also: Iterable[str] = ()) -> None:
    """Remove all but the newest few and those named, and what a kill left half-written.

    A folder is renamed before it is emptied: a kill in between must not leave half of one under its name.
    """
    names = set(also)
    for path in numbered(parent)[:-keep]:
        if path.name not in names:
            path.rename(parent / f"{_TEMPORARY}old-{path.name}")
    for path in parent.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make the names in a folder last; a system that cannot open folders does without."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
