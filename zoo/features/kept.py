"""Small figures kept by what they depend on: JSON with a checksum, in the cache beside the features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from zoo import settings
from zoo.whole_file import write_whole


def read(kind: str, key: Mapping[str, Any]) -> Any | None:
    """What was kept under a key; None where nothing was, or where it is damaged.

    Args:
        kind: name of the folder in the cache.
        key: JSON-ready description of everything the figures depend on.
    """
    try:
        kept = json.loads(_path(kind, key).read_text(encoding="utf-8"))
        return kept["value"] if kept["sha256"] == _digest(kept["value"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(kind: str, key: Mapping[str, Any], value: Any) -> None:
    """Keep JSON-ready figures; where the disk refuses they are computed again next time."""
    path = _path(kind, key)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"sha256": _digest(value), "value": value}).encode())


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    return settings.cache_dir() / kind / f"{_digest(key)}.json"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
