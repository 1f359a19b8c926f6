"""Which weights are on this machine, at a glance: no file is read but the index, so that `zoo list` stays quick."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from zoo import settings

LATENCY = "by_name.json"
"""Milliseconds that were measured here, in the folder `latency` of the cache: backbone -> side, ms, busy."""


class AtHand:
    """What is on this machine now."""

    def __init__(self) -> None:
        self._index = _index(settings.cache_dir() / "weights")
        self._drop = settings.data_dir() / "weights"

    def has(self, weights: Any) -> bool:
        """Return whether one of the weight files of a row is on this machine.

        Args:
            weights: the field `weights` of a row, as it is in a manifest.
        """
        rows = weights if isinstance(weights, list | tuple) else ()
        return any(self._has(row) for row in rows if isinstance(row, Mapping))

    def _has(self, row: Mapping[str, Any]) -> bool:
        filename, kind = str(row.get("filename")), row.get("kind")
        if kind == "wheel":
            return _installed(str(row.get("distribution")))
        with suppress(OSError, ValueError):
            if (self._drop / filename).is_file():
                return True
        place = f"/{row.get('repository')}/resolve/" if kind == "hub" else str(row.get("url"))
        return any(place in address for address in self._index.get(filename, ()))


def _index(root: Path) -> dict[str, list[str]]:
    """File name -> addresses of the files in the store."""
    index: dict[str, list[str]] = {}
    for path in root.glob("index/*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            entry = json.loads(path.read_text(encoding="utf-8"))
            sha256 = entry["sha256"]
            if (root / "blobs" / "sha256" / sha256[:2] / sha256).is_file():
                index.setdefault(entry["filename"], []).append(str(entry.get("url")))
    return index


@cache
def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return False
    return True


def measured() -> dict[str, float]:
    """Return milliseconds an image by the name of the backbone, at its default size, where measured here at rest."""
    try:
        content = json.loads((settings.cache_dir() / "latency" / LATENCY).read_text(encoding="utf-8"))
        return {str(name): float(row["ms"]) for name, row in content.items() if row["busy"] is False}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
