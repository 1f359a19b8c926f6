"""The lock: what the first verified use of a file without a published digest was, one small JSON file for a machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from zoo.errors import DigestError, WeightsError
from zoo.fetching.files import storing, write_json
from zoo.untrusted import read_json, shown

VERSION = 1


class Pins:
    """Name of a file -> sha256, size, and what its source adds (the commit of a repository).

    Args:
        path: the lock file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> dict[str, dict[str, Any]]:
        """Return every pin by name.

        Raises:
            WeightsError: the file is damaged, or of another version.
        """
        if not self.path.exists():
            return {}
        content = read_json(self.path)
        pins = content.get("pins") if isinstance(content, dict) and content.get("version") == VERSION else None
        if not isinstance(pins, dict) or not all(_is_pin(pin) for pin in pins.values()):
            raise WeightsError(
                f"{self.path} is not a lock of weights, or is damaged. Bring it back from where it was shared, or "
                f"remove it; the next use of each file is then pinned anew."
            )
        return pins

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the pin of a file; None: it was never used."""
        return self.all().get(name)

    def add(self, name: str, pin: Mapping[str, Any]) -> None:
        """Remember the first verified use of a file.

        Raises:
            DigestError: another one is pinned.
        """
        self.merge({name: dict(pin)})

    def merge(self, other: Mapping[str, Mapping[str, Any]]) -> int:
        """Take pins in, those of another machine for instance.

        Returns:
            How many were new.

        Raises:
            DigestError: a file is pinned to other bytes here; nothing is taken then.
        """
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.path.with_name(self.path.name + ".lock")):
                pins = self.all()
                for name, pin in other.items():
                    if name in pins and pins[name]["sha256"] != pin["sha256"]:
                        raise DigestError(
                            f"{shown(name)} is pinned to sha256 {pins[name]['sha256']} in {self.path}, and now it "
                            f"would be {pin['sha256']}. If you trust the new one, remove the old pin from that file."
                        )
                new = {name: dict(pin) for name, pin in other.items() if name not in pins}
                if new:
                    write_json(self.path, {"version": VERSION, "pins": {**pins, **new}})
        return len(new)


def _is_pin(pin: Any) -> bool:
    sha256 = pin.get("sha256") if isinstance(pin, dict) else None
    return isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256) is not None
