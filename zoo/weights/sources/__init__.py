"""Where weights come from: one class a kind of source; plugins add kinds by the hook `zoo_sources`.

The store knows no kind. It asks the source of a row for a file that is on this machine already (`open`), for what is to
be fetched (`resolve`), and for the error when there is neither (`absent`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from zoo.errors import UnknownNameError, WeightsError, did_you_mean
from zoo.plugin import registry
from zoo.specs import WeightSource
from zoo.weights.sources.address import FileSource, UrlSource
from zoo.weights.sources.hub import HubSource
from zoo.weights.sources.models import KaggleSource, TfHubSource
from zoo.weights.sources.of_plugin import OfPlugin, file_name
from zoo.weights.sources.wheel import WheelSource
from zoo.weights.wanted import Address, Held, Wanted

__all__ = ["Address", "Held", "Source", "UrlSource", "Wanted", "kinds", "row_of", "source_of"]


@runtime_checkable
class Source(Protocol):
    """One kind of source.

    Attributes:
        kind: what a row's `kind` says.
    """

    kind: str

    def has(self, row: WeightSource) -> bool:
        """Return whether `open` is likely to give the file; reads no content."""
        ...

    def open(self, row: WeightSource) -> Held | None:
        """Return the checked file of a row where it is on this machine outside the store.

        Raises:
            WeightsError: it is, and is not what it should be.
        """
        ...

    def resolve(self, row: WeightSource, pin: Mapping[str, Any] | None) -> Wanted:
        """Return what is to be had: address, size and digest. Touches no network; `Wanted.locate` may.

        Args:
            row: the row of the registry.
            pin: what the lock remembers of the first verified use: `sha256`, `bytes`, and what the source added.
        """
        ...

    def absent(self, row: WeightSource) -> WeightsError | None:
        """Return the error for a file that is neither at hand nor to be fetched; None: the usual one."""
        ...


_KINDS: tuple[Source, ...] = (
    UrlSource(),
    WheelSource(),
    FileSource(),
    HubSource(),
    TfHubSource(),
    KaggleSource(),
)
_OWN = {source.kind: source for source in _KINDS}


def source_of(row: WeightSource) -> Source:
    """Return the source of a row: zoo's own, or that of a plugin.

    Raises:
        WeightsError: nobody provides its kind.
    """
    own = _OWN.get(row.kind)
    if own is not None:
        return own
    try:
        return OfPlugin(registry().get("sources", row.kind))
    except UnknownNameError as error:
        near = did_you_mean(row.kind, kinds())
        raise WeightsError(
            f"the weights {row.id!r} come from {row.kind!r}, a source that nobody provides.{near}"
        ) from error


def kinds() -> list[str]:
    """Return the kinds of sources that are known, sorted."""
    return sorted({*_OWN, *(entry.name for entry in registry().entries("sources"))})


def row_of(address: str) -> WeightSource | None:
    """Return a row for an address that a user writes; None: it is no address.

    Args:
        address: `https://...`; `hf://owner/name/file`, with `@commit` behind the name if wanted; or an address of a
            plugin's source.

    Raises:
        WeightsError: nobody provides such addresses, or it names no file.
    """
    scheme, mark, rest = address.partition("://")
    if not mark or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        return None
    if scheme == "hf":
        return _hub_row(address, rest)
    if scheme == "https":
        return _row("url", address, file_name(address), url=address)
    for entry in registry().entries("sources"):
        if f"{scheme}://" in entry.data.get("schemes", ()):
            return _row(entry.id, address, file_name(address), url=address)
    known = ["https://", "hf://"]
    known += [text for entry in registry().entries("sources") for text in entry.data.get("schemes", ())]
    raise WeightsError(f"nobody provides weights at {scheme}:// addresses; known are {', '.join(known)}")


def _hub_row(address: str, rest: str) -> WeightSource:
    parts = rest.split("/", 2)
    if len(parts) < 3 or not parts[2]:
        raise WeightsError(f"{address!r} names no file: write hf://owner/name/file, or hf://owner/name@commit/file")
    name, _, commit = parts[1].partition("@")
    return _row(
        "hub",
        address,
        parts[2].rpartition("/")[2],
        repository=f"{parts[0]}/{name}",
        path=parts[2],
        revision=commit or None,
    )


def _row(kind: str, address: str, filename: str, **fields: Any) -> WeightSource:
    return WeightSource(
        id="address",
        kind=kind,
        filename=filename,
        includes_top=False,
        license="not stated",
        license_source=address,
        trained_on="not stated",
        **fields,
    )
