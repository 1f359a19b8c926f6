"""Weights at an https address, and weights that the user has to place by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.errors import WeightsError
from zoo.specs import WeightSource
from zoo.weights.wanted import Held, Wanted


class UrlSource:
    """A file at an https address; `ZOO_MIRROR` replaces scheme and host."""

    kind = "url"

    def has(self, row: WeightSource) -> bool:
        """Return False: the store alone knows."""
        return False

    def open(self, row: WeightSource) -> Held | None:
        """Return None: the store alone keeps such files."""
        return None

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the address of the row."""
        return Wanted.of(row, url=row.url)

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return None: there is an address."""
        return None


class FileSource:
    """A file that nobody may pass on, or that has no address: the user places it in the drop folder."""

    kind = "file"

    def has(self, row: WeightSource) -> bool:
        """Return False: the store alone knows."""
        return False

    def open(self, row: WeightSource) -> Held | None:
        """Return None: the store looks into the drop folder itself."""
        return None

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the file without an address."""
        return Wanted.of(row)

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return None: the store says where to put it."""
        return None
