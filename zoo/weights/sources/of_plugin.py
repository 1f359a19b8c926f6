"""A weight source of a plugin: it brings bytes to a path, and the store decides whether they are the right ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from zoo.errors import WeightsError
from zoo.fetching.files import Progress
from zoo.plugin import calling, load_target
from zoo.registry import Entry
from zoo.specs import WeightSource
from zoo.weights.wanted import Held, Wanted


class OfPlugin:
    """Stands in front of the class that an entry names: `fetch(address, target, progress)`.

    Args:
        entry: of the registry, of the kind "sources".
    """

    def __init__(self, entry: Entry) -> None:
        self.kind = entry.id
        self._entry = entry

    def has(self, row: WeightSource) -> bool:
        """Return False: the store alone knows."""
        return False

    def open(self, row: WeightSource) -> Held | None:
        """Return None: what a plugin says of a file on this machine vouches for nothing."""
        return None

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return the file at the address of the row."""
        address = row.url or ""
        schemes = self._entry.spec.schemes
        if schemes and not address.startswith(tuple(schemes)):
            raise WeightsError(
                f"{address!r} is no address of the source {self.kind!r} of {self._entry.provider}: such addresses "
                f"begin with {' or '.join(schemes)}"
            )
        return Wanted.of(row, url=address, bring=lambda path, progress: self._bring(address, path, progress))

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return None: there is an address."""
        return None

    def _bring(self, address: str, path: Path, progress: Progress | None) -> None:
        made = load_target(self._entry, self._entry.spec.source)
        with calling(self._entry.provider, f"weight source {self.kind!r}", where=f" while it fetched {address}"):
            made().fetch(address, path, progress)
        if not path.is_file():
            raise WeightsError(
                f"the weight source {self.kind!r} of {self._entry.provider} brought no file for {address}: its fetch "
                f"must write to the path that it is given"
            )


def file_name(address: str) -> str:
    """Return the last part of an address, for messages and in the drop folder.

    Raises:
        WeightsError: it names no file.
    """
    name = urlsplit(address).path.rpartition("/")[2] or urlsplit(address).netloc
    if not name:
        raise WeightsError(f"{address!r} names no file")
    return name
