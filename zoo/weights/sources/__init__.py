"""Where weights come from: one class a kind of source; plugins add kinds by the hook `zoo_sources`.

The store knows no kind. It asks the source of a row for a file that is on this machine already (`open`), for what is to
be fetched (`resolve`), and for the error when there is neither (`absent`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from zoo.errors import PluginError, WeightsError, did_you_mean
from zoo.specs import WeightSource
from zoo.weights.sources.address import FileSource, UrlSource
from zoo.weights.sources.hub import HubSource
from zoo.weights.sources.wheel import WheelSource
from zoo.weights.wanted import Address, Held, Wanted

__all__ = ["Address", "Held", "Source", "UrlSource", "Wanted", "kinds", "register", "source_of"]


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


_KINDS: tuple[Source, ...] = (UrlSource(), WheelSource(), FileSource(), HubSource())
_OWN = {source.kind: source for source in _KINDS}
_ADDED: dict[str, Source] = {}


def source_of(row: WeightSource) -> Source:
    """Return the source of a row.

    Raises:
        WeightsError: nobody provides its kind.
    """
    source = _OWN.get(row.kind) or _ADDED.get(row.kind)
    if source is None:
        near = did_you_mean(row.kind, kinds())
        raise WeightsError(f"the weights {row.id!r} come from {row.kind!r}, a source that nobody provides.{near}")
    return source


def kinds() -> list[str]:
    """Return the kinds of sources that are known, sorted."""
    return sorted({*_OWN, *_ADDED})


def register(classes: Iterable[type[Any]]) -> None:
    """Take the sources of plugins.

    Args:
        classes: classes that can be made without arguments and are sources.

    Raises:
        PluginError: a class is not a source, or its kind is taken.
    """
    for made in classes:
        source = made()
        if not isinstance(source, Source) or not isinstance(source.kind, str):
            raise PluginError(
                f"{made.__module__}.{made.__name__} is not a weight source: it needs kind, has, open, resolve, absent"
            )
        other = _OWN.get(source.kind) or _ADDED.get(source.kind)
        if other is not None and type(other) is not made:
            raise PluginError(
                f"{made.__module__}.{made.__name__} provides the weight source {source.kind!r}, which "
                f"{type(other).__module__}.{type(other).__name__} provides already"
            )
        _ADDED[source.kind] = source
