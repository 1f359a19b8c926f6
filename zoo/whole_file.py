"""Writes a file whole or not at all: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def json_bytes(data: Any, *, indent: int | None = None) -> bytes:
    """Return data as JSON in UTF-8, letters as they are; a path that is not UTF-8 has all of it written in ASCII.

    Raises:
        TypeError: what JSON cannot hold.
    """
    try:
        return json.dumps(data, indent=indent, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(data, indent=indent).encode()


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write under another name in the same folder, sync, rename.

    Args:
        path: the file; its folder exists.
        data: all of its content.
        mode: permissions; None: readable for its owner only.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            Path(name).chmod(mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
