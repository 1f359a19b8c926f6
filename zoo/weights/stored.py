"""The record of a weight file whose bytes were checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zoo.specs import WeightSource
from zoo.weights.formats import Format


@dataclass(frozen=True)
class StoredFile:
    """A weight file whose bytes were checked.

    Attributes:
        path: where it lies; a blob of the store has no suffix, `format` says what it is.
        sha256: of its bytes.
        format: how the bytes are laid out.
        includes_top: whether the classifier's weights are in it; None: not known (a file the user named).
        source: the row it came from; None: a file the user named.
        address: what the user wrote for it, where that is an address.
        note: what the user should be told about its origin; empty when a published digest vouches for it.
    """

    path: Path
    sha256: str
    format: Format
    includes_top: bool | None
    source: WeightSource | None
    note: str = ""
    address: str | None = None
