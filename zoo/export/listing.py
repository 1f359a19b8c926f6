"""`export.json`: what the exported files of a folder are, and which of them answers fastest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import settings
from zoo.errors import UnsafeFileError
from zoo.untrusted import read_json
from zoo.whole_file import json_bytes, write_whole

if TYPE_CHECKING:
    from zoo.specs.exports import ExportRecord

NAME = "export.json"

_RUNNABLE = {"onnx": "onnxruntime", "litert": "ai_edge_litert"}
"""Formats that answer without TensorFlow -> what has to be installed."""


def note(target: Path, record: ExportRecord) -> None:
    """Put an exported file on record in `export.json` of its folder; those of others stay."""
    from filelock import FileLock

    path = target.parent / NAME
    locks = settings.cache_dir() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:32]}.lock"):
        exports = {name: row for name, row in exports_of(target.parent).items() if (target.parent / name).exists()}
        exports[target.name] = record.model_dump(mode="json")
        content = {"schema_version": 1, "exports": exports}
        write_whole(path, json_bytes(content, indent=1) + b"\n", mode=0o644)


def exports_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return name of the file -> its record, as JSON; {} where nothing was exported or the list is damaged."""
    try:
        content = read_json(folder / NAME)
    except UnsafeFileError:
        return {}
    if not isinstance(content, dict) or content.get("schema_version") != 1:
        return {}
    exports = content.get("exports")
    rows = exports.items() if isinstance(exports, dict) else ()
    return {name: row for name, row in rows if isinstance(row, dict) and Path(name).name == name}


def fastest(folder: Path) -> Path | None:
    """Return the exported file of a folder that answers one example fastest without TensorFlow, or None.

    Quantized files answer otherwise than the model, so they are never chosen unasked.
    """
    from importlib.util import find_spec

    fit = [
        (float(row["milliseconds"]), folder / name)
        for name, row in exports_of(folder).items()
        if isinstance(row.get("milliseconds"), int | float)
        and row.get("quantize") is None
        and find_spec(_RUNNABLE.get(str(row.get("format")), "") or "no_such_module") is not None
        and (folder / name).is_file()
        and (folder / name).stat().st_size == row.get("bytes")
    ]
    return min(fit)[1] if fit else None
