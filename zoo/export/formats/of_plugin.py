"""A format of a plugin: called through the one place for foreign code; what travels lies in a file beside its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import PluginError
from zoo.export.formats.interface import Answer, side_by_side
from zoo.plugin import calling, load_target
from zoo.plugin.calling import short
from zoo.registry import Entry


class OfPlugin:
    """Stands in front of the format that an entry names; what it raises says whose it is.

    Args:
        entry: of the format.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry, self._whose = entry, f"format {entry.id!r}"
        made = load_target(entry, entry.spec.format)
        with calling(entry.provider, self._whose):
            self._format = made()

    @property
    def extension(self) -> str:
        """Return the end that the names of its files have."""
        return str(self._entry.spec.extension)

    def write(self, model: Any, path: Path, record: Mapping[str, Any]) -> None:
        """Let the plugin write; see `Format.write`.

        Raises:
            PluginError: it fails, or writes nothing.
        """
        with calling(self._entry.provider, self._whose, where=" in write"):
            self._format.write(model, path, dict(record))
        if not path.exists():
            raise PluginError(f"{self._whose} of {self._entry.provider}: write left nothing at {path.name}")

    def open(self, path: Path) -> Answer:
        """Let the plugin open; its answers are checked. See `Format.open`.

        Raises:
            PluginError: it fails, or answers with something else than numbers.
        """
        with calling(self._entry.provider, self._whose, where=" in open"):
            answer = self._format.open(path)

        def checked(batch: np.ndarray) -> np.ndarray:
            with calling(self._entry.provider, self._whose, where=" when it answers", keep=False):
                answers = answer(batch)
            try:
                values = side_by_side(list(answers.values()) if isinstance(answers, Mapping) else answers, ())
            except (TypeError, ValueError) as error:
                raise PluginError(
                    f"{self._whose} of {self._entry.provider} must answer with numbers (n, columns); it answered "
                    f"{short(answers)}"
                ) from error
            return values

        return checked
